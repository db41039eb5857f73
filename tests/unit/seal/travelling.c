/* SPDX-License-Identifier: ISC */
#include "tests/unit/seal/travelling.h"

#include "lib/base/must.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal_arrival.h"

static void
put_entry(struct buf *b, const unsigned char key[32], const unsigned char public_key[32],
    uint32_t generation)
{
	unsigned char sealed[EPOCH_SEALED_BYTES];
	struct seal_entry en = { .algorithm = SEAL_ENTRY_BOX, .generation = (uint8_t)generation,
		.wrapped = slice_of(sealed, sizeof(sealed)) };

	must(epoch_seal(sealed, key, public_key) == ERR_OK);
	seal_key_id(en.key_id, public_key);
	seal_entry_put(b, &en);
}

void
travelling_put(struct buf *out, const unsigned char public_key[32], uint32_t generation,
    unsigned entries, struct slice text)
{
	struct seal_press *press = seal_press_new();
	struct seal_writer *w = seal_writer_new(press);
	unsigned char key[32], other[32], secret[32];
	struct buf b;

	buf_init(&b, SEAL_ENTRIES_BYTES_MAX);
	seal_make_key(key);
	for (unsigned i = 1; i < entries; i++) {
		cry_box_pair(other, secret);
		put_entry(&b, key, other, generation);
	}
	if (entries > 0)
		put_entry(&b, key, public_key, generation);
	must(seal_writer_begin(w, CRY_AES256_GCM, key, text.n, SEAL_ZSTD) == ERR_OK);
	must(seal_writer_entries(w, entries, buf_slice(&b)) == ERR_OK);
	must(seal_writer_put(w, text, out) == ERR_OK && seal_writer_end(w, out) == ERR_OK);
	buf_fini(&b);
	seal_writer_free(&w);
	seal_press_free(&press);
}

void
travelling_message(struct buf *out, const unsigned char public_key[32], uint32_t generation,
    struct slice text)
{
	buf_put_str(out, TRAVELLING_TRACE "\r\n");
	travelling_put(out, public_key, generation, 2, text);
}
