/* SPDX-License-Identifier: ISC */
#include "lib/io/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/must.h"

#define LEVEL		3
#define WINDOW_BITS	(-15)		/* raw; its 32 KiB are ZIP_PIECE */
#define DEFLATE_STEP	16384u
#define INPUT_MAX	(1u << 20)	/* what conn reads ahead is far less */

/* Of z_stream.data_type after inflate(Z_BLOCK). */
#define AT_BLOCK	128
#define IN_LAST		64
#define BITS_LEFT	7

struct zip_shared {
	z_stream	 deflate;
	unsigned char	 piece[ZIP_PIECE];
};

struct zip {
	struct zip_shared	*shared;
	z_stream		*inflate;	/* NULL: resting */
	struct buf		 in;		/* fed, not used yet */
	unsigned char		*window;	/* while resting: its history */
	unsigned		 window_bytes;
	int			 bits, bit_count;	/* of the last byte, not used yet */
	unsigned char		 last;		/* byte that was used */
	bool			 is_ended;	/* by the peer: nothing may follow */
	bool			 is_at_block;	/* it may rest */
	bool			 is_full;	/* the last piece had no room left */
};

/* ---- life ---- */

struct zip_shared *
zip_shared_new(void)
{
	struct zip_shared *sh = must_alloc(1, sizeof(*sh));

	must(deflateInit2(&sh->deflate, LEVEL, Z_DEFLATED, WINDOW_BITS, 8,
	    Z_DEFAULT_STRATEGY) == Z_OK);
	return sh;
}

void
zip_shared_free(struct zip_shared **psh)
{
	if (*psh == NULL)
		return;
	(void)deflateEnd(&(*psh)->deflate);
	free(*psh);
	*psh = NULL;
}

struct zip *
zip_new(struct zip_shared *sh)
{
	struct zip *z = must_alloc(1, sizeof(*z));

	z->shared = sh;
	z->is_at_block = true;
	buf_init(&z->in, INPUT_MAX);
	return z;
}

static void
inflate_free(struct zip *z)
{
	if (z->inflate == NULL)
		return;
	(void)inflateEnd(z->inflate);
	free(z->inflate);
	z->inflate = NULL;
}

void
zip_free(struct zip **pz)
{
	struct zip *z = *pz;

	*pz = NULL;
	if (z == NULL)
		return;
	inflate_free(z);
	free(z->window);
	buf_fini(&z->in);
	free(z);
}

/* ---- out ---- */

/* After the reset nothing refers to earlier bytes; the flush ends at a byte. */
void
zip_deflate(struct zip *z, struct slice s, struct buf *wire)
{
	z_stream *d = &z->shared->deflate;
	unsigned char out[DEFLATE_STEP];

	must(deflateReset(d) == Z_OK && s.n <= UINT32_MAX);
	d->next_in = (unsigned char *)(uintptr_t)s.p;	/* it only reads */
	d->avail_in = (uInt)s.n;
	do {
		d->next_out = out;
		d->avail_out = sizeof(out);
		must(deflate(d, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
		buf_put(wire, out, sizeof(out) - d->avail_out);
	} while (d->avail_out == 0);
}

/* ---- in ---- */

void
zip_feed(struct zip *z, struct slice s)
{
	buf_put_slice(&z->in, s);
}

bool
zip_has_input(const struct zip *z)
{
	return z->in.n > 0 || z->is_full;
}

/* The end of the peer's flush, an empty stored block, is not plain yet. */
struct slice
zip_left(const struct zip *z)
{
	const struct slice end = SLICE_LIT("\0\0\0\xff\xff");
	struct slice s = buf_slice(&z->in);

	if (slice_eq(slice_head(s, end.n), end))
		return slice_from(s, end.n);
	/* Its first three bits may have been in the byte before. */
	return slice_eq(slice_head(s, end.n - 1), slice_from(end, 1)) ?
	    slice_from(s, end.n - 1) : s;
}

size_t
zip_held(const struct zip *z)
{
	return sizeof(*z) + z->window_bytes;
}

/* Go on where it rested. */
static void
wake(struct zip *z)
{
	if (z->inflate != NULL)
		return;
	z->inflate = must_alloc(1, sizeof(*z->inflate));
	must(inflateInit2(z->inflate, WINDOW_BITS) == Z_OK);
	if (z->window_bytes > 0)
		must(inflateSetDictionary(z->inflate, z->window, z->window_bytes) == Z_OK);
	if (z->bit_count > 0)
		must(inflatePrime(z->inflate, z->bit_count, z->bits) == Z_OK);
	free(z->window);
	z->window = NULL;
	z->window_bytes = 0;
}

void
zip_rest(struct zip *z)
{
	unsigned char *window = z->shared->piece;
	unsigned n = 0;

	if (z->in.n == 0)
		buf_release(&z->in);
	if (z->inflate == NULL || !z->is_at_block || z->is_full || z->in.n > 0)
		return;
	must(inflateGetDictionary(z->inflate, window, &n) == Z_OK && n <= ZIP_PIECE);
	z->bit_count = z->inflate->data_type & BITS_LEFT;
	z->bits = z->bit_count > 0 ? z->last >> (8 - z->bit_count) : 0;
	inflate_free(z);
	if (n == 0)
		return;
	z->window = must_alloc(n, 1);
	memcpy(z->window, window, n);
	z->window_bytes = n;
}

enum err
zip_inflate(struct zip *z, size_t max, struct slice *out)
{
	z_stream *f;
	size_t given, used;
	int e;

	if (!zip_has_input(z))
		return ERR_AGAIN;
	if (z->is_ended)
		return ERR_CORRUPT;
	wake(z);
	f = z->inflate;
	given = z->in.n;
	f->next_in = (unsigned char *)buf_data(&z->in);
	f->avail_in = (uInt)given;
	f->next_out = z->shared->piece;
	f->avail_out = (uInt)(max < ZIP_PIECE ? max : ZIP_PIECE);
	e = inflate(f, Z_BLOCK);
	if (e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END)
		return ERR_CORRUPT;
	z->is_ended = e == Z_STREAM_END;
	z->is_full = f->avail_out == 0;
	z->is_at_block = (f->data_type & AT_BLOCK) && !(f->data_type & IN_LAST);
	used = given - f->avail_in;
	if (used > 0)
		z->last = (unsigned char)buf_data(&z->in)[used - 1];
	buf_consume(&z->in, used);
	*out = slice_of((char *)z->shared->piece, (size_t)(f->next_out - z->shared->piece));
	/* Headers give nothing: the caller asks again while there is input. */
	return out->n > 0 || z->in.n > 0 ? ERR_OK : ERR_AGAIN;
}
