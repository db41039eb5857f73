/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/opaque_server.h"

#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_group.h"

void
opaque_server_init(struct opaque_server *s, const unsigned char root[32])
{
	unsigned char seed[OPAQUE_SEED_BYTES], nobody[OPAQUE_KEY_BYTES];

	cry_mac(s->oprf_seed, sizeof(s->oprf_seed), root, SLICE_LIT("opaque oprf seed"));
	cry_subkey(seed, root, "opaque server key");
	opaque_pair(s->secret_key, s->public_key, seed);
	cry_subkey(seed, root, "opaque nobody");
	opaque_pair(nobody, s->fake_public, seed);
	secret_wipe(seed, sizeof(seed));
	secret_wipe(nobody, sizeof(nobody));
}

void
opaque_server_fini(struct opaque_server *s)
{
	secret_wipe(s, sizeof(*s));
}

void
opaque_server_key(unsigned char key[OPAQUE_OPRF_BYTES], const struct opaque_server *s,
    struct slice credential)
{
	unsigned char seed[OPAQUE_SEED_BYTES], public_key[OPAQUE_OPRF_BYTES];

	opaque_expand(seed, sizeof(seed), s->oprf_seed, credential, "OprfKey");
	opaque_oprf_pair(key, public_key, seed, "OPAQUE-DeriveKeyPair");
	secret_wipe(seed, sizeof(seed));
}

static enum err
evaluate(unsigned char evaluated[OPAQUE_OPRF_BYTES], const struct opaque_server *s,
    struct slice credential, const unsigned char *blinded)
{
	unsigned char key[OPAQUE_OPRF_BYTES];
	enum err e;

	opaque_server_key(key, s, credential);
	e = opaque_oprf_evaluate(evaluated, key, blinded);
	secret_wipe(key, sizeof(key));
	return e;
}

enum err
opaque_server_offer(unsigned char offer[OPAQUE_OFFER_BYTES], const struct opaque_server *s,
    struct slice credential, const unsigned char request[OPAQUE_REGISTER_BYTES])
{
	memcpy(offer + OPAQUE_OPRF_BYTES, s->public_key, OPAQUE_KEY_BYTES);
	return evaluate(offer, s, credential, request);
}

void
opaque_server_fake(unsigned char record[OPAQUE_RECORD_BYTES], const struct opaque_server *s,
    struct slice credential)
{
	memset(record, 0, OPAQUE_RECORD_BYTES);
	memcpy(record, s->fake_public, OPAQUE_KEY_BYTES);
	opaque_expand(record + OPAQUE_KEY_BYTES, OPAQUE_HASH_BYTES, s->oprf_seed, credential,
	    "Godwit fake masking key");
}

bool
opaque_server_is_record(const unsigned char record[OPAQUE_RECORD_BYTES])
{
	unsigned char one[OPAQUE_KEY_BYTES] = { 1 };

	return cry_group_multiply(one, one, record) == ERR_OK;
}

void
opaque_server_random(struct opaque_server_random *r)
{
	cry_random(r, sizeof(*r));
}

enum err
opaque_server_answer(unsigned char ke2[OPAQUE_KE2_BYTES], struct opaque_keys *k,
    const struct opaque_server *s, const struct opaque_server_request *q,
    const struct opaque_server_random *r)
{
	unsigned char *masked = ke2 + OPAQUE_OPRF_BYTES + OPAQUE_NONCE_BYTES;
	unsigned char *nonce = masked + OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES;
	unsigned char *share = nonce + OPAQUE_NONCE_BYTES, *mac = share + OPAQUE_KEY_BYTES;
	const unsigned char *client_share = q->ke1 + OPAQUE_OPRF_BYTES + OPAQUE_NONCE_BYTES;
	unsigned char secret[OPAQUE_KEY_BYTES], shared[3 * OPAQUE_KEY_BYTES];
	const struct opaque_transcript t = { q->suite, q->record, s->public_key, q->ke1, ke2,
	    shared };
	enum err e = evaluate(ke2, s, q->credential, q->ke1);

	memcpy(ke2 + OPAQUE_OPRF_BYTES, r->masking_nonce, OPAQUE_NONCE_BYTES);
	memcpy(masked, s->public_key, OPAQUE_KEY_BYTES);
	memcpy(masked + OPAQUE_KEY_BYTES, q->record + OPAQUE_KEY_BYTES + OPAQUE_HASH_BYTES,
	    OPAQUE_ENVELOPE_BYTES);
	opaque_mask(masked, q->record + OPAQUE_KEY_BYTES, r->masking_nonce);
	memcpy(nonce, r->nonce, OPAQUE_NONCE_BYTES);
	opaque_pair(secret, share, r->share_seed);
	if (e == ERR_OK)
		e = cry_group_multiply(shared, secret, client_share);
	if (e == ERR_OK)
		e = cry_group_multiply(shared + OPAQUE_KEY_BYTES, s->secret_key, client_share);
	if (e == ERR_OK)
		e = cry_group_multiply(shared + 2 * OPAQUE_KEY_BYTES, secret, q->record);
	if (e == ERR_OK) {
		opaque_schedule(k, &t);
		memcpy(mac, k->server_mac, OPAQUE_HASH_BYTES);
	}
	secret_wipe(secret, sizeof(secret));
	secret_wipe(shared, sizeof(shared));
	return e;
}
