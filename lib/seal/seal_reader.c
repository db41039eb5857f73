/* SPDX-License-Identifier: ISC */
/*
 * A range of plain text maps to whole frames (when compressed), those to a run
 * of the stream, that to whole chunks, those to a run of the object.  put walks
 * back up: bytes gather to a chunk, an opened chunk is drained into the frame
 * or the output.  What lies whole where it comes from and is wanted whole goes
 * without these stations.  A chunk can hold many frames, so while it is drained
 * its last byte is left in the caller's piece: the caller's loop needs to know
 * nothing of that.
 */
#include "lib/seal/seal.h"

#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <zstd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/seal/seal_priv.h"

struct seal_reader {
	struct cry_aead		*aead;
	ZSTD_DCtx		*zctx;		/* from the first zstd object on */
	bool			 begun;
	struct seal_head	 head;
	uint64_t		 object_bytes;
	unsigned char		 key[SEAL_KEY_BYTES];

	uint64_t		 stream_bytes;
	uint64_t		 frame_count;
	uint32_t		*frame_bytes;	/* compressed; NULL: no table yet */
	size_t			 packed_cap;

	/* the range */
	uint64_t		 a, b;		/* of plain text */
	uint64_t		 plain_at;	/* next plain byte to come */
	uint64_t		 stream_at;	/* of the first byte in chunk */
	uint64_t		 stream_from;	/* before that: not ours */
	uint64_t		 chunk_no;
	uint64_t		 chunk_end;	/* behind the last chunk of the range */
	uint64_t		 frame_no;
	size_t			 chunk_n;	/* gathered, sealed */
	size_t			 open_n;	/* opened plain bytes in chunk */
	size_t			 open_at;	/* of them drained */
	bool			 draining;
	size_t			 packed_n;
	unsigned char		*packed;
	unsigned char		*frame;
	unsigned char		 chunk[SEAL_SEALED_CHUNK];
};

struct seal_reader *
seal_reader_new(void)
{
	struct seal_reader *r = must_alloc(1, sizeof(*r));

	r->aead = cry_aead_new();
	r->packed_cap = seal_frame_packed_max();
	return r;
}

/* Between objects the large buffers stay. */
static void
reader_reset(struct seal_reader *r)
{
	free(r->frame_bytes);
	r->frame_bytes = NULL;
	secret_wipe(r->key, sizeof(r->key));
	r->begun = r->draining = false;
	r->chunk_end = r->chunk_no = 0;
}

void
seal_reader_wipe(struct seal_reader *r)
{
	reader_reset(r);
	if (r->frame != NULL)
		secret_wipe(r->frame, SEAL_FRAME_BYTES);
	free(r->frame);
	free(r->packed);
	r->frame = r->packed = NULL;
	secret_wipe(r->chunk, sizeof(r->chunk));
}

void
seal_reader_free(struct seal_reader **rp)
{
	struct seal_reader *r = *rp;

	if (r == NULL)
		return;
	seal_reader_wipe(r);
	cry_aead_free(&r->aead);
	ZSTD_freeDCtx(r->zctx);
	free(r);
	*rp = NULL;
}

static bool
is_packed(const struct seal_reader *r)
{
	return r->head.method != SEAL_STORED;
}

static void
key_for(struct seal_reader *r, const char *label)
{
	unsigned char sub[CRY_KEY_BYTES];

	cry_subkey(sub, r->key, label);
	cry_aead_key(r->aead, r->head.suite, sub);
	secret_wipe(sub, sizeof(sub));
}

enum err
seal_reader_begin(struct seal_reader *r, const unsigned char key[SEAL_KEY_BYTES],
    uint64_t object_bytes, struct slice first, const unsigned char *commitment)
{
	unsigned char want[SEAL_COMMITMENT_BYTES];
	enum err e;

	reader_reset(r);
	e = seal_head_parse(&r->head, first);
	if (e != ERR_OK)
		return e;
	r->head.entries = SLICE_NONE;
	r->object_bytes = object_bytes;
	seal_commit(want, key, r->head.fixed);
	if (!secret_eq(want, r->head.commitment, sizeof(want)) ||
	    (commitment != NULL && !secret_eq(want, commitment, sizeof(want))) ||
	    !seal_head_fits(&r->head, object_bytes))
		return ERR_CORRUPT;
	memcpy(r->key, key, sizeof(r->key));
	r->stream_bytes = is_packed(r) ? 0 : r->head.plain_bytes;
	r->frame_count = is_packed(r) ? seal_frame_count(r->head.plain_bytes) : 0;
	r->begun = true;
	return ERR_OK;
}

uint64_t
seal_reader_plain_bytes(const struct seal_reader *r)
{
	return r->head.plain_bytes;
}

bool
seal_reader_needs_table(const struct seal_reader *r, uint64_t *off, size_t *n)
{
	if (!r->begun || !is_packed(r) || r->frame_bytes != NULL)
		return false;
	*n = (size_t)seal_table_bytes(r->head.plain_bytes);
	*off = r->object_bytes - *n;
	return true;
}

static enum err
table_check(struct seal_reader *r, const unsigned char *p)
{
	uint64_t sum = 0, i;

	for (i = 0; i < r->frame_count; i++) {
		r->frame_bytes[i] = dec_be32(p + 4 * i);
		if (r->frame_bytes[i] == 0 || r->frame_bytes[i] > r->packed_cap)
			return ERR_CORRUPT;
		sum += r->frame_bytes[i];
	}
	if (r->head.data_off + seal_data_bytes(sum) +
	    seal_table_bytes(r->head.plain_bytes) != r->object_bytes)
		return ERR_CORRUPT;
	r->stream_bytes = sum;
	return ERR_OK;
}

enum err
seal_reader_table(struct seal_reader *r, struct slice s)
{
	unsigned char nonce[CRY_NONCE_BYTES] = { 0 };
	unsigned char *plain;
	uint64_t off;
	size_t n;
	enum err e;

	if (!seal_reader_needs_table(r, &off, &n))
		return ERR_STATE;
	if (s.n != n || dec_be32(s.p + n - SEAL_TABLE_LENGTH_BYTES) !=
	    n - SEAL_TABLE_LENGTH_BYTES)
		return ERR_CORRUPT;
	plain = must_alloc(1, n);
	key_for(r, SEAL_LABEL_TABLE);
	e = cry_aead_open(r->aead, plain, slice_head(s, n - SEAL_TABLE_LENGTH_BYTES),
	    nonce, slice_of(r->head.fixed, SEAL_FIXED_BYTES));
	if (e == ERR_OK) {
		r->frame_bytes = must_alloc((size_t)r->frame_count, sizeof(uint32_t));
		e = table_check(r, plain);
	}
	if (e != ERR_OK) {
		free(r->frame_bytes);
		r->frame_bytes = NULL;
	}
	free(plain);
	return e;
}

/* The run of the stream that holds plain [a, b); a < b. */
static void
stream_range(struct seal_reader *r, uint64_t a, uint64_t b, uint64_t *from, uint64_t *to)
{
	uint64_t i, first = a / SEAL_FRAME_BYTES, last = (b - 1) / SEAL_FRAME_BYTES;

	if (!is_packed(r)) {
		*from = a;
		*to = b;
		return;
	}
	*from = 0;
	for (i = 0; i < first; i++)
		*from += r->frame_bytes[i];
	*to = *from;
	for (; i <= last; i++)
		*to += r->frame_bytes[i];
	r->frame_no = first;
}

/* Up to the end of the text the last chunk belongs to it, even when empty. */
static void
range_set(struct seal_reader *r, uint64_t from, uint64_t to, bool to_end,
    uint64_t *off, uint64_t *n)
{
	uint64_t data_end = r->head.data_off + seal_data_bytes(r->stream_bytes), end;

	r->chunk_no = from / SEAL_CHUNK_BYTES;
	r->chunk_end = to_end ? r->stream_bytes / SEAL_CHUNK_BYTES + 1 :
	    (to - 1) / SEAL_CHUNK_BYTES + 1;
	r->stream_from = from;
	*off = r->head.data_off + r->chunk_no * SEAL_SEALED_CHUNK;
	end = r->head.data_off + r->chunk_end * SEAL_SEALED_CHUNK;
	*n = (end < data_end ? end : data_end) - *off;
	key_for(r, SEAL_LABEL_BODY);
}

enum err
seal_reader_range(struct seal_reader *r, uint64_t a, uint64_t b, uint64_t *off,
    uint64_t *n)
{
	uint64_t from = 0, to = 0;

	if (!r->begun || (is_packed(r) && r->frame_bytes == NULL))
		return ERR_STATE;
	b = b < r->head.plain_bytes ? b : r->head.plain_bytes;
	r->chunk_n = r->open_n = r->open_at = r->packed_n = 0;
	r->draining = false;
	r->chunk_no = r->chunk_end = 0;
	r->a = a;
	r->b = b;
	*off = *n = 0;
	if (a >= b) {
		r->plain_at = r->b;
		return ERR_OK;
	}
	stream_range(r, a, b, &from, &to);
	r->plain_at = is_packed(r) ? r->frame_no * SEAL_FRAME_BYTES : a;
	range_set(r, from, to, b == r->head.plain_bytes, off, n);
	return ERR_OK;
}

bool
seal_reader_done(const struct seal_reader *r)
{
	return r->begun && r->chunk_no >= r->chunk_end && !r->draining &&
	    r->plain_at >= r->b;
}

/* What of the next n plain bytes lies in [a, b) goes out. */
static void
plain_put(struct seal_reader *r, const unsigned char *p, size_t n, struct buf *out)
{
	uint64_t at = r->plain_at, end = at + n;
	uint64_t from = at > r->a ? at : r->a, to = end < r->b ? end : r->b;

	if (from < to)
		buf_put(out, p + (from - at), (size_t)(to - from));
	r->plain_at = end;
}

/* Are all of the next n plain bytes wanted? */
static bool
is_wanted_whole(const struct seal_reader *r, size_t n)
{
	return r->plain_at >= r->a && r->plain_at + n <= r->b;
}

static enum err
unpack(struct seal_reader *r, void *dst, size_t want, struct slice packed)
{
	size_t n;

	if (r->head.method == SEAL_LZ4)
		return packed.n <= r->packed_cap && LZ4_decompress_safe(packed.p, dst,
		    (int)packed.n, (int)want) == (int)want ? ERR_OK : ERR_CORRUPT;
	if (r->zctx == NULL) {
		r->zctx = ZSTD_createDCtx();
		must(r->zctx != NULL);
	}
	n = ZSTD_decompressDCtx(r->zctx, dst, want, packed.p, packed.n);
	return ZSTD_isError(n) || n != want ? ERR_CORRUPT : ERR_OK;
}

static enum err
frame_open(struct seal_reader *r, struct slice packed, struct buf *out)
{
	uint64_t left = r->head.plain_bytes - r->frame_no * SEAL_FRAME_BYTES;
	size_t want = left < SEAL_FRAME_BYTES ? (size_t)left : SEAL_FRAME_BYTES;
	char *dst = is_wanted_whole(r, want) ? buf_reserve(out, want) : NULL;
	enum err e;

	if (buf_err(out) != ERR_OK)
		return ERR_FULL;
	if (dst == NULL && r->frame == NULL)
		r->frame = must_alloc(1, SEAL_FRAME_BYTES);
	e = unpack(r, dst != NULL ? (void *)dst : r->frame, want, packed);
	if (e != ERR_OK)
		return e;
	r->frame_no++;
	r->packed_n = 0;
	if (dst == NULL) {
		plain_put(r, r->frame, want, out);
	} else {
		buf_commit(out, want);
		r->plain_at += want;
	}
	return ERR_OK;
}

/* Use up the opened chunk; stops behind a frame.  *drained: nothing is left. */
static enum err
chunk_drain(struct seal_reader *r, struct buf *out, bool *drained)
{
	size_t left = r->open_n - r->open_at, need;
	const char *at = (const char *)r->chunk + r->open_at;

	*drained = true;
	if (!is_packed(r)) {
		plain_put(r, r->chunk + r->open_at, left, out);
		return ERR_OK;
	}
	if (left == 0 || r->plain_at >= r->b)
		return ERR_OK;
	need = r->frame_bytes[r->frame_no] - r->packed_n;
	need = need < left ? need : left;
	r->open_at += need;
	*drained = r->open_at == r->open_n;
	if (need == r->frame_bytes[r->frame_no])
		return frame_open(r, slice_of(at, need), out);
	if (r->packed == NULL)
		r->packed = must_alloc(1, r->packed_cap);
	memcpy(r->packed + r->packed_n, at, need);
	r->packed_n += need;
	if (r->packed_n < r->frame_bytes[r->frame_no])
		return ERR_OK;
	return frame_open(r, slice_of(r->packed, r->packed_n), out);
}

static size_t
chunk_sealed_bytes(const struct seal_reader *r)
{
	uint64_t left = r->stream_bytes - r->chunk_no * SEAL_CHUNK_BYTES;

	return (left < SEAL_CHUNK_BYTES ? (size_t)left : SEAL_CHUNK_BYTES) + CRY_TAG_BYTES;
}

static enum err
chunk_decrypt(struct seal_reader *r, void *dst, struct slice sealed)
{
	unsigned char nonce[CRY_NONCE_BYTES];

	seal_nonce(nonce, r->chunk_no, r->chunk_no == r->stream_bytes / SEAL_CHUNK_BYTES);
	return cry_aead_open(r->aead, dst, sealed, nonce,
	    slice_of(r->head.fixed, SEAL_FIXED_BYTES));
}

/* Is it plain text that is wanted whole? */
static bool
is_chunk_for_out(const struct seal_reader *r, size_t n)
{
	return !is_packed(r) && r->plain_at == r->chunk_no * SEAL_CHUNK_BYTES &&
	    is_wanted_whole(r, n);
}

static enum err
chunk_open_out(struct seal_reader *r, struct slice sealed, struct buf *out)
{
	size_t n = sealed.n - CRY_TAG_BYTES;
	char *dst = buf_reserve(out, n);
	enum err e = dst != NULL ? chunk_decrypt(r, dst, sealed) : ERR_FULL;

	if (e != ERR_OK)
		return e;
	buf_commit(out, n);
	r->plain_at += n;
	r->chunk_no++;
	return ERR_OK;
}

/* sealed may be the bytes of chunk itself */
static enum err
chunk_open(struct seal_reader *r, struct slice sealed)
{
	uint64_t start = r->chunk_no * SEAL_CHUNK_BYTES;
	enum err e = chunk_decrypt(r, r->chunk, sealed);

	if (e != ERR_OK)
		return e;
	r->open_n = sealed.n - CRY_TAG_BYTES;
	r->open_at = r->stream_from > start ? (size_t)(r->stream_from - start) : 0;
	r->chunk_n = 0;
	r->chunk_no++;
	r->draining = true;
	return ERR_OK;
}

/* Bytes to a chunk; opened when there are enough. */
static enum err
chunk_feed(struct seal_reader *r, struct slice *piece, struct buf *out)
{
	size_t whole = chunk_sealed_bytes(r), take;
	struct slice sealed;
	enum err e;

	if (r->chunk_n == 0 && piece->n >= whole) {
		sealed = slice_head(*piece, whole);
		if (is_chunk_for_out(r, whole - CRY_TAG_BYTES)) {
			*piece = slice_from(*piece, whole);
			return chunk_open_out(r, sealed, out);
		}
		/* The last byte of the chunk stays in the piece. */
		*piece = slice_from(*piece, whole - 1);
		return chunk_open(r, sealed);
	}
	take = whole - r->chunk_n;
	take = take < piece->n ? take : piece->n;
	memcpy(r->chunk + r->chunk_n, piece->p, take);
	r->chunk_n += take;
	if (r->chunk_n < whole) {
		*piece = slice_from(*piece, take);
		return ERR_OK;
	}
	e = chunk_open(r, slice_of(r->chunk, r->chunk_n));
	*piece = slice_from(*piece, take - 1);
	return e;
}

enum err
seal_reader_put(struct seal_reader *r, struct slice *piece, struct buf *out)
{
	bool drained;
	enum err e;

	if (!r->begun)
		return ERR_STATE;
	while (piece->n > 0) {
		if (r->draining) {
			uint64_t frame = r->frame_no;

			e = chunk_drain(r, out, &drained);
			if (e != ERR_OK)
				goto broken;
			if (drained) {
				r->draining = false;
				*piece = slice_from(*piece, 1);
			}
			if (buf_err(out) != ERR_OK || frame != r->frame_no)
				return buf_err(out);
			continue;
		}
		if (r->chunk_no >= r->chunk_end)
			return ERR_STATE;
		e = chunk_feed(r, piece, out);
		if (e != ERR_OK)
			goto broken;
	}
	return ERR_OK;
broken:
	reader_reset(r);
	return e;
}

static enum err
open_range(struct seal_reader *r, struct slice object, struct buf *out)
{
	uint64_t off, n;
	struct slice piece;
	enum err e = seal_reader_range(r, 0, r->head.plain_bytes, &off, &n);

	if (e != ERR_OK)
		return e;
	if (r->head.plain_bytes == 0)
		range_set(r, 0, 0, true, &off, &n);
	piece = slice_head(slice_from(object, (size_t)off), (size_t)n);
	while (e == ERR_OK && piece.n > 0)
		e = seal_reader_put(r, &piece, out);
	return e;
}

enum err
seal_open(struct seal_reader *r, const unsigned char key[SEAL_KEY_BYTES],
    struct slice object, const unsigned char *commitment, uint64_t plain_max,
    struct buf *out)
{
	uint64_t off;
	size_t n;
	enum err e = seal_reader_begin(r, key, object.n, object, commitment);

	if (e == ERR_SHORT)
		return ERR_CORRUPT;
	if (e != ERR_OK)
		return e;
	if (r->head.plain_bytes > plain_max)
		return ERR_TOOBIG;
	if (seal_reader_needs_table(r, &off, &n))
		e = seal_reader_table(r, slice_from(object, (size_t)off));
	if (e == ERR_OK)
		e = open_range(r, object, out);
	if (e == ERR_OK && !seal_reader_done(r))
		e = ERR_CORRUPT;
	return e;
}
