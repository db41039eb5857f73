/* SPDX-License-Identifier: ISC */
/*
 * The takeover drill of the TLS key: what a TLS process may have signed, and
 * everything near it that it may not.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "keyd/key_tbs.h"
#include "lib/base/cc.h"

#define CONTEXT	"TLS 1.3, server CertificateVerify"

static size_t
verify_make(char *dst, const char *context, size_t hash)
{
	size_t n = strlen(context) + 1;

	memset(dst, ' ', 64);
	memcpy(dst + 64, context, n);
	memset(dst + 64 + n, 0xab, hash);
	return 64 + n + hash;
}

static size_t
exchange_make(char *dst, unsigned curve, size_t point)
{
	memset(dst, 0x77, 64);
	dst[64] = 3;
	dst[65] = (char)(curve >> 8);
	dst[66] = (char)curve;
	dst[67] = (char)point;
	memset(dst + 68, 4, point);
	return 68 + point;
}

static void
test_genuine(void **state)
{
	static const struct { unsigned curve; size_t point, total; } curves[] = {
		{ 0x001d, 32, 100 }, { 0x0017, 65, 133 }, { 0x0018, 97, 165 } };
	char b[512];
	size_t i;

	(void)state;
	assert_int_equal(key_tbs_check(slice_of(b, verify_make(b, CONTEXT, 32))), KEY_TBS_TLS_1_3);
	assert_int_equal(key_tbs_check(slice_of(b, verify_make(b, CONTEXT, 48))), KEY_TBS_TLS_1_3);
	for (i = 0; i < lengthof(curves); i++) {
		size_t n = exchange_make(b, curves[i].curve, curves[i].point);

		assert_int_equal(n, curves[i].total);
		assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_TLS_1_2);
	}
}

/* Every byte that is fixed, changed; every length but the right one. */
static void
test_verify_altered(void **state)
{
	char b[512];
	size_t n = verify_make(b, CONTEXT, 32), i;

	(void)state;
	for (i = 0; i < 64 + sizeof(CONTEXT); i++) {
		b[i] ^= 1;
		assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
		b[i] ^= 1;
	}
	memset(b + n, 0xcd, sizeof(b) - n);
	for (i = 0; i <= sizeof(b); i++)
		assert_int_equal(key_tbs_check(slice_of(b, i)),
		    i == n || i == n + 16 ? KEY_TBS_TLS_1_3 : KEY_TBS_REFUSED);
	n = verify_make(b, "TLS 1.3, client CertificateVerify", 32);
	assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
	n = verify_make(b, "TLS 1.3, server CertificateVerifier", 30);
	assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
}

static void
test_exchange_altered(void **state)
{
	static const struct { unsigned curve; size_t point; } bad[] = {
		{ 0x001d, 65 }, { 0x0017, 32 }, { 0x0017, 33 }, { 0x0018, 65 },
		{ 0x0019, 133 }, { 0x0016, 65 }, { 0x001e, 56 }, { 0, 0 } };
	char b[512];
	size_t n, i;

	(void)state;
	for (i = 0; i < lengthof(bad); i++) {
		n = exchange_make(b, bad[i].curve, bad[i].point);
		assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
	}
	n = exchange_make(b, 0x0017, 65);
	b[64] = 1;	/* explicit_prime */
	assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
	b[64] = 3;
	b[68] = 2;	/* compressed */
	assert_int_equal(key_tbs_check(slice_of(b, n)), KEY_TBS_REFUSED);
	n = exchange_make(b, 0x001d, 32);
	for (i = 0; i <= sizeof(b); i++)
		if (i != n)
			assert_int_equal(key_tbs_check(slice_of(b, i)), KEY_TBS_REFUSED);
}

/* Things of value that a stolen signature could make. */
static void
test_other_things(void **state)
{
	static const char *const texts[] = { "", "hello",
		"v=1; a=ecdsa-sha256; d=example.test; s=x; h=from; bh=; b=",
		"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9",
		"\x30\x82\x01\x0a\xa0\x03\x02\x01\x02\x02\x01\x01" };
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(texts); i++)
		assert_int_equal(key_tbs_check(slice_str(texts[i])), KEY_TBS_REFUSED);
	assert_int_equal(key_tbs_check(SLICE_NONE), KEY_TBS_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_genuine), cmocka_unit_test(test_verify_altered),
		cmocka_unit_test(test_exchange_altered), cmocka_unit_test(test_other_things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
