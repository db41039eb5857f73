/* SPDX-License-Identifier: ISC */
#include "keyd/key_pair.h"

#include "lib/base/enc.h"
#include "lib/base/secret.h"

enum { AD_SECRET = 1, AD_VALUE = 2, AD_BYTES = 13 };

static void
wrap(unsigned char *out, struct cry_aead *a, const unsigned char *under,
    const unsigned char *key, struct slice ad)
{
	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(a, CRY_AES256_GCM, under);
	cry_aead_seal(a, out + CRY_NONCE_BYTES, slice_of(key, 32), out, ad);
}

static enum err
unwrap(unsigned char *key, struct cry_aead *a, const unsigned char *under,
    struct slice wrapped, struct slice ad)
{
	if (wrapped.n != KEY_WRAPPED_BYTES)
		return ERR_CORRUPT;
	cry_aead_key(a, CRY_AES256_GCM, under);
	return cry_aead_open(a, key, slice_from(wrapped, CRY_NONCE_BYTES),
	    (const unsigned char *)wrapped.p, ad);
}

static struct slice
ad_make(unsigned char ad[AD_BYTES], unsigned char use, uint64_t id, uint32_t generation)
{
	ad[0] = use;
	enc_le64(ad + 1, id);
	enc_le32(ad + 9, generation);
	return slice_of(ad, AD_BYTES);
}

void
key_pair_make(struct key_account *a, struct cry_aead *aead,
    const unsigned char account_root[32])
{
	unsigned char secret[32], ad[AD_BYTES];

	cry_box_pair(a->public_key, secret);
	wrap(a->wrapped_secret, aead, account_root, secret,
	    ad_make(ad, AD_SECRET, a->id, a->generation));
	secret_wipe(secret, sizeof(secret));
}

enum err
key_pair_open(struct key_pair *p, const struct key_account *a, struct cry_aead *aead,
    const unsigned char account_root[32])
{
	unsigned char ad[AD_BYTES];
	enum err e = unwrap(p->secret, aead, account_root,
	    slice_of(a->wrapped_secret, KEY_WRAPPED_BYTES),
	    ad_make(ad, AD_SECRET, a->id, a->generation));

	if (e == ERR_OK)
		cry_subkey(p->epoch_wrap, p->secret, "godwit epoch wrap");
	return e;
}

void
key_pair_wrap_value(unsigned char out[KEY_WRAPPED_BYTES], struct cry_aead *aead,
    const unsigned char value_root[32], uint32_t number, const unsigned char key[32])
{
	unsigned char ad[AD_BYTES];

	wrap(out, aead, value_root, key, ad_make(ad, AD_VALUE, number, 0));
}

enum err
key_pair_unwrap_value(unsigned char key[32], struct cry_aead *aead,
    const unsigned char value_root[32], uint32_t number, struct slice wrapped)
{
	unsigned char ad[AD_BYTES];

	return unwrap(key, aead, value_root, wrapped, ad_make(ad, AD_VALUE, number, 0));
}
