/* SPDX-License-Identifier: ISC */
/*
 * The opener of sealed objects against who knows the key: a correspondent (or
 * a deliver taken over) that seals whatever it likes.  The first byte says how
 * to read, the rest is an object under the zero key; what its AEAD would stop
 * is made good here, so that mutations reach the frame table and the frames.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_priv.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { OUT_MAX = 4 << 20, CALLS_MAX = 200 };

static const unsigned char key[SEAL_KEY_BYTES];

/* Commitment and tags as if the sender had meant these bytes. */
static void
make_good(unsigned char *p, size_t n)
{
	struct cry_aead *a = cry_aead_new();
	unsigned char sub[32], nonce[CRY_NONCE_BYTES];
	struct seal_head h;
	size_t at, end = n, table;
	uint64_t chunk;

	if (seal_head_parse(&h, slice_of(p, n)) != ERR_OK)
		goto out;
	seal_commit(p + 16, key, p);
	if (h.method != SEAL_STORED) {
		table = (size_t)seal_table_bytes(h.plain_bytes);
		if (table > n - h.data_off)
			goto out;
		end = n - table;
		enc_be32(p + n - 4, (uint32_t)(table - 4));
		memset(nonce, 0, sizeof(nonce));
		cry_subkey(sub, key, SEAL_LABEL_TABLE);
		cry_aead_key(a, h.suite, sub);
		cry_aead_seal(a, p + end, slice_of(p + end, table - 4 - CRY_TAG_BYTES), nonce,
		    slice_of(p, SEAL_FIXED_BYTES));
	}
	cry_subkey(sub, key, SEAL_LABEL_BODY);
	cry_aead_key(a, h.suite, sub);
	for (chunk = 0, at = (size_t)h.data_off; at + CRY_TAG_BYTES <= end; chunk++) {
		size_t bytes = end - at < SEAL_SEALED_CHUNK ? end - at : SEAL_SEALED_CHUNK;

		seal_nonce(nonce, chunk, bytes < SEAL_SEALED_CHUNK);
		cry_aead_seal(a, p + at, slice_of(p + at, bytes - CRY_TAG_BYTES), nonce,
		    slice_of(p, SEAL_FIXED_BYTES));
		at += bytes;
	}
out:
	cry_aead_free(&a);
}

/* A range in small pieces; whatever comes out is counted against its bounds. */
static void
read_part(struct seal_reader *r, struct slice object, uint64_t a, uint64_t b, size_t step)
{
	uint64_t off, n;
	struct slice rest;
	struct buf out;
	unsigned calls = 0;

	buf_init(&out, OUT_MAX);
	if (seal_reader_range(r, a, b, &off, &n) == ERR_OK) {
		must(off + n <= object.n);
		rest = slice_head(slice_from(object, (size_t)off), (size_t)n);
		while (rest.n > 0 && calls < CALLS_MAX) {
			struct slice piece = slice_head(rest, step);
			size_t before = piece.n;

			buf_reset(&out);
			calls++;
			if (seal_reader_put(r, &piece, &out) != ERR_OK)
				break;
			must(out.n <= SEAL_FRAME_BYTES || out.n <= step);
			rest = slice_from(rest, before - piece.n);
		}
	}
	buf_fini(&out);
}

static void
run(const unsigned char *p, size_t n, unsigned char how)
{
	struct seal_reader *r = seal_reader_new();
	struct slice object = slice_of(p, n), entries;
	struct seal_entry en;
	struct seal_head h;
	struct buf out;
	uint64_t off;
	size_t table;

	buf_init(&out, OUT_MAX);
	if (seal_open(r, key, object, NULL, 1 << 20, &out) == ERR_OK)
		must(out.n == seal_reader_plain_bytes(r));
	if (seal_reader_begin(r, key, n, object, NULL) == ERR_OK &&
	    (!seal_reader_needs_table(r, &off, &table) ||
	    seal_reader_table(r, slice_head(slice_from(object, (size_t)off), table)) == ERR_OK)) {
		read_part(r, object, 0, UINT64_MAX, 1 + how * 97u);
		read_part(r, object, how * 1000u, how * 2000u, 1 + how);
	}
	if (seal_head_parse(&h, object) == ERR_OK) {
		entries = h.entries;
		while (seal_entry_get(&entries, &en) == ERR_OK)
			;
	}
	buf_fini(&out);
	seal_reader_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned char *copy;

	cry_init();
	if (n < 1 || n > (1 << 20))
		return 0;
	copy = must_alloc(1, n);
	memcpy(copy, data + 1, n - 1);
	run(copy, n - 1, data[0]);
	make_good(copy, n - 1);
	run(copy, n - 1, data[0]);
	free(copy);
	return 0;
}
