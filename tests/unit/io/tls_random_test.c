/* SPDX-License-Identifier: ISC */
/* OpenSSL's randomness in a process of ours. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/io/openssl.h"

#include <string.h>

#include "lib/io/tls_provider.h"
#include "tests/unit/test.h"

#define BYTES	3000	/* several calls: the kernel is asked for 256 at a time */

/* Both of OpenSSL's ways to it; each piece is written to its end, and not further. */
static void
every_byte(void **state)
{
	static const int sizes[] = { 0, 1, 4, 32, 255, 256, 257, BYTES };
	unsigned char dst[BYTES + 1], seen[BYTES];
	int rc;

	(void)state;
	assert_int_equal(tls_provider_load(), ERR_OK);
	for (size_t i = 0; i < lengthof(sizes) * 2; i++) {
		int n = sizes[i / 2];

		memset(seen, 0, sizeof(seen));
		for (int round = 0; round < 20; round++) {
			memset(dst, 0, sizeof(dst));
			rc = i % 2 == 0 ? RAND_bytes(dst, n) : RAND_priv_bytes(dst, n);
			assert_int_equal(rc, 1);
			assert_int_equal(dst[n], 0);
			for (int at = 0; at < n; at++)
				seen[at] |= dst[at];
		}
		for (int at = 0; at < n; at++)	/* else by chance 1 in 2^160 */
			assert_int_not_equal(seen[at], 0);
	}
	assert_int_equal(RAND_status(), 1);
}

/* No generator of OpenSSL's was started for it. */
static void
from_the_kernel(void **state)
{
	unsigned char dst[32];

	(void)state;
	assert_int_equal(tls_provider_load(), ERR_OK);
	assert_int_equal(RAND_bytes(dst, sizeof(dst)), 1);
	assert_ptr_not_equal(RAND_get_rand_method(), RAND_OpenSSL());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte),
		cmocka_unit_test(from_the_kernel),
	};

	return cmocka_run_group_tests_name("io/tls_random", tests, NULL, NULL);
}
