/* SPDX-License-Identifier: ISC */
#include "lib/seal/seal.h"

#include <string.h>

#include <lz4.h>
#include <zstd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/seal/seal_priv.h"

static const char magic[4] = { 'G', 'W', 'S', 'O' };

void
seal_make_key(unsigned char key[SEAL_KEY_BYTES])
{
	cry_random(key, SEAL_KEY_BYTES);
}

void
seal_fixed_put(unsigned char fixed[SEAL_FIXED_BYTES], enum cry_suite suite,
    enum seal_method method, uint64_t plain_bytes)
{
	memcpy(fixed, magic, sizeof(magic));
	fixed[4] = SEAL_FORMAT;
	fixed[5] = (unsigned char)suite;
	fixed[6] = method == SEAL_ZSTD ? SEAL_FLAG_ZSTD :
	    method == SEAL_LZ4 ? SEAL_FLAG_LZ4 : 0;
	fixed[7] = 0;
	enc_be64(fixed + 8, plain_bytes);
}

/* u32 0, u56 chunk number, u8 last: the number ends where last begins. */
void
seal_nonce(unsigned char nonce[CRY_NONCE_BYTES], uint64_t chunk, bool last)
{
	memset(nonce, 0, CRY_NONCE_BYTES);
	enc_be64(nonce + 4, chunk << 8);
	nonce[11] = last ? 1 : 0;
}

uint64_t
seal_data_bytes(uint64_t stream_bytes)
{
	return stream_bytes + CRY_TAG_BYTES * (stream_bytes / SEAL_CHUNK_BYTES + 1);
}

size_t
seal_frame_packed_max(void)
{
	size_t zstd = ZSTD_COMPRESSBOUND(SEAL_FRAME_BYTES);
	size_t lz4 = LZ4_COMPRESSBOUND(SEAL_FRAME_BYTES);

	return zstd > lz4 ? zstd : lz4;
}

uint64_t
seal_frame_count(uint64_t plain_bytes)
{
	return (plain_bytes + SEAL_FRAME_BYTES - 1) / SEAL_FRAME_BYTES;
}

uint64_t
seal_table_bytes(uint64_t plain_bytes)
{
	return 4 * seal_frame_count(plain_bytes) + CRY_TAG_BYTES + SEAL_TABLE_LENGTH_BYTES;
}

uint64_t
seal_object_max(uint64_t plain_bytes)
{
	uint64_t stream = seal_frame_count(plain_bytes) * seal_frame_packed_max();

	return SEAL_HEAD_BYTES + seal_data_bytes(stream) + seal_table_bytes(plain_bytes);
}

static bool
fixed_is_known(const unsigned char *p)
{
	return memcmp(p, magic, sizeof(magic)) == 0 && p[4] == SEAL_FORMAT &&
	    (p[5] == CRY_AES256_GCM || p[5] == CRY_CHACHA20_POLY1305) &&
	    (p[6] == 0 || p[6] == SEAL_FLAG_ZSTD || p[6] == SEAL_FLAG_LZ4) && p[7] == 0;
}

/* Where the entries end, by their lengths alone. */
static enum err
entries_measure(struct slice rest, unsigned count, size_t *bytes)
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		if (rest.n - at < SEAL_ENTRY_HEAD_BYTES)
			return ERR_SHORT;
		at += SEAL_ENTRY_HEAD_BYTES + ((size_t)(unsigned char)rest.p[at + 10] << 8 |
		    (unsigned char)rest.p[at + 11]);
		if (at > SEAL_ENTRIES_BYTES_MAX)
			return ERR_CORRUPT;
		if (at > rest.n)
			return ERR_SHORT;
	}
	*bytes = at;
	return ERR_OK;
}

enum err
seal_head_parse(struct seal_head *h, struct slice first)
{
	const unsigned char *p = (const unsigned char *)first.p;
	size_t entries_bytes = 0;
	enum err e;

	memset(h, 0, sizeof(*h));
	if (first.n < SEAL_HEAD_BYTES)
		return ERR_SHORT;
	if (!fixed_is_known(p))
		return ERR_CORRUPT;
	h->suite = p[5] == CRY_AES256_GCM ? CRY_AES256_GCM : CRY_CHACHA20_POLY1305;
	h->method = p[6] == SEAL_FLAG_ZSTD ? SEAL_ZSTD :
	    p[6] == SEAL_FLAG_LZ4 ? SEAL_LZ4 : SEAL_STORED;
	h->plain_bytes = dec_be64(p + 8);
	memcpy(h->fixed, p, SEAL_FIXED_BYTES);
	memcpy(h->commitment, p + SEAL_FIXED_BYTES, SEAL_COMMITMENT_BYTES);
	h->entry_count = (unsigned)p[48] << 8 | p[49];
	if (h->plain_bytes > SEAL_PLAIN_MAX || (h->method != SEAL_STORED && h->plain_bytes == 0) ||
	    h->entry_count > SEAL_ENTRIES_MAX || (h->method == SEAL_LZ4 && h->entry_count > 0))
		return ERR_CORRUPT;
	e = entries_measure(slice_from(first, SEAL_HEAD_BYTES), h->entry_count,
	    &entries_bytes);
	if (e != ERR_OK)
		return e;
	h->data_off = SEAL_HEAD_BYTES + entries_bytes;
	h->entries = slice_of(first.p + SEAL_HEAD_BYTES, entries_bytes);
	return ERR_OK;
}

bool
seal_head_fits(const struct seal_head *h, uint64_t object_bytes)
{
	if (h->method == SEAL_STORED)
		return object_bytes == h->data_off + seal_data_bytes(h->plain_bytes);
	return object_bytes >= h->data_off + seal_data_bytes(1) + seal_table_bytes(h->plain_bytes);
}

void
seal_key_id(unsigned char id[SEAL_KEY_ID_BYTES], const unsigned char public_key[CRY_KEY_BYTES])
{
	unsigned char hash[32];

	cry_hash(hash, sizeof(hash), slice_of(public_key, CRY_KEY_BYTES));
	memcpy(id, hash, SEAL_KEY_ID_BYTES);
}

void
seal_entry_put(struct buf *b, const struct seal_entry *en)
{
	unsigned char head[SEAL_ENTRY_HEAD_BYTES];

	must(en->wrapped.n <= UINT16_MAX);
	head[0] = en->algorithm;
	head[1] = en->generation;
	memcpy(head + 2, en->key_id, sizeof(en->key_id));
	head[10] = (unsigned char)(en->wrapped.n >> 8);
	head[11] = (unsigned char)en->wrapped.n;
	buf_put(b, head, sizeof(head));
	buf_put_slice(b, en->wrapped);
}

enum err
seal_entry_get(struct slice *entries, struct seal_entry *en)
{
	const unsigned char *p = (const unsigned char *)entries->p;
	size_t n;

	if (entries->n == 0)
		return ERR_END;
	if (entries->n < SEAL_ENTRY_HEAD_BYTES)
		return ERR_CORRUPT;
	n = (size_t)p[10] << 8 | p[11];
	if (entries->n - SEAL_ENTRY_HEAD_BYTES < n)
		return ERR_CORRUPT;
	en->algorithm = p[0];
	en->generation = p[1];
	memcpy(en->key_id, p + 2, sizeof(en->key_id));
	en->wrapped = slice_of(entries->p + SEAL_ENTRY_HEAD_BYTES, n);
	*entries = slice_from(*entries, SEAL_ENTRY_HEAD_BYTES + n);
	return ERR_OK;
}
