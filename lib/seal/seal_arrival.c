/* SPDX-License-Identifier: ISC */
#include "lib/seal/seal_arrival.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal_priv.h"

/* ---- entries ---- */

enum err
seal_entry_of(const struct seal_split *s, uint8_t generation,
    const unsigned char key_id[SEAL_KEY_ID_BYTES], struct seal_entry *en)
{
	enum err e = seal_split_find(s, SEAL_ENTRY_SEED, generation, key_id, en);

	return e == ERR_OK ? e : seal_split_find(s, SEAL_ENTRY_BOX, generation, key_id, en);
}

enum err
seal_entry_parts(const struct seal_entry *en, struct slice *sealed, struct slice *carry)
{
	size_t want = en->algorithm == SEAL_ENTRY_SEED ? SEAL_ENTRY_SEED_BYTES : EPOCH_SEALED_BYTES;

	if (en->algorithm != SEAL_ENTRY_SEED && en->algorithm != SEAL_ENTRY_BOX)
		return ERR_CORRUPT;
	*sealed = slice_head(en->wrapped, EPOCH_SEALED_BYTES);
	*carry = slice_from(en->wrapped, sealed->n);
	return en->wrapped.n == want ? ERR_OK : ERR_CORRUPT;
}

void
seal_entry_carry(unsigned char wrapped[SEAL_ENTRY_SEED_BYTES], const struct epoch_seed *seed,
    const unsigned char key[SEAL_KEY_BYTES])
{
	memcpy(wrapped, seed->sealed, EPOCH_SEALED_BYTES);
	epoch_carry(wrapped + EPOCH_SEALED_BYTES, key, seed->key);
}

/* ---- the trace, sealed beside the message ---- */

static enum err
put_entry(struct seal_writer *w, const struct epoch_seed *seed,
    const unsigned char key[SEAL_KEY_BYTES], const unsigned char public_key[CRY_KEY_BYTES],
    uint32_t generation)
{
	unsigned char wrapped[SEAL_ENTRY_SEED_BYTES];
	struct seal_entry en = { .generation = (uint8_t)generation };
	struct buf b;
	enum err e = ERR_OK;

	if (seed != NULL)
		seal_entry_carry(wrapped, seed, key);
	else
		e = epoch_seal(wrapped, key, public_key);
	if (e != ERR_OK)
		return e;
	en.algorithm = seed != NULL ? SEAL_ENTRY_SEED : SEAL_ENTRY_BOX;
	en.wrapped = slice_of(wrapped, seed != NULL ? sizeof(wrapped) : EPOCH_SEALED_BYTES);
	seal_key_id(en.key_id, public_key);
	buf_init(&b, 256);
	seal_entry_put(&b, &en);
	e = seal_writer_entries(w, 1, buf_slice(&b));
	buf_fini(&b);
	return e;
}

enum err
seal_arrival_put(struct buf *out, struct seal_writer *w, const struct epoch_seed *seed,
    const unsigned char public_key[CRY_KEY_BYTES], uint32_t generation, struct slice trace)
{
	unsigned char key[SEAL_KEY_BYTES];
	enum err e;

	if (trace.n > SEAL_TRACE_MAX)
		return ERR_TOOBIG;
	seal_make_key(key);
	e = seal_writer_begin(w, CRY_AES256_GCM, key, trace.n, SEAL_STORED);
	if (e == ERR_OK)
		e = put_entry(w, seed, key, public_key, generation);
	if (e == ERR_OK)
		e = seal_writer_put(w, trace, out);
	if (e == ERR_OK)
		e = seal_writer_end(w, out);
	secret_wipe(key, sizeof(key));
	return e;
}

bool
seal_arrival_is(struct slice summary)
{
	return slice_starts(summary, "GWSO");
}

enum err
seal_arrival_parse(struct seal_arrival *a, struct slice s)
{
	struct seal_head head;
	struct seal_entry en;
	struct slice carry;

	memset(a, 0, sizeof(*a));
	if (s.n > SEAL_ARRIVAL_MAX || seal_head_parse(&head, s) != ERR_OK ||
	    head.plain_bytes > SEAL_TRACE_MAX || head.method != SEAL_STORED ||
	    seal_entry_get(&head.entries, &en) != ERR_OK ||
	    seal_entry_parts(&en, &a->sealed_key, &carry) != ERR_OK)
		return ERR_CORRUPT;
	a->generation = en.generation;
	memcpy(a->form, s.p, SEAL_FIXED_BYTES);
	if (carry.n > 0)
		memcpy(a->form + SEAL_FIXED_BYTES, carry.p, carry.n);
	a->form_n = SEAL_FIXED_BYTES + carry.n;
	a->commitment = slice_head(slice_from(s, SEAL_FIXED_BYTES), SEAL_COMMITMENT_BYTES);
	return ERR_OK;
}

struct slice
seal_arrival_wrap(const struct seal_arrival *a)
{
	return slice_of(a->form, a->form_n);
}

enum err
seal_arrival_open(struct buf *trace, struct seal_reader *r,
    const unsigned char key[SEAL_KEY_BYTES], struct slice s)
{
	return seal_open(r, key, s, NULL, SEAL_TRACE_MAX, trace);
}

/* ---- in the summary ---- */

void
seal_traced_put(struct buf *b, struct slice trace)
{
	unsigned char length[4];

	enc_le32(length, (uint32_t)trace.n);
	buf_put(b, length, sizeof(length));
	buf_put_slice(b, trace);
}

enum err
seal_traced_get(struct slice plain, struct slice *trace, struct slice *summary)
{
	size_t n;

	if (plain.n < 4)
		return ERR_CORRUPT;
	n = dec_le32(plain.p);
	if (n > SEAL_TRACE_MAX || n > plain.n - 4)
		return ERR_CORRUPT;
	*trace = slice_head(slice_from(plain, 4), n);
	*summary = slice_from(plain, 4 + n);
	return ERR_OK;
}
