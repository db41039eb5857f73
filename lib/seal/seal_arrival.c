/* SPDX-License-Identifier: ISC */
#include "lib/seal/seal_arrival.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal_priv.h"

/* ---- the trace, sealed beside the message ---- */

static enum err
put_entry(struct seal_writer *w, const unsigned char key[SEAL_KEY_BYTES],
    const unsigned char public_key[CRY_KEY_BYTES], uint32_t generation)
{
	unsigned char sealed[EPOCH_SEALED_BYTES];
	struct seal_entry en = { .algorithm = SEAL_ENTRY_BOX, .generation = (uint8_t)generation,
		.wrapped = slice_of(sealed, sizeof(sealed)) };
	struct buf b;
	enum err e;

	if ((e = epoch_seal(sealed, key, public_key)) != ERR_OK)
		return e;
	seal_key_id(en.key_id, public_key);
	buf_init(&b, 128);
	seal_entry_put(&b, &en);
	e = seal_writer_entries(w, 1, buf_slice(&b));
	buf_fini(&b);
	return e;
}

enum err
seal_arrival_put(struct buf *out, struct seal_writer *w,
    const unsigned char public_key[CRY_KEY_BYTES], uint32_t generation, struct slice trace)
{
	unsigned char key[SEAL_KEY_BYTES];
	enum err e;

	if (trace.n > SEAL_TRACE_MAX)
		return ERR_TOOBIG;
	seal_make_key(key);
	e = seal_writer_begin(w, CRY_AES256_GCM, key, trace.n, false);
	if (e == ERR_OK)
		e = put_entry(w, key, public_key, generation);
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

	memset(a, 0, sizeof(*a));
	if (s.n > SEAL_ARRIVAL_MAX || seal_head_parse(&head, s) != ERR_OK ||
	    head.plain_bytes > SEAL_TRACE_MAX || head.zstd ||
	    seal_entry_get(&head.entries, &en) != ERR_OK ||
	    en.algorithm != SEAL_ENTRY_BOX || en.wrapped.n != EPOCH_SEALED_BYTES)
		return ERR_CORRUPT;
	a->generation = en.generation;
	a->sealed_key = en.wrapped;
	a->fixed = slice_head(s, SEAL_FIXED_BYTES);
	a->commitment = slice_head(slice_from(s, SEAL_FIXED_BYTES), SEAL_COMMITMENT_BYTES);
	return ERR_OK;
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
