/* SPDX-License-Identifier: ISC */
/* Our key schedule of TLS 1.3 beside the one of OpenSSL's default provider. */
#include "lib/io/openssl.h"

#include <openssl/kdf.h>
#include <string.h>

#include "lib/io/tls_provider.h"
#include "tests/unit/test.h"

#define OTHERS	"provider=default"

struct schedule {
	const char	*digest;
	int		 mode;
	const void	*key, *salt, *label, *data;	/* NULL: not given */
	size_t		 key_n, salt_n, label_n, data_n, prefix_n;
};

static const char prefix[] = "tls13 ";

static OSSL_PARAM *
put_octets(OSSL_PARAM *p, const char *name, const void *at, size_t n)
{
	if (at != NULL)
		*p++ = OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)at, n);
	return p;
}

static bool
derive(const char *wish, const struct schedule *s, unsigned char *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", wish);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[8], *p = params;
	int mode = s->mode;
	bool ok;

	assert_non_null(c);
	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	if (s->digest != NULL)
		*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
		    (char *)(uintptr_t)s->digest, 0);
	p = put_octets(p, OSSL_KDF_PARAM_KEY, s->key, s->key_n);
	p = put_octets(p, OSSL_KDF_PARAM_SALT, s->salt, s->salt_n);
	p = put_octets(p, OSSL_KDF_PARAM_PREFIX, prefix, s->prefix_n);
	p = put_octets(p, OSSL_KDF_PARAM_LABEL, s->label, s->label_n);
	p = put_octets(p, OSSL_KDF_PARAM_DATA, s->data, s->data_n);
	*p = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(c, out, n, params) == 1;
	ERR_clear_error();
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return ok;
}

static void
expect_same(const struct schedule *s, size_t n)
{
	unsigned char ours[2000] = { 1 }, theirs[2000] = { 2 };

	assert_true(n <= sizeof(ours));
	assert_true(derive(TLS_PROVIDER_FAST, s, ours, n));
	assert_true(derive(OTHERS, s, theirs, n));
	assert_memory_equal(ours, theirs, n);
}

static void
expect_refused(const struct schedule *s, size_t n)
{
	static unsigned char out[20000];

	assert_true(n <= sizeof(out));
	assert_false(derive(TLS_PROVIDER_FAST, s, out, n));
}

static int
setup(void **state)
{
	(void)state;
	assert_int_equal(tls_provider_load(), ERR_OK);
	return 0;
}

/* Else the comparison below is one with itself. */
static void
test_who_is_asked(void **state)
{
	static const struct { const char *wish, *name; } rows[] = {
		{ TLS_PROVIDER_FAST, "godwit" },
		{ NULL, "default" },
		{ OTHERS, "default" },
	};
	EVP_KEYMGMT *ec;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", rows[i].wish);

		assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)),
		    rows[i].name);
		EVP_KDF_free(kdf);
	}
	/* The wish for what is fast brings nobody to keys without a private part. */
	ec = EVP_KEYMGMT_fetch(NULL, "EC", TLS_PROVIDER_FAST);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(ec)), "default");
	EVP_KEYMGMT_free(ec);
}

static void
test_expand(void **state)
{
	static const char *const names[] = { "SHA2-256", "SHA256", "SHA2-384", "sha384" };
	unsigned char bytes[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t i = 0; i < lengthof(names); i++) {
		struct schedule s = {
			.digest = names[i], .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
			.key = bytes + 9, .key_n = i < 2 ? 32 : 48,
			.label = "c hs traffic", .label_n = 12, .prefix_n = 6,
		};

		for (size_t n = 1; n < 200; n++)
			expect_same(&s, n);
		s.data = bytes;
		for (s.data_n = 0; s.data_n <= 64; s.data_n++)
			expect_same(&s, s.key_n);
	}
}

static void
test_extract(void **state)
{
	unsigned char bytes[300];

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	for (int is_long = 0; is_long < 2; is_long++) {
		size_t n = is_long ? 48 : 32;
		struct schedule s = {
			.digest = is_long ? "SHA384" : "SHA256",
			.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
			.label = "derived", .label_n = 7, .prefix_n = 6,
		};

		expect_same(&s, n);		/* the early secret without PSK */
		s.key = bytes;
		for (s.key_n = 1; s.key_n < 150; s.key_n++)
			expect_same(&s, n);
		s.salt = bytes + 3;
		s.salt_n = n;
		expect_same(&s, n);
		s.key = NULL;			/* the master secret */
		expect_same(&s, n);
	}
}

/* In any order, with what is not ours; the first of a name counts, and none is none. */
static void
test_parameters(void **state)
{
	char digest[] = "SHA256", other[] = "SHA384", label[] = "key", later[] = "iv";
	unsigned char key[32] = { 3 }, ours[16], theirs[16];
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, label, 3),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)(uintptr_t)prefix, 6),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 6),
		OSSL_PARAM_octet_string("keyring", later, 2),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, later, 2),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, other, 6),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_END
	};
	EVP_KDF *fast = EVP_KDF_fetch(NULL, "TLS13-KDF", TLS_PROVIDER_FAST);
	EVP_KDF *plain = EVP_KDF_fetch(NULL, "TLS13-KDF", OTHERS);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(fast), *d = EVP_KDF_CTX_new(plain);

	(void)state;
	assert_int_equal(EVP_KDF_derive(c, ours, sizeof(ours), params), 1);
	assert_int_equal(EVP_KDF_derive(d, theirs, sizeof(theirs), params), 1);
	assert_memory_equal(ours, theirs, sizeof(ours));
	assert_int_equal(EVP_KDF_derive(c, ours, sizeof(ours), NULL), 0);
	assert_int_equal(EVP_KDF_derive(c, ours, sizeof(ours), params + 8), 0);
	ERR_clear_error();
	EVP_KDF_CTX_free(c);
	EVP_KDF_CTX_free(d);
	EVP_KDF_free(fast);
	EVP_KDF_free(plain);
}

static void
test_limits(void **state)
{
	unsigned char bytes[300] = { 0 };
	const struct schedule good = {
		.digest = "SHA256", .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
		.key = bytes, .key_n = 32, .label = bytes, .label_n = 249, .prefix_n = 6,
		.data = bytes, .data_n = 255,
	};
	struct schedule s = good;

	(void)state;
	{
		unsigned char out[255 * 32];

		assert_true(derive(TLS_PROVIDER_FAST, &s, out, sizeof(out)));
	}
	expect_refused(&s, 255 * 32 + 1);
	expect_refused(&s, 0);
	s.label_n = 250;
	expect_refused(&s, 32);
	s = good;
	s.data_n = 256;
	expect_refused(&s, 32);
	s = good;
	s.key_n = 31;
	expect_refused(&s, 32);
	s.key = NULL;
	expect_refused(&s, 32);
	s = good;
	s.digest = "SHA512";
	expect_refused(&s, 32);
	s.digest = NULL;
	expect_refused(&s, 32);
	s = good;
	s.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
	expect_refused(&s, 32);
	s = good;
	s.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	s.salt = bytes;
	s.salt_n = 31;
	expect_refused(&s, 32);
	s.salt_n = 32;
	s.label_n = 250;
	expect_refused(&s, 32);
	s = good;
	s.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	expect_refused(&s, 31);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_extract),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
