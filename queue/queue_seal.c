/* SPDX-License-Identifier: ISC */
#include "queue/queue_seal.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"

enum err
queue_seal_add_key(struct queue_keys *ks, uint32_t id, struct slice key)
{
	struct queue_spool_key *k, *room = NULL;
	size_t i;

	if (id == 0 || key.n != CRY_KEY_BYTES)
		return ERR_VIOLATION;
	for (i = 0; i < QUEUE_SPOOL_KEYS; i++) {
		k = &ks->all[i];
		if (k->id == id || (k->id == 0 && room == NULL))
			room = k;
		if (k->id == id)
			break;
	}
	if (room == NULL)
		return ERR_FULL;
	room->id = id;
	memcpy(room->key, key.p, CRY_KEY_BYTES);
	return ERR_OK;
}

const struct queue_spool_key *
queue_seal_find_key(const struct queue_keys *ks, uint32_t id)
{
	size_t i;

	for (i = 0; id != 0 && i < QUEUE_SPOOL_KEYS; i++)
		if (ks->all[i].id == id)
			return &ks->all[i];
	return NULL;
}

void
queue_seal_wipe_keys(struct queue_keys *ks)
{
	secret_wipe(ks, sizeof(*ks));
}

static void
put_nonce(unsigned char nonce[CRY_NONCE_BYTES], const char label[4])
{
	memset(nonce, 0, CRY_NONCE_BYTES);
	memcpy(nonce, label, 4);
}

/* Associated data: what it is, and of which message. */
static struct slice
put_ad(unsigned char ad[16], const char label[4], uint32_t word, uint64_t id)
{
	memcpy(ad, label, 4);
	enc_le32(ad + 4, word);
	enc_le64(ad + 8, id);
	return slice_of(ad, 16);
}

void
queue_seal_wrap(struct cry_aead *a, unsigned char out[QUEUE_WRAP_BYTES],
    const unsigned char key[CRY_KEY_BYTES], const struct queue_spool_key *k, uint64_t id)
{
	unsigned char ad[16];

	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(a, CRY_AES256_GCM, k->key);
	cry_aead_seal(a, out + CRY_NONCE_BYTES, slice_of(key, CRY_KEY_BYTES), out,
	    put_ad(ad, "qkey", k->id, id));
}

enum err
queue_seal_unwrap(struct cry_aead *a, unsigned char key[CRY_KEY_BYTES],
    struct slice wrapped, const struct queue_spool_key *k, uint64_t id)
{
	unsigned char ad[16];

	if (wrapped.n != QUEUE_WRAP_BYTES)
		return ERR_CORRUPT;
	cry_aead_key(a, CRY_AES256_GCM, k->key);
	return cry_aead_open(a, key, slice_from(wrapped, CRY_NONCE_BYTES),
	    (const unsigned char *)wrapped.p, put_ad(ad, "qkey", k->id, id));
}

void
queue_seal_use(struct cry_aead *a, const unsigned char key[CRY_KEY_BYTES])
{
	cry_aead_key(a, CRY_AES256_GCM, key);
}

static const char *
part_label(enum queue_part part)
{
	return part == QUEUE_PART_ENVELOPE ? "qenv" : "qbod";
}

/* A message's key seals one envelope and one body: constant nonces will do. */
void
queue_seal_part(struct cry_aead *a, enum queue_part part, uint64_t id,
    unsigned char *out, struct slice in)
{
	unsigned char nonce[CRY_NONCE_BYTES], ad[16];

	put_nonce(nonce, part_label(part));
	cry_aead_seal(a, out, in, nonce, put_ad(ad, part_label(part), 0, id));
}

enum err
queue_seal_open_part(struct cry_aead *a, enum queue_part part, uint64_t id,
    unsigned char *out, struct slice in)
{
	unsigned char nonce[CRY_NONCE_BYTES], ad[16];

	if (in.n < CRY_TAG_BYTES)
		return ERR_CORRUPT;
	put_nonce(nonce, part_label(part));
	return cry_aead_open(a, out, in, nonce, put_ad(ad, part_label(part), 0, id));
}

void
queue_seal_progress(struct cry_aead *a, uint64_t id, struct buf *out, struct slice in)
{
	unsigned char nonce[CRY_NONCE_BYTES], ad[16];
	char *p = buf_reserve(out, in.n + QUEUE_PROGRESS_EXTRA);

	if (p == NULL)
		return;
	put_nonce(nonce, "qres");
	cry_random(nonce + 4, 8);
	memcpy(p, nonce + 4, 8);
	cry_aead_seal(a, (unsigned char *)p + 8, in, nonce, put_ad(ad, "qres", 0, id));
	buf_commit(out, in.n + QUEUE_PROGRESS_EXTRA);
}

enum err
queue_seal_open_progress(struct cry_aead *a, uint64_t id, struct buf *out, struct slice in)
{
	unsigned char nonce[CRY_NONCE_BYTES], ad[16];
	enum err e;
	char *p;

	if (in.n < QUEUE_PROGRESS_EXTRA)
		return ERR_CORRUPT;
	if ((p = buf_reserve(out, in.n)) == NULL)
		return ERR_LIMIT;
	put_nonce(nonce, "qres");
	memcpy(nonce + 4, in.p, 8);
	e = cry_aead_open(a, (unsigned char *)p, slice_from(in, 8), nonce,
	    put_ad(ad, "qres", 0, id));
	if (e == ERR_OK)
		buf_commit(out, in.n - QUEUE_PROGRESS_EXTRA);
	return e;
}
