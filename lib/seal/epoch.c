/* SPDX-License-Identifier: ISC */
#include "lib/seal/epoch.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/seal/seal_priv.h"

_Static_assert(EPOCH_DIRECT_BYTES == SEAL_FIXED_BYTES, "the header is the direct form");

_Static_assert(EPOCH_CARRIED_BYTES == SEAL_FIXED_BYTES + EPOCH_CARRY_BYTES, "header and carry");

#define SALT_BYTES	16
#define CARRY_LABEL	"CMTP2 content key"

enum { AD_EPOCH = 1, AD_CONTENT = 2, AD_MAX = 64 };

void
epoch_make(unsigned char epoch_key[CRY_KEY_BYTES])
{
	cry_random(epoch_key, CRY_KEY_BYTES);
}

enum err
epoch_seal(unsigned char out[EPOCH_SEALED_BYTES],
    const unsigned char epoch_key[CRY_KEY_BYTES],
    const unsigned char public_key[CRY_KEY_BYTES])
{
	return cry_box_seal(out, slice_of(epoch_key, CRY_KEY_BYTES), public_key);
}

enum err
epoch_unseal(unsigned char epoch_key[CRY_KEY_BYTES], struct slice sealed,
    const unsigned char public_key[CRY_KEY_BYTES],
    const unsigned char secret_key[CRY_KEY_BYTES])
{
	if (sealed.n != EPOCH_SEALED_BYTES)
		return ERR_CORRUPT;
	return cry_box_open(epoch_key, sealed, public_key, secret_key);
}

/* nonce, key, tag: both kinds of wrap have this form and differ in their AD. */
static void
wrap(struct cry_aead *a, unsigned char *out, const unsigned char *key,
    const unsigned char *under, struct slice ad)
{
	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(a, CRY_AES256_GCM, under);
	cry_aead_seal(a, out + CRY_NONCE_BYTES, slice_of(key, CRY_KEY_BYTES), out, ad);
}

static enum err
unwrap(struct cry_aead *a, unsigned char *key, struct slice wrapped,
    const unsigned char *under, struct slice ad)
{
	if (wrapped.n != CRY_NONCE_BYTES + CRY_KEY_BYTES + CRY_TAG_BYTES)
		return ERR_CORRUPT;
	cry_aead_key(a, CRY_AES256_GCM, under);
	return cry_aead_open(a, key, slice_from(wrapped, CRY_NONCE_BYTES),
	    (const unsigned char *)wrapped.p, ad);
}

static struct slice
epoch_ad(unsigned char ad[AD_MAX], const struct epoch_id *id)
{
	ad[0] = AD_EPOCH;
	enc_le64(ad + 1, id->account);
	enc_le64(ad + 9, id->epoch);
	enc_le32(ad + 17, id->generation);
	return slice_of(ad, 21);
}

void
epoch_wrap(struct cry_aead *a, unsigned char out[EPOCH_WRAPPED_BYTES],
    const unsigned char epoch_key[CRY_KEY_BYTES],
    const unsigned char account_key[CRY_KEY_BYTES], const struct epoch_id *id)
{
	unsigned char ad[AD_MAX];

	wrap(a, out, epoch_key, account_key, epoch_ad(ad, id));
}

enum err
epoch_unwrap(struct cry_aead *a, unsigned char epoch_key[CRY_KEY_BYTES],
    struct slice wrapped, const unsigned char account_key[CRY_KEY_BYTES],
    const struct epoch_id *id)
{
	unsigned char ad[AD_MAX];

	return unwrap(a, epoch_key, wrapped, account_key, epoch_ad(ad, id));
}

static struct slice
content_ad(unsigned char ad[AD_MAX], const struct epoch_slot *s)
{
	ad[0] = AD_CONTENT;
	enc_le64(ad + 1, s->account);
	enc_le64(ad + 9, s->content);
	enc_le32(ad + 17, s->generation);
	memcpy(ad + 21, s->commitment, 32);
	return slice_of(ad, 53);
}

void
epoch_wrap_content(struct cry_aead *a, unsigned char out[EPOCH_CONTENT_BYTES],
    const unsigned char content_key[CRY_KEY_BYTES],
    const unsigned char epoch_key[CRY_KEY_BYTES], const struct epoch_slot *s)
{
	unsigned char ad[AD_MAX];

	wrap(a, out, content_key, epoch_key, content_ad(ad, s));
}

static enum err
take_direct(unsigned char content_key[CRY_KEY_BYTES], struct slice fixed,
    const unsigned char key[CRY_KEY_BYTES], const unsigned char *commitment)
{
	unsigned char got[SEAL_COMMITMENT_BYTES];

	seal_commit(got, key, (const unsigned char *)fixed.p);
	if (!secret_eq(got, commitment, sizeof(got)))
		return ERR_CORRUPT;
	memcpy(content_key, key, CRY_KEY_BYTES);
	return ERR_OK;
}

/* What stands behind the salt, out of a key or back into it. */
static void
hide(unsigned char *out, const unsigned char *in, const unsigned char *salt,
    const unsigned char seed[CRY_KEY_BYTES])
{
	unsigned char text[sizeof(CARRY_LABEL) - 1 + SALT_BYTES], mask[CRY_KEY_BYTES];

	memcpy(text, CARRY_LABEL, sizeof(CARRY_LABEL) - 1);
	memcpy(text + sizeof(CARRY_LABEL) - 1, salt, SALT_BYTES);
	cry_mac(mask, sizeof(mask), seed, slice_of(text, sizeof(text)));
	for (size_t i = 0; i < sizeof(mask); i++)
		out[i] = in[i] ^ mask[i];
	secret_wipe(mask, sizeof(mask));
}

enum err
epoch_seed_make(struct epoch_seed *s, const unsigned char public_key[CRY_KEY_BYTES])
{
	epoch_make(s->key);
	return epoch_seal(s->sealed, s->key, public_key);
}

void
epoch_carry(unsigned char out[EPOCH_CARRY_BYTES],
    const unsigned char content_key[CRY_KEY_BYTES], const unsigned char seed[CRY_KEY_BYTES])
{
	cry_random(out, SALT_BYTES);
	hide(out + SALT_BYTES, content_key, out, seed);
}

static enum err
take_carried(unsigned char content_key[CRY_KEY_BYTES], struct slice wrapped,
    const unsigned char seed[CRY_KEY_BYTES], const unsigned char *commitment)
{
	const unsigned char *salt = (const unsigned char *)wrapped.p + SEAL_FIXED_BYTES;
	unsigned char key[CRY_KEY_BYTES];
	enum err e;

	hide(key, salt + SALT_BYTES, salt, seed);
	e = take_direct(content_key, slice_head(wrapped, SEAL_FIXED_BYTES), key, commitment);
	secret_wipe(key, sizeof(key));
	return e;
}

enum err
epoch_unwrap_content(struct cry_aead *a, unsigned char content_key[CRY_KEY_BYTES],
    struct slice wrapped, const unsigned char epoch_key[CRY_KEY_BYTES],
    const struct epoch_slot *s)
{
	unsigned char ad[AD_MAX];

	if (wrapped.n == EPOCH_DIRECT_BYTES)
		return take_direct(content_key, wrapped, epoch_key, s->commitment);
	if (wrapped.n == EPOCH_CARRIED_BYTES)
		return take_carried(content_key, wrapped, epoch_key, s->commitment);
	return unwrap(a, content_key, wrapped, epoch_key, content_ad(ad, s));
}
