/* SPDX-License-Identifier: ISC */
#include "keyd/key_tbs.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cc.h"

enum {
	PAD_BYTES = 64,
	RANDOMS_BYTES = 64,		/* client_random and server_random */
	PARAMS_HEAD_BYTES = 4,		/* curve type, named curve, point length */
	NAMED_CURVE = 3,
	POINT_UNCOMPRESSED = 4
};

/*
 * RFC 8446 s4.4.3: 64 spaces, the context string, a zero byte, the hash of
 * the transcript.  The cipher suites of TLS 1.3 hash with SHA-256 or SHA-384
 * (RFC 8446 appendix B.4).
 */
static bool
is_certificate_verify(struct slice s)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	size_t head = PAD_BYTES + sizeof(context), i;

	if (s.n != head + 32 && s.n != head + 48)
		return false;
	for (i = 0; i < PAD_BYTES; i++)
		if (s.p[i] != ' ')
			return false;
	/* The zero byte is the one that ends the C string. */
	return memcmp(s.p + PAD_BYTES, context, sizeof(context)) == 0;
}

/*
 * RFC 8422 s5.4: both randoms, then ServerECDHParams with a named curve and
 * an uncompressed point (RFC 8422 s5.4.1).
 */
static bool
is_server_key_exchange(struct slice s)
{
	static const struct {
		uint16_t	curve;		/* RFC 8422 s5.1.1 */
		unsigned char	point_bytes;
		bool		has_form;
	} curves[] = {
		{ 0x001d, 32, false },		/* x25519 */
		{ 0x0017, 65, true },		/* secp256r1 */
		{ 0x0018, 97, true },		/* secp384r1 */
	};
	const unsigned char *p = (const unsigned char *)s.p + RANDOMS_BYTES;
	size_t i;

	if (s.n < RANDOMS_BYTES + PARAMS_HEAD_BYTES + 1 || p[0] != NAMED_CURVE)
		return false;
	for (i = 0; i < lengthof(curves); i++) {
		if ((p[1] << 8 | p[2]) != curves[i].curve)
			continue;
		return p[3] == curves[i].point_bytes &&
		    s.n == RANDOMS_BYTES + PARAMS_HEAD_BYTES + (size_t)curves[i].point_bytes &&
		    (!curves[i].has_form || p[4] == POINT_UNCOMPRESSED);
	}
	return false;
}

enum key_tbs
key_tbs_check(struct slice s)
{
	if (is_certificate_verify(s))
		return KEY_TBS_TLS_1_3;
	return is_server_key_exchange(s) ? KEY_TBS_TLS_1_2 : KEY_TBS_REFUSED;
}
