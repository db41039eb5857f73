/* SPDX-License-Identifier: ISC */
/*
 * Session tokens: the takeover drill.  Only the instance that it names can
 * use one, only until it expires or is revoked, and nothing of it may change.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/token.h"

static unsigned char key[32];
static const struct token made = { TOKEN_MAIL, 77, 12, 1000, 2000, 3 };
static unsigned char bytes[TOKEN_BYTES];

static int
setup(void **state)
{
	unsigned i;

	(void)state;
	cry_init();
	for (i = 0; i < 32; i++)
		key[i] = (unsigned char)(i + 1);
	token_make(bytes, &made, key);
	return 0;
}

/* tests/golden/sealed-object.txt, section token. */
static void
test_known_answer(void **state)
{
	static const unsigned char want[TOKEN_BYTES] = {
		0x01, 0x02, 0x00, 0x00, 0x4d, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0xd0, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x8c, 0x99, 0xc9, 0xfd, 0x11, 0xdd, 0x5b, 0xb4,
		0xe9, 0x8f, 0x50, 0xa0, 0x4f, 0x6f, 0xa6, 0x0c, 0x05, 0xf1, 0x37, 0xd5,
		0x7e, 0xec, 0x75, 0xfa,
	};

	(void)state;
	assert_memory_equal(bytes, want, TOKEN_BYTES);
}

static void
test_good(void **state)
{
	struct token t;

	(void)state;
	assert_int_equal(token_verify(&t, slice_of(bytes, TOKEN_BYTES), key, 77,
	    TOKEN_MAIL | TOKEN_SUBMIT, 1999), ERR_OK);
	assert_int_equal(t.account, 12);
	assert_int_equal(t.scope, TOKEN_MAIL);
	assert_int_equal(t.issued_s, 1000);
	assert_int_equal(t.expires_s, 2000);
}

static void
test_refused(void **state)
{
	unsigned char bad[TOKEN_BYTES + 1], other_key[32];
	struct slice s = slice_of(bytes, TOKEN_BYTES);
	struct token t;
	size_t i;

	(void)state;
	assert_int_equal(token_verify(&t, s, key, 78, TOKEN_MAIL, 1500), ERR_AUTH);
	assert_int_equal(token_verify(&t, s, key, 77, TOKEN_MAIL, 2000), ERR_AUTH);
	assert_int_equal(token_verify(&t, s, key, 77, TOKEN_SUBMIT, 1500), ERR_AUTH);
	memcpy(other_key, key, 32);
	other_key[5] ^= 1;
	assert_int_equal(token_verify(&t, s, other_key, 77, TOKEN_MAIL, 1500), ERR_AUTH);
	memset(bad, 0, sizeof(bad));
	memcpy(bad, bytes, TOKEN_BYTES);
	for (i = 0; i < TOKEN_BYTES * 8; i++) {
		bad[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(token_verify(&t, slice_of(bad, TOKEN_BYTES), key, 77,
		    TOKEN_MAIL, 1500), ERR_AUTH);
		bad[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (i = 0; i <= TOKEN_BYTES + 1; i++)
		if (i != TOKEN_BYTES)
			assert_int_equal(token_verify(&t, slice_of(bad, i), key, 77,
			    TOKEN_MAIL, 1500), ERR_AUTH);
}

/* A scope or version that does not exist, under a good MAC. */
static void
test_unknown_scope(void **state)
{
	struct token odd = made, t;
	unsigned char out[TOKEN_BYTES];

	(void)state;
	odd.scope = (enum token_scope)8;
	token_make(out, &odd, key);
	assert_int_equal(token_verify(&t, slice_of(out, TOKEN_BYTES), key, 77, 0xff, 1500),
	    ERR_AUTH);
}

static void
test_gate(void **state)
{
	struct slice s = slice_of(bytes, TOKEN_BYTES);
	struct token_gate g;
	struct token t;
	uint64_t i;

	(void)state;
	token_gate_init(&g);
	assert_int_equal(token_gate_check(&g, &t, s, 77, TOKEN_MAIL, 1500), ERR_AGAIN);
	assert_int_equal(token_gate_key(&g, slice_of(key, 31)), ERR_VIOLATION);
	assert_int_equal(token_gate_key(&g, slice_of(key, 32)), ERR_OK);
	assert_int_equal(token_gate_check(&g, &t, s, 77, TOKEN_MAIL, 1500), ERR_OK);
	token_gate_revoke(&g, 12, 1000);
	assert_int_equal(token_gate_check(&g, &t, s, 77, TOKEN_MAIL, 1500), ERR_OK);
	token_gate_revoke(&g, 12, 1001);
	assert_int_equal(token_gate_check(&g, &t, s, 77, TOKEN_MAIL, 1500), ERR_AUTH);
	token_gate_revoke(&g, 12, 900);
	assert_int_equal(token_gate_since(&g, 12), 1001);
	for (i = 100; i < 1100; i++)
		token_gate_revoke(&g, i, i);
	assert_int_equal(token_gate_since(&g, 1099), 1099);
	token_gate_forget(&g, 12);
	assert_int_equal(token_gate_since(&g, 12), 0);
	/* The same key again keeps the revocations, another voids them. */
	assert_int_equal(token_gate_key(&g, slice_of(key, 32)), ERR_OK);
	assert_int_equal(token_gate_since(&g, 1099), 1099);
	assert_int_equal(token_gate_key(&g, slice_of(bytes, 32)), ERR_OK);
	assert_int_equal(token_gate_since(&g, 1099), 0);
	token_gate_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer), cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_unknown_scope),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
