/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/opaque.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_sha512.h"

#define KE2_SIGNED_BYTES	(OPAQUE_KE2_BYTES - OPAQUE_HASH_BYTES)
#define LABEL_MAX		64
#define PREAMBLE_MAX		(64 + OPAQUE_CONTEXT_MAX + 2 * OPAQUE_IDENTITY_MAX + \
				    OPAQUE_KE1_BYTES + OPAQUE_KE2_BYTES)
_Static_assert(OPAQUE_ARGON_BYTES == CRY_KEY_BYTES, "what cry_argon2id makes");

enum err
opaque_argon(struct buf *out, struct slice in)
{
	static const unsigned char salt[CRY_SALT_BYTES];
	unsigned char made[OPAQUE_ARGON_BYTES];
	enum err e = cry_argon2id(made, in, salt, OPAQUE_ARGON_PASSES, OPAQUE_ARGON_KIB);

	if (e == ERR_OK)
		buf_put(out, made, sizeof(made));
	secret_wipe(made, sizeof(made));
	return e;
}

void
opaque_pair(unsigned char secret_key[OPAQUE_KEY_BYTES],
    unsigned char public_key[OPAQUE_KEY_BYTES], const unsigned char seed[OPAQUE_SEED_BYTES])
{
	opaque_oprf_pair(secret_key, public_key, seed, "OPAQUE-DeriveDiffieHellmanKeyPair");
}

void
opaque_randomized(unsigned char out[OPAQUE_HASH_BYTES],
    const unsigned char oprf[OPAQUE_OPRF_OUT_BYTES], struct slice stretched)
{
	unsigned char both[OPAQUE_OPRF_OUT_BYTES + OPAQUE_STRETCHED_MAX];

	must(stretched.n <= OPAQUE_STRETCHED_MAX);
	memcpy(both, oprf, OPAQUE_OPRF_OUT_BYTES);
	memcpy(both + OPAQUE_OPRF_OUT_BYTES, stretched.p, stretched.n);
	cry_sha512_extract(out, slice_of(both, OPAQUE_OPRF_OUT_BYTES + stretched.n));
	secret_wipe(both, sizeof(both));
}

void
opaque_expand(unsigned char *out, size_t out_bytes, const unsigned char key[OPAQUE_HASH_BYTES],
    struct slice nonce, const char *label)
{
	struct buf info;

	buf_init(&info, OPAQUE_IDENTITY_MAX + LABEL_MAX);
	buf_put_slice(&info, nonce);
	buf_put_str(&info, label);
	must(buf_err(&info) == ERR_OK);
	cry_sha512_expand(out, out_bytes, key, buf_slice(&info));
	buf_fini(&info);
}

void
opaque_masking_key(unsigned char out[OPAQUE_HASH_BYTES],
    const unsigned char randomized[OPAQUE_HASH_BYTES])
{
	opaque_expand(out, OPAQUE_HASH_BYTES, randomized, SLICE_NONE, "MaskingKey");
}

void
opaque_mask(unsigned char masked[OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES],
    const unsigned char masking_key[OPAQUE_HASH_BYTES],
    const unsigned char nonce[OPAQUE_NONCE_BYTES])
{
	unsigned char pad[OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES];

	opaque_expand(pad, sizeof(pad), masking_key, slice_of(nonce, OPAQUE_NONCE_BYTES),
	    "CredentialResponsePad");
	for (size_t i = 0; i < sizeof(pad); i++)
		masked[i] ^= pad[i];
	secret_wipe(pad, sizeof(pad));
}

/* ---- the key schedule */

/* Derive-Secret, s6.4.2.1 */
static void
derive(unsigned char out[OPAQUE_HASH_BYTES], const unsigned char secret[OPAQUE_HASH_BYTES],
    const char *label, struct slice context)
{
	struct buf b;

	buf_init(&b, LABEL_MAX + OPAQUE_HASH_BYTES);
	buf_put_char(&b, 0);
	buf_put_char(&b, OPAQUE_HASH_BYTES);
	buf_put_char(&b, (char)(strlen("OPAQUE-") + strlen(label)));
	buf_put_str(&b, "OPAQUE-");
	buf_put_str(&b, label);
	buf_put_char(&b, (char)context.n);
	buf_put_slice(&b, context);
	must(buf_err(&b) == ERR_OK);
	cry_sha512_expand(out, OPAQUE_HASH_BYTES, secret, buf_slice(&b));
	buf_fini(&b);
}

static void
put_framed(struct buf *b, struct slice s)
{
	buf_put_char(b, (char)(s.n >> 8));
	buf_put_char(b, (char)s.n);
	buf_put_slice(b, s);
}

static struct slice
name_or_key(struct slice name, const unsigned char key[OPAQUE_KEY_BYTES])
{
	return name.n > 0 ? name : slice_of(key, OPAQUE_KEY_BYTES);
}

static void
put_preamble(struct buf *b, const struct opaque_transcript *t)
{
	buf_put_str(b, "OPAQUEv1-");
	put_framed(b, t->suite->context);
	put_framed(b, name_or_key(t->suite->client, t->client_public));
	buf_put(b, t->ke1, OPAQUE_KE1_BYTES);
	put_framed(b, name_or_key(t->suite->server, t->server_public));
	buf_put(b, t->ke2, KE2_SIGNED_BYTES);
	must(buf_err(b) == ERR_OK);
}

static void
mac_hash(unsigned char out[OPAQUE_HASH_BYTES], const unsigned char key[OPAQUE_HASH_BYTES],
    struct slice text)
{
	unsigned char hash[OPAQUE_HASH_BYTES];

	cry_sha512(hash, text);
	cry_sha512_hmac(out, slice_of(key, OPAQUE_HASH_BYTES), slice_of(hash, sizeof(hash)));
}

void
opaque_schedule(struct opaque_keys *k, const struct opaque_transcript *t)
{
	unsigned char prk[OPAQUE_HASH_BYTES], secret[OPAQUE_HASH_BYTES], hash[OPAQUE_HASH_BYTES];
	unsigned char mac_key[OPAQUE_HASH_BYTES];
	const struct slice h = slice_of(hash, sizeof(hash));
	struct buf b;

	buf_init(&b, PREAMBLE_MAX);
	put_preamble(&b, t);
	cry_sha512(hash, buf_slice(&b));
	cry_sha512_extract(prk, slice_of(t->shared, 3 * OPAQUE_KEY_BYTES));
	derive(secret, prk, "HandshakeSecret", h);
	derive(k->session_key, prk, "SessionKey", h);
	derive(mac_key, secret, "ServerMAC", SLICE_NONE);
	mac_hash(k->server_mac, mac_key, buf_slice(&b));
	derive(mac_key, secret, "ClientMAC", SLICE_NONE);
	buf_put(&b, k->server_mac, sizeof(k->server_mac));
	must(buf_err(&b) == ERR_OK);
	mac_hash(k->client_mac, mac_key, buf_slice(&b));
	buf_fini(&b);
	secret_wipe(prk, sizeof(prk));
	secret_wipe(secret, sizeof(secret));
	secret_wipe(mac_key, sizeof(mac_key));
}
