/* SPDX-License-Identifier: ISC */
/*
 * Plain bytes gather into a frame until the first one is complete: it decides
 * about compression, and only then is the header known.  From then on frames
 * are compressed one by one, or bytes go straight on, into chunks.
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

enum writer_state {
	WRITER_IDLE,
	WRITER_FIRST,		/* gathering the frame that decides */
	WRITER_PACKED,
	WRITER_PLAIN
};

enum { ZSTD_LEVEL = 1, LZ4_ACCELERATION = 1 };

struct seal_press {
	ZSTD_CCtx	*zctx;
	void		*lz4;		/* from the first use on */
	size_t		 cap;
	unsigned char	*packed;	/* a frame */
};

struct seal_writer {
	struct cry_aead		*aead;
	struct seal_press	*press;
	enum writer_state	 state;
	enum cry_suite		 suite;
	enum seal_method	 method;	/* asked for */
	uint64_t		 plain_bytes;	/* announced */
	uint64_t		 taken;
	uint64_t		 chunk_no;
	unsigned char		 key[SEAL_KEY_BYTES];
	unsigned char		 fixed[SEAL_FIXED_BYTES];
	unsigned char		 commitment[SEAL_COMMITMENT_BYTES];
	unsigned		 entry_count;
	struct buf		 entries;
	struct buf		 table;
	size_t			 frame_n;
	size_t			 chunk_n;
	size_t			 frame_cap;	/* up to SEAL_FRAME_BYTES, as objects need */
	unsigned char		*frame;
	unsigned char		 chunk[SEAL_CHUNK_BYTES];
};

struct seal_press *
seal_press_new(void)
{
	struct seal_press *p = must_alloc(1, sizeof(*p));

	p->zctx = ZSTD_createCCtx();
	must(p->zctx != NULL);
	p->cap = seal_frame_packed_max();
	p->packed = must_alloc(1, p->cap);
	return p;
}

void
seal_press_free(struct seal_press **pp)
{
	struct seal_press *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->zctx);
	free(p->lz4);
	secret_wipe(p->packed, p->cap);
	free(p->packed);
	free(p);
}

struct seal_writer *
seal_writer_new(struct seal_press *press)
{
	struct seal_writer *w = must_alloc(1, sizeof(*w));

	w->aead = cry_aead_new();
	w->press = press;
	buf_init(&w->entries, SEAL_ENTRIES_BYTES_MAX);
	buf_init(&w->table, 4 * seal_frame_count(SEAL_PLAIN_MAX) + SEAL_FRAME_BYTES);
	return w;
}

static void
drop_frame(struct seal_writer *w)
{
	if (w->frame != NULL)
		secret_wipe(w->frame, w->frame_cap);
	free(w->frame);
	w->frame = NULL;
	w->frame_cap = 0;
}

void
seal_writer_free(struct seal_writer **wp)
{
	struct seal_writer *w = *wp;

	if (w == NULL)
		return;
	cry_aead_free(&w->aead);
	drop_frame(w);
	buf_fini(&w->entries);
	buf_fini(&w->table);
	secret_wipe(w, sizeof(*w));
	free(w);
	*wp = NULL;
}

/* Room for a frame of this object. */
static void
make_frame(struct seal_writer *w)
{
	size_t need = w->plain_bytes < SEAL_FRAME_BYTES ? (size_t)w->plain_bytes :
	    SEAL_FRAME_BYTES;

	if (w->method == SEAL_STORED || need <= w->frame_cap)
		return;
	drop_frame(w);
	w->frame = must_alloc(1, need);
	w->frame_cap = need;
}

enum err
seal_writer_begin(struct seal_writer *w, enum cry_suite suite,
    const unsigned char key[SEAL_KEY_BYTES], uint64_t plain_bytes,
    enum seal_method method)
{
	unsigned char body[CRY_KEY_BYTES];

	if (plain_bytes > SEAL_PLAIN_MAX)
		return ERR_TOOBIG;
	w->state = WRITER_FIRST;
	w->suite = suite;
	w->method = plain_bytes > 0 ? method : SEAL_STORED;
	w->plain_bytes = plain_bytes;
	w->taken = w->chunk_no = 0;
	w->frame_n = w->chunk_n = 0;
	w->entry_count = 0;
	make_frame(w);
	buf_reset(&w->entries);
	buf_reset(&w->table);
	memcpy(w->key, key, SEAL_KEY_BYTES);
	cry_subkey(body, key, SEAL_LABEL_BODY);
	cry_aead_key(w->aead, suite, body);
	secret_wipe(body, sizeof(body));
	return ERR_OK;
}

enum err
seal_writer_entries(struct seal_writer *w, unsigned count, struct slice s)
{
	if (w->state != WRITER_FIRST || w->taken > 0 || w->method == SEAL_LZ4)
		return ERR_STATE;
	if (count > SEAL_ENTRIES_MAX || s.n > SEAL_ENTRIES_BYTES_MAX)
		return ERR_LIMIT;
	buf_reset(&w->entries);
	buf_put_slice(&w->entries, s);
	w->entry_count = count;
	return ERR_OK;
}

static void
head_put(struct seal_writer *w, enum seal_method method, struct buf *out)
{
	unsigned char count[2];

	seal_fixed_put(w->fixed, w->suite, method, w->plain_bytes);
	seal_commit(w->commitment, w->key, w->fixed);
	count[0] = (unsigned char)(w->entry_count >> 8);
	count[1] = (unsigned char)w->entry_count;
	buf_put(out, w->fixed, sizeof(w->fixed));
	buf_put(out, w->commitment, sizeof(w->commitment));
	buf_put(out, count, sizeof(count));
	buf_put_slice(out, buf_slice(&w->entries));
	w->state = method == SEAL_STORED ? WRITER_PLAIN : WRITER_PACKED;
}

static void
chunk_put(struct seal_writer *w, const void *p, size_t n, bool last, struct buf *out)
{
	unsigned char nonce[CRY_NONCE_BYTES];
	char *dst = buf_reserve(out, n + CRY_TAG_BYTES);

	if (dst == NULL)
		return;
	seal_nonce(nonce, w->chunk_no++, last);
	cry_aead_seal(w->aead, (unsigned char *)dst, slice_of(p, n), nonce,
	    slice_of(w->fixed, sizeof(w->fixed)));
	buf_commit(out, n + CRY_TAG_BYTES);
}

/* Bytes of the stream, compressed or not, into chunks. */
static void
stream_put(struct seal_writer *w, const unsigned char *p, size_t n, struct buf *out)
{
	size_t take;

	while (n > 0) {
		if (w->chunk_n == 0 && n >= SEAL_CHUNK_BYTES) {
			take = SEAL_CHUNK_BYTES;
			chunk_put(w, p, take, false, out);
		} else {
			take = SEAL_CHUNK_BYTES - w->chunk_n;
			take = take < n ? take : n;
			memcpy(w->chunk + w->chunk_n, p, take);
			w->chunk_n += take;
			if (w->chunk_n == SEAL_CHUNK_BYTES) {
				chunk_put(w, w->chunk, SEAL_CHUNK_BYTES, false, out);
				w->chunk_n = 0;
			}
		}
		p += take;
		n -= take;
	}
}

/* How many bytes stand in packed then. */
static size_t
press(struct seal_press *p, enum seal_method method, const unsigned char *plain, size_t n)
{
	size_t packed;
	int got;

	if (method == SEAL_ZSTD) {
		packed = ZSTD_compressCCtx(p->zctx, p->packed, p->cap, plain, n, ZSTD_LEVEL);
		must(!ZSTD_isError(packed));
		return packed;
	}
	if (p->lz4 == NULL)
		p->lz4 = must_alloc(1, (size_t)LZ4_sizeofState());
	got = LZ4_compress_fast_extState(p->lz4, (const char *)plain, (char *)p->packed,
	    (int)n, (int)p->cap, LZ4_ACCELERATION);
	must(got > 0);
	return (size_t)got;
}

/* Does it save enough? */
static bool
is_worth(size_t packed, size_t plain)
{
	return packed <= plain && (plain - packed) * 10 >= plain;
}

/* The frame is complete: decide if it is the first, then pass it on. */
static void
frame_put(struct seal_writer *w, struct buf *out)
{
	unsigned char len[4];
	size_t n = 0;

	if (w->method != SEAL_STORED)
		n = press(w->press, w->method, w->frame, w->frame_n);
	if (w->state == WRITER_FIRST)
		head_put(w, is_worth(n, w->frame_n) ? w->method : SEAL_STORED, out);
	if (w->state == WRITER_PACKED) {
		enc_be32(len, (uint32_t)n);
		buf_put(&w->table, len, sizeof(len));
		stream_put(w, w->press->packed, n, out);
	} else {
		stream_put(w, w->frame, w->frame_n, out);
	}
	w->frame_n = 0;
}

enum err
seal_writer_put(struct seal_writer *w, struct slice plain, struct buf *out)
{
	size_t take;

	if (w->state == WRITER_IDLE || plain.n > w->plain_bytes - w->taken)
		return ERR_STATE;
	while (plain.n > 0) {
		if (w->state == WRITER_FIRST && w->method == SEAL_STORED)
			head_put(w, SEAL_STORED, out);
		if (w->state == WRITER_PLAIN) {
			stream_put(w, (const unsigned char *)plain.p, plain.n, out);
			w->taken += plain.n;
			break;
		}
		take = SEAL_FRAME_BYTES - w->frame_n;
		take = take < plain.n ? take : plain.n;
		memcpy(w->frame + w->frame_n, plain.p, take);
		w->frame_n += take;
		w->taken += take;
		plain = slice_from(plain, take);
		if (w->frame_n == SEAL_FRAME_BYTES || w->taken == w->plain_bytes)
			frame_put(w, out);
	}
	return buf_err(out);
}

static void
table_put(struct seal_writer *w, struct buf *out)
{
	unsigned char key[CRY_KEY_BYTES], nonce[CRY_NONCE_BYTES] = { 0 }, len[4];
	size_t n = buf_slice(&w->table).n + CRY_TAG_BYTES;
	char *dst = buf_reserve(out, n);

	if (dst == NULL)
		return;
	cry_subkey(key, w->key, SEAL_LABEL_TABLE);
	cry_aead_key(w->aead, w->suite, key);
	secret_wipe(key, sizeof(key));
	cry_aead_seal(w->aead, (unsigned char *)dst, buf_slice(&w->table), nonce,
	    slice_of(w->fixed, sizeof(w->fixed)));
	buf_commit(out, n);
	enc_be32(len, (uint32_t)n);
	buf_put(out, len, sizeof(len));
}

enum err
seal_writer_end(struct seal_writer *w, struct buf *out)
{
	if (w->state == WRITER_IDLE || w->taken != w->plain_bytes)
		return ERR_STATE;
	if (w->state == WRITER_FIRST)
		head_put(w, SEAL_STORED, out);
	chunk_put(w, w->chunk, w->chunk_n, true, out);
	if (w->state == WRITER_PACKED)
		table_put(w, out);
	secret_wipe(w->key, sizeof(w->key));
	w->state = WRITER_IDLE;
	return buf_err(out);
}

bool
seal_writer_is_packed(const struct seal_writer *w)
{
	return w->state == WRITER_PACKED;
}

const unsigned char *
seal_writer_commitment(const struct seal_writer *w)
{
	return w->commitment;
}

enum err
seal_object(struct seal_writer *w, enum cry_suite suite,
    const unsigned char key[SEAL_KEY_BYTES], struct slice plain,
    enum seal_method method, struct buf *out, unsigned char commitment[SEAL_COMMITMENT_BYTES])
{
	enum err e = seal_writer_begin(w, suite, key, plain.n, method);

	if (e == ERR_OK)
		e = seal_writer_put(w, plain, out);
	if (e == ERR_OK)
		e = seal_writer_end(w, out);
	if (e == ERR_OK)
		memcpy(commitment, w->commitment, SEAL_COMMITMENT_BYTES);
	return e;
}
