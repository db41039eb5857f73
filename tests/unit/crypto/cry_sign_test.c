/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#undef ERR_STATE

#include "lib/crypto/cry_sign.h"

struct row {
	const char	*type, *group, *kind, *digest;
	uint16_t	 scheme, other;
};

static void
load(const struct row *r, struct cry_sign_key **k, EVP_PKEY **pkey)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p;
	long n;

	*pkey = r->group != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, r->type, r->group) :
	    EVP_PKEY_Q_keygen(NULL, NULL, r->type);
	assert_non_null(*pkey);
	assert_int_equal(PEM_write_bio_PrivateKey(b, *pkey, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(b, &p);
	assert_int_equal(cry_sign_load(k, slice_of(p, (size_t)n)), ERR_OK);
	assert_string_equal(cry_sign_kind(*k), r->kind);
	BIO_free(b);
}

static bool
verifies(EVP_PKEY *pkey, const char *digest, struct slice text, const unsigned char *sig,
    size_t n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good;

	assert_int_equal(EVP_DigestVerifyInit_ex(c, NULL, digest, NULL, NULL, pkey, NULL), 1);
	good = EVP_DigestVerify(c, sig, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(c);
	return good;
}

/* One key, many signatures: each of its own message, none like another. */
static void
test_again_and_again(void **state)
{
	static const struct row rows[] = {
		{ "EC", "P-256", "P-256", "SHA256", 0x0403, 0x0503 },
		{ "EC", "P-384", "P-384", "SHA384", 0x0503, 0x0403 },
		{ "ED25519", NULL, "Ed25519", NULL, 0x0807, 0x0403 },
	};
	unsigned char sig[CRY_SIGNATURE_MAX], last[CRY_SIGNATURE_MAX] = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct cry_sign_key *k = NULL;
		EVP_PKEY *pkey;

		load(&rows[i], &k, &pkey);
		for (size_t j = 0; j < 20; j++) {
			char text[200];
			struct slice s = slice_of(text, j * 10);

			memset(text, (int)j, sizeof(text));
			assert_int_equal(cry_sign(k, rows[i].scheme, s, sig, &n), ERR_OK);
			assert_true(verifies(pkey, rows[i].digest, s, sig, n));
			assert_false(verifies(pkey, rows[i].digest, SLICE_LIT("other"), sig, n));
			assert_memory_not_equal(sig, last, n);
			memcpy(last, sig, n);
			assert_int_equal(cry_sign(k, rows[i].other, s, sig, &n),
			    ERR_UNSUPPORTED);
		}
		cry_sign_free(&k);
		assert_null(k);
		EVP_PKEY_free(pkey);
	}
}

static void
test_what_is_no_key(void **state)
{
	struct cry_sign_key *k = NULL;

	(void)state;
	assert_int_equal(cry_sign_load(&k, SLICE_LIT("")), ERR_SYNTAX);
	assert_int_equal(cry_sign_load(&k, SLICE_LIT("-----BEGIN")), ERR_SYNTAX);
	assert_null(k);
	cry_sign_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_what_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
