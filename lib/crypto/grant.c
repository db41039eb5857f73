/* SPDX-License-Identifier: ISC */
#include "lib/crypto/grant.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/crypto/stamp.h"

enum { GRANT_VERSION = 2, GRANT_BODY_BYTES = GRANT_BYTES - STAMP_BYTES };

void
grant_make(unsigned char out[GRANT_BYTES], const struct grant *g, const unsigned char secret[32])
{
	memset(out, 0, GRANT_BYTES);
	out[0] = GRANT_VERSION;
	enc_le32(out + 4, g->instance);
	enc_le64(out + 8, g->guest);
	enc_le64(out + 16, g->owner);
	enc_le32(out + 24, g->generation);
	enc_le64(out + 32, g->expires_s);
	enc_le64(out + 40, g->content);
	stamp_put(out, GRANT_BODY_BYTES, "grant", secret);
}

enum err
grant_verify(struct grant *g, struct slice bytes, const unsigned char secret[32],
    uint32_t instance, uint64_t guest, uint64_t now_s)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	if (!stamp_ok(bytes, GRANT_BODY_BYTES, "grant", secret) || p[0] != GRANT_VERSION)
		return ERR_AUTH;
	g->instance = dec_le32(p + 4);
	g->guest = dec_le64(p + 8);
	g->owner = dec_le64(p + 16);
	g->generation = dec_le32(p + 24);
	g->expires_s = dec_le64(p + 32);
	g->content = dec_le64(p + 40);
	if (g->instance != instance || g->guest != guest || g->expires_s <= now_s)
		return ERR_AUTH;
	return ERR_OK;
}
