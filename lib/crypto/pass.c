/* SPDX-License-Identifier: ISC */
#include "lib/crypto/pass.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/crypto/stamp.h"

enum { PASS_VERSION = 1, PASS_BODY_BYTES = PASS_BYTES - STAMP_BYTES };

void
pass_make(unsigned char out[PASS_BYTES], const struct pass *a, const unsigned char secret[32])
{
	memset(out, 0, PASS_BYTES);
	out[0] = PASS_VERSION;
	enc_le32(out + 4, a->instance);
	enc_le64(out + 8, a->guest);
	enc_le64(out + 16, a->owner);
	enc_le64(out + 24, a->mailbox);
	enc_le32(out + 32, a->uidvalidity);
	enc_le32(out + 36, a->uid);
	enc_le64(out + 40, a->expires_s);
	stamp_put(out, PASS_BODY_BYTES, "pass", secret);
}

enum err
pass_verify(struct pass *a, struct slice bytes, const unsigned char secret[32],
    uint32_t instance, uint64_t guest, uint64_t now_s)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	if (!stamp_ok(bytes, PASS_BODY_BYTES, "pass", secret) || p[0] != PASS_VERSION)
		return ERR_AUTH;
	a->instance = dec_le32(p + 4);
	a->guest = dec_le64(p + 8);
	a->owner = dec_le64(p + 16);
	a->mailbox = dec_le64(p + 24);
	a->uidvalidity = dec_le32(p + 32);
	a->uid = dec_le32(p + 36);
	a->expires_s = dec_le64(p + 40);
	if (a->instance != instance || a->guest != guest || a->expires_s <= now_s)
		return ERR_AUTH;
	return ERR_OK;
}
