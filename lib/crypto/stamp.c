/* SPDX-License-Identifier: ISC */
#include "lib/crypto/stamp.h"

#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

static void
stamp_make(unsigned char stamp[STAMP_BYTES], struct slice body, const char *label,
    const unsigned char secret[32])
{
	unsigned char key[CRY_KEY_BYTES];

	cry_subkey(key, secret, label);
	cry_mac(stamp, STAMP_BYTES, key, body);
	secret_wipe(key, sizeof(key));
}

void
stamp_put(unsigned char *p, size_t body_bytes, const char *label,
    const unsigned char secret[32])
{
	stamp_make(p + body_bytes, slice_of(p, body_bytes), label, secret);
}

bool
stamp_ok(struct slice s, size_t body_bytes, const char *label, const unsigned char secret[32])
{
	unsigned char stamp[STAMP_BYTES];

	if (s.n != body_bytes + STAMP_BYTES)
		return false;
	stamp_make(stamp, slice_head(s, body_bytes), label, secret);
	return secret_eq(stamp, s.p + body_bytes, sizeof(stamp));
}
