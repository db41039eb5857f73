/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/opaque_client.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_group.h"
#include "lib/crypto/cry_sha512.h"

/* Where things are in KE2. */
enum {
	KE2_MASKING_NONCE = OPAQUE_OPRF_BYTES,
	KE2_MASKED = KE2_MASKING_NONCE + OPAQUE_NONCE_BYTES,
	KE2_SHARE = KE2_MASKED + OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES + OPAQUE_NONCE_BYTES,
	KE2_MAC = KE2_SHARE + OPAQUE_KEY_BYTES
};
_Static_assert(KE2_MAC + OPAQUE_HASH_BYTES == OPAQUE_KE2_BYTES, "KE2");

void
opaque_client_random(struct opaque_client_random *r)
{
	cry_group_random(r->blind);
	cry_random(r->nonce, sizeof(r->nonce));
	cry_random(r->share_seed, sizeof(r->share_seed));
}

void
opaque_client_wipe(struct opaque_client *c)
{
	secret_wipe(c, sizeof(*c));
}

/* randomized_password; ERR_CORRUPT, ERR_BUSY */
static enum err
randomize(unsigned char out[OPAQUE_HASH_BYTES], const struct opaque_suite *s,
    struct slice password, const unsigned char *blind, const unsigned char *evaluated)
{
	unsigned char oprf[OPAQUE_OPRF_OUT_BYTES];
	struct buf stretched;
	enum err e = opaque_oprf_finish(oprf, password, blind, evaluated);

	buf_init(&stretched, OPAQUE_STRETCHED_MAX);
	stretched.secret = true;
	if (e == ERR_OK)
		e = s->stretch(&stretched, slice_of(oprf, sizeof(oprf)));
	if (e == ERR_OK)
		opaque_randomized(out, oprf, buf_slice(&stretched));
	buf_fini(&stretched);
	secret_wipe(oprf, sizeof(oprf));
	return e;
}

/* ---- the envelope, s4.1 */

struct opened {
	unsigned char	 secret_key[OPAQUE_KEY_BYTES];
	unsigned char	 public_key[OPAQUE_KEY_BYTES];
	unsigned char	 export_key[OPAQUE_HASH_BYTES];
	unsigned char	 tag[OPAQUE_HASH_BYTES];
};

static void
put_framed(struct buf *b, struct slice name, const unsigned char key[OPAQUE_KEY_BYTES])
{
	if (name.n == 0)
		name = slice_of(key, OPAQUE_KEY_BYTES);
	buf_put_char(b, (char)(name.n >> 8));
	buf_put_char(b, (char)name.n);
	buf_put_slice(b, name);
}

/* What the nonce and the password make; the tag is to be compared, or kept. */
static void
open_envelope(struct opened *o, const unsigned char randomized[OPAQUE_HASH_BYTES],
    const struct opaque_suite *s, const unsigned char nonce[OPAQUE_NONCE_BYTES],
    const unsigned char server_public[OPAQUE_KEY_BYTES])
{
	const struct slice n = slice_of(nonce, OPAQUE_NONCE_BYTES);
	unsigned char auth_key[OPAQUE_HASH_BYTES], seed[OPAQUE_SEED_BYTES];
	struct buf b;

	opaque_expand(auth_key, sizeof(auth_key), randomized, n, "AuthKey");
	opaque_expand(o->export_key, sizeof(o->export_key), randomized, n, "ExportKey");
	opaque_expand(seed, sizeof(seed), randomized, n, "PrivateKey");
	opaque_pair(o->secret_key, o->public_key, seed);
	buf_init(&b, OPAQUE_NONCE_BYTES + OPAQUE_KEY_BYTES + 2 * (2 + OPAQUE_IDENTITY_MAX));
	buf_put_slice(&b, n);
	buf_put(&b, server_public, OPAQUE_KEY_BYTES);
	put_framed(&b, s->server, server_public);
	put_framed(&b, s->client, o->public_key);
	must(buf_err(&b) == ERR_OK);
	cry_sha512_hmac(o->tag, slice_of(auth_key, sizeof(auth_key)), buf_slice(&b));
	buf_fini(&b);
	secret_wipe(auth_key, sizeof(auth_key));
	secret_wipe(seed, sizeof(seed));
}

/* ---- registering */

enum err
opaque_client_register(unsigned char request[OPAQUE_REGISTER_BYTES], struct slice password,
    const struct opaque_client_random *r)
{
	return opaque_oprf_blind(request, password, r->blind);
}

enum err
opaque_client_enrol(unsigned char record[OPAQUE_RECORD_BYTES],
    unsigned char export_key[OPAQUE_HASH_BYTES], const struct opaque_suite *s,
    struct slice password, const struct opaque_client_random *r,
    const unsigned char offer[OPAQUE_OFFER_BYTES])
{
	unsigned char randomized[OPAQUE_HASH_BYTES];
	struct opened o;
	enum err e = randomize(randomized, s, password, r->blind, offer);

	if (e != ERR_OK)
		return e;
	open_envelope(&o, randomized, s, r->nonce, offer + OPAQUE_OPRF_BYTES);
	memcpy(record, o.public_key, OPAQUE_KEY_BYTES);
	record += OPAQUE_KEY_BYTES;
	opaque_masking_key(record, randomized);
	record += OPAQUE_HASH_BYTES;
	memcpy(record, r->nonce, OPAQUE_NONCE_BYTES);
	memcpy(record + OPAQUE_NONCE_BYTES, o.tag, OPAQUE_HASH_BYTES);
	memcpy(export_key, o.export_key, OPAQUE_HASH_BYTES);
	secret_wipe(randomized, sizeof(randomized));
	secret_wipe(&o, sizeof(o));
	return ERR_OK;
}

/* ---- login */

enum err
opaque_client_start(struct opaque_client *c, struct slice password,
    const struct opaque_client_random *r)
{
	unsigned char *nonce = c->ke1 + OPAQUE_OPRF_BYTES;

	memcpy(c->blind, r->blind, sizeof(c->blind));
	memcpy(nonce, r->nonce, OPAQUE_NONCE_BYTES);
	opaque_pair(c->share_secret, nonce + OPAQUE_NONCE_BYTES, r->share_seed);
	return opaque_oprf_blind(c->ke1, password, r->blind);
}

/* What the server was given at the registration, and its tag; ERR_AUTH: another password. */
static enum err
recover(struct opened *o, unsigned char server_public[OPAQUE_KEY_BYTES],
    const unsigned char randomized[OPAQUE_HASH_BYTES], const struct opaque_suite *s,
    const unsigned char ke2[OPAQUE_KE2_BYTES])
{
	unsigned char masking_key[OPAQUE_HASH_BYTES];
	unsigned char plain[OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES];
	const unsigned char *envelope = plain + OPAQUE_KEY_BYTES;
	bool is_it;

	opaque_masking_key(masking_key, randomized);
	memcpy(plain, ke2 + KE2_MASKED, sizeof(plain));
	opaque_mask(plain, masking_key, ke2 + KE2_MASKING_NONCE);
	memcpy(server_public, plain, OPAQUE_KEY_BYTES);
	open_envelope(o, randomized, s, envelope, server_public);
	is_it = secret_eq(o->tag, envelope + OPAQUE_NONCE_BYTES, OPAQUE_HASH_BYTES);
	secret_wipe(masking_key, sizeof(masking_key));
	secret_wipe(plain, sizeof(plain));
	return is_it ? ERR_OK : ERR_AUTH;
}

/* AuthClientFinalize, s6.4.3 */
static enum err
exchange(struct opaque_client_done *done, const struct opaque_client *c, const struct opened *o,
    const unsigned char server_public[OPAQUE_KEY_BYTES], const struct opaque_suite *s,
    const unsigned char ke2[OPAQUE_KE2_BYTES])
{
	unsigned char shared[3 * OPAQUE_KEY_BYTES];
	const struct opaque_transcript t = { s, o->public_key, server_public, c->ke1, ke2, shared };
	const unsigned char *share = ke2 + KE2_SHARE;
	struct opaque_keys k;
	enum err e = ERR_AUTH;

	if (cry_group_multiply(shared, c->share_secret, share) == ERR_OK &&
	    cry_group_multiply(shared + OPAQUE_KEY_BYTES, c->share_secret, server_public) == ERR_OK &&
	    cry_group_multiply(shared + 2 * OPAQUE_KEY_BYTES, o->secret_key, share) == ERR_OK) {
		opaque_schedule(&k, &t);
		if (secret_eq(k.server_mac, ke2 + KE2_MAC, OPAQUE_HASH_BYTES))
			e = ERR_OK;
	}
	if (e == ERR_OK) {
		memcpy(done->ke3, k.client_mac, sizeof(done->ke3));
		memcpy(done->session_key, k.session_key, sizeof(done->session_key));
		memcpy(done->export_key, o->export_key, sizeof(done->export_key));
	}
	secret_wipe(shared, sizeof(shared));
	secret_wipe(&k, sizeof(k));
	return e;
}

enum err
opaque_client_finish(struct opaque_client_done *done, const struct opaque_client *c,
    const struct opaque_suite *s, struct slice password,
    const unsigned char ke2[OPAQUE_KE2_BYTES])
{
	unsigned char randomized[OPAQUE_HASH_BYTES], server_public[OPAQUE_KEY_BYTES];
	struct opened o;
	enum err e = randomize(randomized, s, password, c->blind, ke2);

	if (e == ERR_CORRUPT)
		e = ERR_AUTH;
	if (e == ERR_OK)
		e = recover(&o, server_public, randomized, s, ke2);
	if (e == ERR_OK)
		e = exchange(done, c, &o, server_public, s, ke2);
	secret_wipe(randomized, sizeof(randomized));
	secret_wipe(&o, sizeof(o));
	return e;
}
