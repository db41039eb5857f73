/* SPDX-License-Identifier: ISC */
/*
 * SASLprep with the examples of RFC 4013 s3 and each of its tables, and what
 * becomes of it as an identifier of rights.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/mail/acl_identifier.h"
#include "lib/mail/saslprep.h"

static const struct row {
	const char	*in;
	enum err	 error;
	const char	*out;
} prep_rows[] = {
	{ "I\xc2\xadX", ERR_OK, "IX" },
	{ "user", ERR_OK, "user" },
	{ "USER", ERR_OK, "USER" },
	{ "", ERR_OK, "" },
	{ "\xc2\xad", ERR_OK, "" },
	/* U+00AA and U+2168, which NFKC makes other letters of */
	{ "\xc2\xaa", ERR_CONFLICT, NULL },
	{ "\xe2\x85\xa8", ERR_CONFLICT, NULL },
	{ "\xef\xbd\x81lice", ERR_CONFLICT, NULL },
	{ "\x07", ERR_SYNTAX, NULL },
	{ "\xd8\xa7\x31", ERR_SYNTAX, NULL },
	{ "\xd8\xa7\x31\xd8\xa8", ERR_OK, "\xd8\xa7\x31\xd8\xa8" },
	{ "\xd8\xa7" "a\xd8\xa8", ERR_SYNTAX, NULL },
	/* spaces; composed */
	{ "a\xc2\xa0" "b\xe3\x80\x80" "c", ERR_OK, "a b c" },
	{ "u\xcc\x88", ERR_OK, "\xc3\xbc" },
	/* C1, LINE SEPARATOR, private use, U+FFFD, U+FFFE, plane 14 tag, U+10FFFF */
	{ "\xc2\x85", ERR_SYNTAX, NULL },
	{ "\xe2\x80\xa8", ERR_SYNTAX, NULL },
	{ "\xee\x80\x80", ERR_SYNTAX, NULL },
	{ "\xef\xbf\xbd", ERR_SYNTAX, NULL },
	{ "\xef\xbf\xbe", ERR_SYNTAX, NULL },
	{ "\xf0\x9f\xbf\xbf", ERR_SYNTAX, NULL },
	{ "\xf3\xa0\x80\x81", ERR_SYNTAX, NULL },
	{ "\xf4\x8f\xbf\xbf", ERR_SYNTAX, NULL },
	/* no UTF-8: alone, cut, too long a form, a surrogate */
	{ "\xff", ERR_SYNTAX, NULL }, { "a\xc3", ERR_SYNTAX, NULL },
	{ "\xc0\xaf", ERR_SYNTAX, NULL }, { "\xed\xa0\x80", ERR_SYNTAX, NULL },
}, id_rows[] = {
	{ "bob", ERR_OK, "bob@a.example" },
	{ "BOB@A.Example", ERR_OK, "bob@a.example" },
	{ "-bob", ERR_OK, "-bob@a.example" },
	{ "Anyone", ERR_OK, "anyone" },
	{ "-anyone", ERR_OK, "-anyone" },
	{ "anyone@b.example", ERR_OK, "anyone@b.example" },
	{ "ju\xcc\x88rgen@b\xc3\xbc" "cher.example", ERR_OK, "j\xc3\xbcrgen@xn--bcher-kva.example" },
	{ "bo\xc2\xad" "b", ERR_OK, "bob@a.example" },
	{ "", ERR_SYNTAX, NULL }, { "-", ERR_SYNTAX, NULL }, { "\xc2\xad", ERR_SYNTAX, NULL },
	{ "b b", ERR_SYNTAX, NULL }, { "bob@", ERR_SYNTAX, NULL }, { "@a.example", ERR_SYNTAX, NULL },
	{ "\xef\xac\x81@a.example", ERR_SYNTAX, NULL }, { "\xff", ERR_SYNTAX, NULL },
	{ "bob\n", ERR_SYNTAX, NULL },
};

static void
test_prep(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < lengthof(prep_rows); i++) {
		const struct row *r = &prep_rows[i];

		buf_init(&b, 4 * SASLPREP_MAX);
		assert_int_equal(saslprep(slice_str(r->in), &b), r->error);
		if (r->out != NULL)
			assert_slice(buf_slice(&b), r->out);
		buf_fini(&b);
	}
}

/* A password may become another text; what it cannot, it stays. */
static void
test_password(void **state)
{
	static const struct row rows[] = {
		{ "secret", ERR_NOTFOUND, NULL }, { "", ERR_NOTFOUND, NULL },
		{ "tab\t", ERR_NOTFOUND, NULL },
		{ "u\xcc\x88", ERR_OK, "\xc3\xbc" }, { "\xc3\xbc", ERR_OK, "\xc3\xbc" },
		{ "\xef\xac\x81", ERR_OK, "fi" }, { "a\xc2\xa0" "b", ERR_OK, "a b" },
		{ "\xc2\xad", ERR_NOTFOUND, NULL }, { "\xff", ERR_NOTFOUND, NULL },
		{ "\xc3\xbc\n", ERR_NOTFOUND, NULL }, { "\xd8\xa7" "1", ERR_NOTFOUND, NULL },
	};
	char text[SASLPREP_MAX + 2];
	struct buf b;

	(void)state;
	buf_init(&b, SASLPREP_OUT_MAX);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		assert_int_equal(saslprep_password(slice_str(rows[i].in), &b), rows[i].error);
		if (rows[i].out != NULL)
			assert_slice(buf_slice(&b), rows[i].out);
	}
	for (size_t i = 0; i < SASLPREP_MAX; i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	text[SASLPREP_MAX] = 'a';
	buf_reset(&b);
	assert_int_equal(saslprep_password(slice_of(text, SASLPREP_MAX), &b), ERR_OK);
	assert_int_equal(b.n, SASLPREP_MAX);
	buf_reset(&b);
	assert_int_equal(saslprep_password(slice_of(text, SASLPREP_MAX + 1), &b), ERR_NOTFOUND);
	/* the one that grows most */
	for (size_t i = 0; i + 3 <= SASLPREP_MAX; i += 3)
		memcpy(text + i, "\xef\xb7\xba", 3);
	buf_reset(&b);
	assert_int_equal(saslprep_password(slice_of(text, SASLPREP_MAX / 3 * 3), &b), ERR_OK);
	assert_true(b.n > 10 * SASLPREP_MAX);
	buf_fini(&b);
}

static void
test_limits(void **state)
{
	char text[SASLPREP_MAX + 1], dst[ACL_IDENTIFIER_MAX + 1];
	struct slice out;
	struct buf b;

	(void)state;
	memset(text, 'a', sizeof(text));
	buf_init(&b, 4 * SASLPREP_MAX);
	assert_int_equal(saslprep(slice_of(text, SASLPREP_MAX), &b), ERR_OK);
	assert_int_equal(saslprep(slice_of(text, SASLPREP_MAX + 1), &b), ERR_LIMIT);
	buf_fini(&b);
	assert_int_equal(acl_identifier(slice_of(text, ADDR_LOCAL_MAX), SLICE_LIT("@a.example"),
	    dst, &out), ERR_OK);
	assert_int_equal(acl_identifier(slice_of(text, ADDR_LOCAL_MAX + 1),
	    SLICE_LIT("@a.example"), dst, &out), ERR_LIMIT);
}

static void
test_identifiers(void **state)
{
	char dst[ACL_IDENTIFIER_MAX + 1];
	struct slice out;

	(void)state;
	for (size_t i = 0; i < lengthof(id_rows); i++) {
		const struct row *r = &id_rows[i];

		assert_int_equal(acl_identifier(slice_str(r->in), SLICE_LIT("@a.example"), dst,
		    &out), r->error);
		if (r->out != NULL)
			assert_slice(out, r->out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prep), cmocka_unit_test(test_password),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
