/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_sha2.h"
#include "lib/smtp/sasl_client.h"

/* RFC 7677 s3 */
#define C_NONCE	"rOprNGfwEbeRWgbNEkqO"
#define S_NONCE	C_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST	"r=" S_NONCE ",s=" SALT ",i=4096"
#define FINAL	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void
init_bound(struct sasl_client *c, enum sasl_mechanism m, const char *user, const char *secret,
    const struct sasl_binding *b)
{
	struct buf nonce;

	buf_init(&nonce, SASL_NONCE_BYTES);
	assert_int_equal(enc_get_base64(&nonce, SLICE_LIT(C_NONCE)), ERR_OK);
	assert_int_equal(sasl_client_init(c, m, slice_str(user), slice_str(secret),
	    (const unsigned char *)buf_data(&nonce), b), ERR_OK);
	buf_fini(&nonce);
}

static void
init(struct sasl_client *c, enum sasl_mechanism m, const char *user, const char *secret)
{
	init_bound(c, m, user, secret, NULL);
}

static void
test_sha2(void **state)
{
	static const struct {
		uint32_t	 rounds;
		const char	*hex;
	} derived[] = {
		{ 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b" },
		{ 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43" },
		{ 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a" },
	};
	unsigned char out[CRY_SHA2_BYTES];
	struct buf hex;

	(void)state;
	buf_init(&hex, 200);
	/* FIPS 180-4 */
	cry_sha2_256(out, SLICE_LIT("abc"));
	enc_put_hex(&hex, slice_of(out, sizeof(out)));
	assert_slice(buf_slice(&hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* RFC 4231 s4.3 */
	cry_sha2_hmac(out, SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"));
	buf_reset(&hex);
	enc_put_hex(&hex, slice_of(out, sizeof(out)));
	assert_slice(buf_slice(&hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	for (size_t i = 0; i < lengthof(derived); i++) {
		cry_sha2_pbkdf2(out, SLICE_LIT("password"), SLICE_LIT("salt"), derived[i].rounds);
		buf_reset(&hex);
		enc_put_hex(&hex, slice_of(out, sizeof(out)));
		assert_slice(buf_slice(&hex), derived[i].hex);
	}
	buf_fini(&hex);
}

static void
test_scram_vector(void **state)
{
	struct sasl_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SASL_RESPONSE_MAX);
	init(&c, SASL_SCRAM_SHA_256, "user", "pencil");
	/* Asked twice it says the same. */
	assert_true(sasl_client_start(&c, &out));
	buf_reset(&out);
	assert_true(sasl_client_start(&c, &out));
	assert_slice(buf_slice(&out), "n,,n=user,r=" C_NONCE);
	buf_reset(&out);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FIRST), &out), ERR_OK);
	assert_slice(buf_slice(&out), "c=biws,r=" S_NONCE
	    ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	assert_int_equal(sasl_client_on_success(&c), ERR_AUTH);
	buf_reset(&out);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FINAL), &out), ERR_OK);
	assert_int_equal(out.n, 0);
	assert_int_equal(sasl_client_on_success(&c), ERR_OK);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FINAL), &out), ERR_SYNTAX);
	sasl_client_fini(&c);
	buf_fini(&out);
}

/* RFC 5802 s5.1: one password, however it was typed. */
static void
test_scram_prepares(void **state)
{
	static const char *const typed[] = { "gr\xc3\xbc\xc3\x9f gott",
		"gru\xcc\x88\xc3\x9f\xc2\xa0gott", "gr\xc3\xbc\xc3\x9f gott!" };
	struct buf out[3];

	(void)state;
	for (unsigned i = 0; i < lengthof(typed); i++) {
		struct sasl_client c;

		buf_init(&out[i], SASL_RESPONSE_MAX);
		init(&c, SASL_SCRAM_SHA_256, "user", typed[i]);
		assert_true(sasl_client_start(&c, &out[i]));
		buf_reset(&out[i]);
		assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FIRST), &out[i]), ERR_OK);
		sasl_client_fini(&c);
	}
	assert_true(slice_eq(buf_slice(&out[0]), buf_slice(&out[1])));
	assert_false(slice_eq(buf_slice(&out[0]), buf_slice(&out[2])));
	for (unsigned i = 0; i < lengthof(typed); i++)
		buf_fini(&out[i]);
}

/* RFC 5802 s6, s7: what is said of channel binding, and the bytes that bind. */
static void
test_scram_binding(void **state)
{
	static const unsigned char nonce[SASL_NONCE_BYTES];
	struct sasl_binding b = { .type = "tls-exporter", .n = SASL_BINDING_MAX };
	struct sasl_client c;
	struct buf out, want, text;

	(void)state;
	buf_init(&out, SASL_RESPONSE_MAX);
	buf_init(&want, SASL_RESPONSE_MAX);
	buf_init(&text, SASL_RESPONSE_MAX);
	memset(b.bytes, 0xa5, sizeof(b.bytes));
	init_bound(&c, SASL_SCRAM_SHA_256_PLUS, "user", "pencil", &b);
	assert_true(sasl_client_start(&c, &out));
	assert_slice(buf_slice(&out), "p=tls-exporter,,n=user,r=" C_NONCE);
	buf_reset(&out);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FIRST), &out), ERR_OK);
	buf_put_str(&want, "p=tls-exporter,,");
	buf_put(&want, b.bytes, b.n);
	buf_put_str(&text, "c=");
	enc_put_base64(&text, buf_slice(&want));
	buf_put_str(&text, ",r=" S_NONCE ",p=");
	assert_true(slice_starts(buf_slice(&out), buf_cstr(&text)));
	assert_int_equal(sasl_client_on_success(&c), ERR_AUTH);
	sasl_client_fini(&c);
	/* We could, it did not offer. */
	buf_reset(&out);
	init_bound(&c, SASL_SCRAM_SHA_256, "user", "pencil", &b);
	assert_true(sasl_client_start(&c, &out));
	assert_slice(buf_slice(&out), "y,,n=user,r=" C_NONCE);
	buf_reset(&out);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FIRST), &out), ERR_OK);
	assert_true(slice_starts(buf_slice(&out), "c=eSws,r="));
	sasl_client_fini(&c);
	/* Nothing to bind to, and too much of it. */
	assert_int_equal(sasl_client_init(&c, SASL_SCRAM_SHA_256_PLUS, SLICE_LIT("a"),
	    SLICE_LIT("b"), nonce, NULL), ERR_UNSUPPORTED);
	sasl_client_fini(&c);
	b.n++;
	assert_int_equal(sasl_client_init(&c, SASL_SCRAM_SHA_256_PLUS, SLICE_LIT("a"),
	    SLICE_LIT("b"), nonce, &b), ERR_LIMIT);
	sasl_client_fini(&c);
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&text);
}

static void
test_scram_refusals(void **state)
{
	static const struct {
		const char	*challenge;
		enum err	 e;
	} firsts[] = {
		{ "", ERR_SYNTAX },
		{ "m=x,r=" S_NONCE ",s=" SALT ",i=4096", ERR_SYNTAX },
		{ "r=" C_NONCE ",s=" SALT ",i=4096", ERR_SYNTAX },	/* adds nothing */
		{ "r=other" S_NONCE ",s=" SALT ",i=4096", ERR_SYNTAX },
		{ "r=" S_NONCE "\x7f,s=" SALT ",i=4096", ERR_SYNTAX },
		{ "r=" S_NONCE ",i=4096", ERR_SYNTAX },
		{ "r=" S_NONCE ",s=,i=4096", ERR_SYNTAX },
		{ "r=" S_NONCE ",s=*,i=4096", ERR_SYNTAX },
		{ "r=" S_NONCE ",s=" SALT, ERR_SYNTAX },
		{ "r=" S_NONCE ",s=" SALT ",i=", ERR_SYNTAX },
		{ "r=" S_NONCE ",s=" SALT ",i=-1", ERR_SYNTAX },
		{ "r=" S_NONCE ",s=" SALT ",i=4095", ERR_LIMIT },
		{ "r=" S_NONCE ",s=" SALT ",i=100001", ERR_LIMIT },
		{ "r=" S_NONCE ",s=" SALT ",i=18446744073709551615", ERR_LIMIT },
		{ "r=" S_NONCE ",s=" SALT ",i=4096,x=y", ERR_OK },	/* extensions are passed over */
		{ "r=" S_NONCE ",s=" SALT ",i=100000", ERR_OK },
	};
	static const struct {
		const char	*challenge;
		enum err	 e;
	} finals[] = {
		{ "", ERR_SYNTAX }, { "e=invalid-proof", ERR_AUTH }, { "v=", ERR_AUTH }, { "x=", ERR_SYNTAX },
		{ "v=AAAA", ERR_AUTH }, { "v=***", ERR_AUTH },
		{ "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", ERR_AUTH },
		{ FINAL ",x=y", ERR_OK },
	};
	struct sasl_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SASL_RESPONSE_MAX);
	for (size_t i = 0; i < lengthof(firsts); i++) {
		init(&c, SASL_SCRAM_SHA_256, "user", "pencil");
		assert_true(sasl_client_start(&c, &out));
		assert_int_equal(sasl_client_on_challenge(&c, slice_str(firsts[i].challenge), &out),
		    firsts[i].e);
		sasl_client_fini(&c);
		buf_reset(&out);
	}
	for (size_t i = 0; i < lengthof(finals); i++) {
		init(&c, SASL_SCRAM_SHA_256, "user", "pencil");
		assert_true(sasl_client_start(&c, &out));
		assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT(FIRST), &out), ERR_OK);
		assert_int_equal(sasl_client_on_challenge(&c, slice_str(finals[i].challenge), &out),
		    finals[i].e);
		assert_int_equal(sasl_client_on_success(&c) == ERR_OK, finals[i].e == ERR_OK);
		sasl_client_fini(&c);
		buf_reset(&out);
	}
	/* RFC 5802 s5.1: what separates is escaped. */
	init(&c, SASL_SCRAM_SHA_256, "a=b,c", "x");
	assert_true(sasl_client_start(&c, &out));
	assert_slice(buf_slice(&out), "n,,n=a=3Db=2Cc,r=" C_NONCE);
	sasl_client_fini(&c);
	buf_fini(&out);
}

static void
test_others(void **state)
{
	struct sasl_client c;
	struct buf out;

	(void)state;
	buf_init(&out, SASL_RESPONSE_MAX);
	init(&c, SASL_PLAIN, "tim", "tanstaaftanstaaf");	/* RFC 4616 s4 */
	assert_true(sasl_client_start(&c, &out));
	assert_int_equal(out.n, 21);
	assert_memory_equal(buf_data(&out), "\0tim\0tanstaaftanstaaf", 21);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_NONE, &out), ERR_SYNTAX);
	assert_int_equal(sasl_client_on_success(&c), ERR_OK);
	sasl_client_fini(&c);

	buf_reset(&out);
	init(&c, SASL_LOGIN, "tim", "pw");
	assert_false(sasl_client_start(&c, &out));
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT("Username:"), &out), ERR_OK);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT("Password:"), &out), ERR_OK);
	assert_slice(buf_slice(&out), "timpw");
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT("More:"), &out), ERR_SYNTAX);
	sasl_client_fini(&c);

	buf_reset(&out);
	init(&c, SASL_XOAUTH2, "tim", "ya29.tok");
	assert_true(sasl_client_start(&c, &out));
	assert_slice(buf_slice(&out), "user=tim\1auth=Bearer ya29.tok\1\1");
	buf_reset(&out);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT("{}"), &out), ERR_END);
	assert_int_equal(out.n, 0);
	assert_int_equal(sasl_client_on_challenge(&c, SLICE_LIT("{}"), &out), ERR_SYNTAX);
	sasl_client_fini(&c);
	buf_fini(&out);
}

static void
test_choice(void **state)
{
	unsigned char nonce[SASL_NONCE_BYTES] = { 0 };
	static char text[SASL_SECRET_MAX + 1];
	struct sasl_client c;

	(void)state;
	assert_int_equal(sasl_client_choose(SASL_LOGIN | SASL_PLAIN), SASL_PLAIN);
	assert_int_equal(sasl_client_choose(SASL_BY_PASSWORD), SASL_SCRAM_SHA_256_PLUS);
	assert_int_equal(sasl_client_choose(SASL_BY_PASSWORD & ~(unsigned)SASL_SCRAM_SHA_256_PLUS),
	    SASL_SCRAM_SHA_256);
	assert_int_equal(sasl_client_choose(0), SASL_NONE);
	assert_int_equal(sasl_client_mechanism(SLICE_LIT("Plain")), SASL_PLAIN);
	assert_int_equal(sasl_client_mechanism(SLICE_LIT("PLAINX")), SASL_NONE);
	memset(text, 'x', sizeof(text));
	assert_int_equal(sasl_client_init(&c, SASL_PLAIN, slice_of(text, SASL_USER_MAX),
	    slice_of(text, SASL_SECRET_MAX), nonce, NULL), ERR_OK);
	sasl_client_fini(&c);
	assert_int_equal(sasl_client_init(&c, SASL_PLAIN, slice_of(text, SASL_USER_MAX + 1),
	    slice_of(text, 1), nonce, NULL), ERR_LIMIT);
	sasl_client_fini(&c);
	assert_int_equal(sasl_client_init(&c, SASL_PLAIN, slice_of(text, 1),
	    slice_of(text, SASL_SECRET_MAX + 1), nonce, NULL), ERR_LIMIT);
	sasl_client_fini(&c);
	assert_int_equal(sasl_client_init(&c, SASL_PLAIN, SLICE_LIT("a"), SLICE_LIT("b\0c"), nonce,
	    NULL), ERR_SYNTAX);
	sasl_client_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha2),
		cmocka_unit_test(test_scram_vector), cmocka_unit_test(test_scram_prepares),
		cmocka_unit_test(test_scram_binding),
		cmocka_unit_test(test_scram_refusals),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_choice),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
