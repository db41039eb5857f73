/* SPDX-License-Identifier: ISC */
/* Our HMAC beside the one of OpenSSL's default provider. */
#include "lib/io/openssl.h"

#include <string.h>

#include "lib/io/tls_provider.h"
#include "tests/unit/test.h"

#define OTHERS	"provider=default"

static const char *const digests[] = { "SHA256", "SHA2-256", "sha384", "SHA2-384" };
static unsigned char text[300];

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7 + 1);
	return tls_provider_load() == ERR_OK ? 0 : -1;
}

static EVP_MAC_CTX *
context(const char *wish)
{
	EVP_MAC *m = EVP_MAC_fetch(NULL, "HMAC", wish);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(m);

	assert_non_null(c);
	EVP_MAC_free(m);
	return c;
}

/* As tickets do: both in the parameters, no init. */
static bool
set(EVP_MAC_CTX *c, const char *digest, size_t key_n)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, text, key_n),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
		OSSL_PARAM_END
	};
	bool ok = EVP_MAC_CTX_set_params(c, params) == 1;

	ERR_clear_error();
	return ok;
}

static void
expect_same(const char *digest, size_t key_n, size_t n, size_t split)
{
	unsigned char ours[64] = { 1 }, theirs[64] = { 2 }, twin[64] = { 3 };
	EVP_MAC_CTX *c = context(TLS_PROVIDER_FAST), *copy;
	size_t a = 0, b = 0, d = 0;

	assert_non_null(EVP_Q_mac(NULL, "HMAC", OTHERS, digest, NULL, text, key_n, text, n,
	    theirs, sizeof(theirs), &b));
	assert_true(set(c, digest, key_n));
	assert_int_equal(EVP_MAC_CTX_get_mac_size(c), b);
	assert_int_equal(EVP_MAC_update(c, text, split), 1);
	copy = EVP_MAC_CTX_dup(c);
	assert_int_equal(EVP_MAC_update(c, text + split, n - split), 1);
	assert_int_equal(EVP_MAC_final(c, ours, &a, sizeof(ours)), 1);
	assert_int_equal(EVP_MAC_update(copy, text + split, n - split), 1);
	assert_int_equal(EVP_MAC_final(copy, twin, &d, sizeof(twin)), 1);
	assert_true(a == b && d == b);
	assert_memory_equal(ours, theirs, a);
	assert_memory_equal(twin, theirs, a);
	EVP_MAC_CTX_free(copy);
	EVP_MAC_CTX_free(c);
	/* As Finished does. */
	assert_non_null(EVP_Q_mac(NULL, "HMAC", TLS_PROVIDER_FAST, digest, NULL, text, key_n,
	    text, n, ours, sizeof(ours), &a));
	assert_int_equal(a, b);
	assert_memory_equal(ours, theirs, a);
}

static void
same_as_openssl(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(digests); i++) {
		for (size_t n = 1; n <= 260; n++)
			expect_same(digests[i], n, 48, 0);	/* keys over a block */
		for (size_t n = 0; n <= 260; n++)
			expect_same(digests[i], 48, n, n / 3);
		for (size_t at = 0; at <= 140; at++)
			expect_same(digests[i], 32, 140, at);
	}
}

/* Other digests, a key before its digest, data without a key, a second end. */
static void
refused(void **state)
{
	unsigned char out[64];
	EVP_MAC_CTX *c = context(TLS_PROVIDER_FAST);
	size_t n;

	(void)state;
	assert_int_equal(EVP_MAC_init(c, text, 32, NULL), 0);
	assert_int_equal(EVP_MAC_update(c, text, 1), 0);
	assert_false(set(c, "SHA1", 32));
	assert_int_equal(EVP_MAC_update(c, text, 1), 0);
	assert_true(set(c, "SHA256", 32));
	assert_int_equal(EVP_MAC_final(c, out, &n, 31), 0);
	assert_int_equal(EVP_MAC_final(c, out, &n, sizeof(out)), 1);
	assert_int_equal(n, 32);
	assert_int_equal(EVP_MAC_update(c, text, 1), 0);
	assert_int_equal(EVP_MAC_final(c, out, &n, sizeof(out)), 0);
	assert_int_equal(EVP_MAC_init(c, text, 32, NULL), 1);
	assert_int_equal(EVP_MAC_update(c, text, 1), 1);
	ERR_clear_error();
	EVP_MAC_CTX_free(c);
}

/* Nobody gets it who did not wish for it. */
static void
who_makes_it(void **state)
{
	static const struct { const char *wish, *name; } rows[] = {
		{ TLS_PROVIDER_FAST, "godwit" }, { NULL, "default" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		EVP_MAC *m = EVP_MAC_fetch(NULL, "HMAC", rows[i].wish);

		assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MAC_get0_provider(m)),
		    rows[i].name);
		EVP_MAC_free(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_openssl),
		cmocka_unit_test(refused),
		cmocka_unit_test(who_makes_it),
	};

	return cmocka_run_group_tests_name("io/tls_mac", tests, setup, NULL);
}
