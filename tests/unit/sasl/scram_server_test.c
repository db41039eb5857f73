/* SPDX-License-Identifier: ISC */
/*
 * The example of RFC 7677 s3, and what is none.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/sasl/scram_server.h"

#define NONCE		"rOprNGfwEbeRWgbNEkqO"
#define FULL_NONCE	NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST	"r=" FULL_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FINAL		"c=biws,r=" FULL_NONCE ",p=" PROOF

static struct slice
text(const char *s)
{
	return slice_str(s);
}

static void
test_example(void **state)
{
	struct scram_server s;
	struct scram_final f;
	struct buf b;

	(void)state;
	scram_server_init(&s, false, false);
	assert_int_equal(scram_server_first(&s, text("n,,n=user,r=" NONCE), NULL), ERR_OK);
	assert_true(slice_eq_str(s.user, "user"));
	assert_true(slice_eq_str(s.nonce, NONCE));
	assert_true(slice_eq_str(s.bare, "n=user,r=" NONCE));
	assert_int_equal(scram_server_challenge(&s, text(SERVER_FIRST)), ERR_OK);
	assert_int_equal(scram_server_final(&s, text(FINAL), &f), ERR_OK);
	assert_true(slice_eq_str(f.without_proof, "c=biws,r=" FULL_NONCE));
	buf_init(&b, 100);
	enc_put_base64(&b, slice_of(f.proof, sizeof(f.proof)));
	assert_true(slice_eq_str(buf_slice(&b), PROOF));
	buf_reset(&b);
	scram_server_put_last(&b, text("signature"));
	assert_true(slice_eq_str(buf_slice(&b), "v=c2lnbmF0dXJl"));
	buf_fini(&b);
	scram_server_fini(&s);
}

/* A client-first-message and what becomes of it. */
static void
first(const char *message, bool is_plus, bool offers_plus, enum err want, const char *user)
{
	const struct scram_binding binding = { .n = 3, .bytes = "abc" };
	struct slice name = scram_server_binding(slice_str(message));
	struct scram_server s;

	scram_server_init(&s, is_plus, offers_plus);
	assert_int_equal(scram_server_first(&s, slice_str(message),
	    slice_eq_str(name, "tls-exporter") ? &binding : NULL), want);
	if (want == ERR_OK)
		assert_true(slice_eq_str(s.user, user));
	scram_server_fini(&s);
}

static void
test_first(void **state)
{
	static const struct { const char *message; enum err want; const char *user; } rows[] = {
		{ "n,,n=a=2Cb=3Dc,r=12345678", ERR_OK, "a,b=c" },
		{ "n,a=User,n=user,r=12345678", ERR_OK, "user" },
		{ "n,a=other,n=user,r=12345678", ERR_AUTH, NULL },
		{ "y,,n=user,r=12345678", ERR_OK, "user" },
		{ "n,,n=user,r=12345678,x=y", ERR_OK, "user" },
		{ "p=tls-exporter,,n=user,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,n=us=er,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,n=us=2,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,n=,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,n=user,r=1234567", ERR_SYNTAX, NULL },
		{ "n,,n=user,r=1234567 9", ERR_SYNTAX, NULL },
		{ "n,,m=ext,n=user,r=12345678", ERR_SYNTAX, NULL },
		{ "n,x=y,n=user,r=12345678", ERR_SYNTAX, NULL },
		{ "x,,n=user,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,r=12345678,n=user", ERR_SYNTAX, NULL },
		{ "n,,n=\xff,r=12345678", ERR_SYNTAX, NULL },
		{ "n,,n=user", ERR_SYNTAX, NULL }, { "n,,", ERR_SYNTAX, NULL },
		{ "n", ERR_SYNTAX, NULL }, { "", ERR_SYNTAX, NULL },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		first(rows[i].message, false, false, rows[i].want, rows[i].user);
	/* RFC 5802 s6: who says that there was no offer, and there was one, was lied to. */
	first("y,,n=user,r=12345678", false, true, ERR_AUTH, NULL);
	first("n,,n=user,r=12345678", false, true, ERR_OK, "user");
	first("p=tls-exporter,,n=user,r=12345678", true, true, ERR_OK, "user");
	first("p=tls-unique,,n=user,r=12345678", true, true, ERR_AUTH, NULL);
	first("n,,n=user,r=12345678", true, true, ERR_SYNTAX, NULL);
}

/* Limits and one more. */
static void
test_limits(void **state)
{
	char m[SCRAM_MESSAGE_MAX + 64];
	struct scram_server s;
	size_t n;

	(void)state;
	scram_server_init(&s, false, false);
	n = (size_t)snprintf(m, sizeof(m), "n,,n=user,r=%0*d", SCRAM_NONCE_MAX, 0);
	assert_int_equal(scram_server_first(&s, slice_of(m, n), NULL), ERR_OK);
	m[n++] = '0';
	assert_int_equal(scram_server_first(&s, slice_of(m, n), NULL), ERR_SYNTAX);
	n = (size_t)snprintf(m, sizeof(m), "n,,n=%0*d,r=12345678", SCRAM_USER_MAX, 0);
	assert_int_equal(scram_server_first(&s, slice_of(m, n), NULL), ERR_OK);
	n = (size_t)snprintf(m, sizeof(m), "n,,n=%0*d,r=12345678", SCRAM_USER_MAX + 1, 0);
	assert_int_equal(scram_server_first(&s, slice_of(m, n), NULL), ERR_SYNTAX);
	n = (size_t)snprintf(m, sizeof(m), "n,,n=user,r=12345678,");
	memset(m + n, 'x', sizeof(m) - n);
	assert_int_equal(scram_server_first(&s, slice_of(m, SCRAM_MESSAGE_MAX), NULL), ERR_OK);
	assert_int_equal(scram_server_first(&s, slice_of(m, SCRAM_MESSAGE_MAX + 1), NULL),
	    ERR_SYNTAX);
	scram_server_fini(&s);
}

static void
test_final(void **state)
{
	static const struct { const char *message; enum err want; } rows[] = {
		{ FINAL, ERR_OK },
		{ "c=biws,r=" FULL_NONCE ",x=y,p=" PROOF, ERR_OK },
		{ "c=biws,r=" FULL_NONCE "x,p=" PROOF, ERR_AUTH },
		{ "c=biws,r=" NONCE ",p=" PROOF, ERR_AUTH },
		{ "c=eSws,r=" FULL_NONCE ",p=" PROOF, ERR_AUTH },	/* y,, */
		{ "c=biws", ERR_SYNTAX }, { "", ERR_SYNTAX },
		{ "r=" FULL_NONCE ",c=biws,p=" PROOF, ERR_SYNTAX },
		{ "c=biws,r=" FULL_NONCE ",p=AAAA", ERR_SYNTAX },
		{ "c=biws,r=" FULL_NONCE ",p=" PROOF "AAAA", ERR_SYNTAX },
		{ "c=biws,r=" FULL_NONCE ",p=", ERR_SYNTAX },
		{ "c=!,r=" FULL_NONCE ",p=" PROOF, ERR_SYNTAX },
		{ "c=biws,r=" FULL_NONCE, ERR_SYNTAX },
	};
	struct scram_server s;
	struct scram_final f;

	(void)state;
	scram_server_init(&s, false, false);
	assert_int_equal(scram_server_first(&s, text("n,,n=user,r=" NONCE), NULL), ERR_OK);
	assert_int_equal(scram_server_challenge(&s, text("r=" NONCE ",s=x,i=1")), ERR_VIOLATION);
	assert_int_equal(scram_server_challenge(&s, text("r=other,s=x,i=1")), ERR_VIOLATION);
	assert_int_equal(scram_server_challenge(&s, text(SERVER_FIRST)), ERR_OK);
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(scram_server_final(&s, slice_str(rows[i].message), &f),
		    rows[i].want);
	scram_server_fini(&s);
}

/* c= holds the header and the bytes of the connection; others are refused. */
static void
test_binding(void **state)
{
	const struct scram_binding ours = { .n = 3, .bytes = "abc" };
	struct scram_server s;
	struct scram_final f;

	(void)state;
	scram_server_init(&s, true, true);
	assert_int_equal(scram_server_first(&s, text("p=tls-exporter,,n=user,r=" NONCE), &ours),
	    ERR_OK);
	assert_int_equal(scram_server_challenge(&s, text(SERVER_FIRST)), ERR_OK);
	/* "p=tls-exporter,,abc", and abd */
	assert_int_equal(scram_server_final(&s, text("c=cD10bHMtZXhwb3J0ZXIsLGFiYw==,r="
	    FULL_NONCE ",p=" PROOF), &f), ERR_OK);
	assert_int_equal(scram_server_final(&s, text("c=cD10bHMtZXhwb3J0ZXIsLGFiZA==,r="
	    FULL_NONCE ",p=" PROOF), &f), ERR_AUTH);
	assert_int_equal(scram_server_final(&s, text(FINAL), &f), ERR_AUTH);
	scram_server_fini(&s);
}

/* Cut anywhere: never more than a refusal. */
static void
test_cut(void **state)
{
	static const char whole[] = "n,a=user,n=user,r=" NONCE;
	struct scram_server s;
	struct scram_final f;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(whole) - 1; n++) {
		char *copy = malloc(n + 1);	/* so that a byte too much is found */

		memcpy(copy, whole, n);
		scram_server_init(&s, false, false);
		assert_int_not_equal(scram_server_first(&s, slice_of(copy, n), NULL),
		    n < sizeof(whole) - 1 - 12 ? ERR_OK : ERR_VIOLATION);
		scram_server_fini(&s);
		free(copy);
	}
	scram_server_init(&s, false, false);
	assert_int_equal(scram_server_first(&s, text(whole), NULL), ERR_OK);
	assert_int_equal(scram_server_challenge(&s, text(SERVER_FIRST)), ERR_OK);
	for (n = 0; n < sizeof(FINAL) - 1; n++)
		assert_int_not_equal(scram_server_final(&s, slice_of(FINAL, n), &f), ERR_OK);
	scram_server_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example), cmocka_unit_test(test_first),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_final),
		cmocka_unit_test(test_binding), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
