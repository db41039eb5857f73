/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/mail/addr.h"

#define ALL	(ADDR_UTF8 | ADDR_NULL_OK | ADDR_POSTMASTER_OK)
#define L63	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"
#define L64	L63 "4"

struct row {
	const char	*in;
	unsigned	 flags;
	enum err	 error;
	const char	*text;		/* of addr_text */
	const char	*rest;
};

static const struct row path_rows[] = {
	{ "<a@b>", 0, ERR_OK, "a@b", "" },
	{ "<a@b> SIZE=1", 0, ERR_OK, "a@b", " SIZE=1" },
	{ "<A.b+c@Example.COM>", 0, ERR_OK, "A.b+c@Example.COM", "" },
	{ "<!#$%&'*+-/=?^_`{|}~@b>", 0, ERR_OK, "!#$%&'*+-/=?^_`{|}~@b", "" },
	{ "<>", ADDR_NULL_OK, ERR_OK, "", "" },
	{ "<>", 0, ERR_SYNTAX, NULL, NULL },
	{ "", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<", ALL, ERR_SYNTAX, NULL, NULL },
	{ "a@b", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a@b", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a@b>>", 0, ERR_OK, "a@b", ">" },
	{ "<a@>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<@b>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a b@c>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<.a@b>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a.@b>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a..b@c>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<a@b@c>", ALL, ERR_SYNTAX, NULL, NULL },
	{ "<postmaster>", ADDR_POSTMASTER_OK, ERR_OK, "postmaster", "" },
	{ "<PostMaster>", ADDR_POSTMASTER_OK, ERR_OK, "PostMaster", "" },
	{ "<postmaster>", 0, ERR_SYNTAX, NULL, NULL },
	/* quoted */
	{ "<\"a b\"@c>", 0, ERR_OK, "\"a b\"@c", "" },
	{ "<\"a\"@c>", 0, ERR_OK, "a@c", "" },
	{ "<\"\\a\\b\"@c>", 0, ERR_OK, "ab@c", "" },
	{ "<\"a\\\"b\\\\\"@c>", 0, ERR_OK, "\"a\\\"b\\\\\"@c", "" },
	{ "<\"a@b>c\"@d>", 0, ERR_OK, "\"a@b>c\"@d", "" },
	{ "<\"\"@c>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<\"a@c>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<\"a\\", 0, ERR_SYNTAX, NULL, NULL },
	{ "<\"a\tb\"@c>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<\"a\"b@c>", 0, ERR_SYNTAX, NULL, NULL },
	/* routes */
	{ "<@x.example,@y.example:a@b>", 0, ERR_OK, "a@b", "" },
	{ "<@[IPv6:::1]:a@b>", 0, ERR_OK, "a@b", "" },
	{ "<@x:>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<@x,:a@b>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<@x,y:a@b>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<@:a@b>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<@x a@b>", 0, ERR_SYNTAX, NULL, NULL },
	/* domains */
	{ "<a@b-c.d_e>", 0, ERR_OK, "a@b-c.d_e", "" },
	{ "<a@-b>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@b->", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@b.>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@b..c>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@b/c>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@" L63 ".c>", 0, ERR_OK, "a@" L63 ".c", "" },
	{ "<a@" L64 ".c>", 0, ERR_LIMIT, NULL, NULL },
	{ "<a@[192.0.2.1]>", 0, ERR_OK, "a@[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", 0, ERR_OK, "a@[IPv6:2001:db8::1]", "" },
	{ "<a@[192.0.2.256]>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@[IPv6:xyz]>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@[x:y]>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@[]>", 0, ERR_SYNTAX, NULL, NULL },
	{ "<a@[192.0.2.1>", 0, ERR_SYNTAX, NULL, NULL },
	/* SMTPUTF8 */
	{ "<\xc3\xa9@b>", ADDR_UTF8, ERR_OK, "\xc3\xa9@b", "" },
	{ "<\xc3\xa9@b>", 0, ERR_UNSUPPORTED, NULL, NULL },
	{ "<a@\xc3\xa9.example>", ADDR_UTF8, ERR_OK, "a@\xc3\xa9.example", "" },
	{ "<a@\xc3\xa9.example>", 0, ERR_UNSUPPORTED, NULL, NULL },
	{ "<\xe9@b>", ADDR_UTF8, ERR_SYNTAX, NULL, NULL },
	{ "<a\xc2\x85@b>", ADDR_UTF8, ERR_SYNTAX, NULL, NULL },
	{ "<a@\xe9>", ADDR_UTF8, ERR_SYNTAX, NULL, NULL },
	/* lengths: RFC 5321 s4.5.3.1 */
	{ "<" L64 "@b>", 0, ERR_OK, L64 "@b", "" },
	{ "<" L64 "5@b>", 0, ERR_LIMIT, NULL, NULL },
	{ "<" L64 "@" L63 "." L63 "." "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>",
	    0, ERR_OK, L64 "@" L63 "." L63 "."
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
	{ "<" L64 "@" L63 "." L63 "." "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>",
	    0, ERR_LIMIT, NULL, NULL },
	{ "<a@" L63 "." L63 "." L63 "." L63 ".b>", 0, ERR_LIMIT, NULL, NULL },
};

static void
test_paths(void **state)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a;
	struct slice s;

	(void)state;
	for (size_t i = 0; i < lengthof(path_rows); i++) {
		const struct row *r = &path_rows[i];

		s = slice_str(r->in);
		if (addr_parse_path(&s, r->flags, &a) != r->error)
			print_message("%s\n", r->in);
		s = slice_str(r->in);
		assert_int_equal(addr_parse_path(&s, r->flags, &a), r->error);
		if (r->error != ERR_OK)
			continue;
		assert_slice(addr_text(&a, text), r->text);
		assert_slice(s, r->rest);
		/* What we print, we read: the same. */
		assert_int_equal(addr_parse(slice_str(r->text), ALL, &a), ERR_OK);
		assert_slice(addr_text(&a, text), r->text);
	}
}

/* No prefix of a path is read beyond its end (the sanitizer watches). */
static void
test_prefixes(void **state)
{
	struct addr a;
	struct slice s;
	char *copy;

	(void)state;
	for (size_t i = 0; i < lengthof(path_rows); i++)
		for (size_t n = 0; n <= strlen(path_rows[i].in); n++) {
			copy = test_malloc(n + 1);
			memcpy(copy, path_rows[i].in, n);
			s = slice_of(copy, n);
			(void)!addr_parse_path(&s, ALL, &a);
			(void)!addr_parse(slice_of(copy, n), ALL, &a);
			test_free(copy);
		}
}

static const struct {
	const char	*in;
	enum err	 error;
	const char	*out;
} canon_rows[] = {
	{ "Alice@Example.COM", ERR_OK, "alice@example.com" },
	{ "\"Alice\"@x", ERR_OK, "alice@x" },
	{ "\"A B\"@x", ERR_OK, "\"a b\"@x" },
	{ "a@B\xc3\x9c" "cher.example", ERR_OK, "a@xn--bcher-kva.example" },
	{ "a@XN--bcher-kva.example", ERR_OK, "a@xn--bcher-kva.example" },
	{ "a@b\xc3\xbc" "cher.example", ERR_OK, "a@xn--bcher-kva.example" },
	/* decomposed and composed: one address; NFC first, then lowering */
	{ "E\xcc\x81@x", ERR_OK, "\xc3\x89@x" },
	{ "e\xcc\x81@x", ERR_OK, "\xc3\xa9@x" },
	{ "\xc3\xa9@x", ERR_OK, "\xc3\xa9@x" },
	/* only ASCII letters are lowered */
	{ "\xc3\x89@x", ERR_OK, "\xc3\x89@x" },
	{ "a@[IPv6:2001:DB8:0::1]", ERR_OK, "a@[IPv6:2001:db8::1]" },
	{ "a@[ipv6:::ffff:192.0.2.1]", ERR_OK, "a@[IPv6:::ffff:192.0.2.1]" },
	{ "Postmaster", ERR_OK, "postmaster" },
	{ "", ERR_OK, "" },
	{ "a@", ERR_SYNTAX, NULL },
	{ "a@b c", ERR_SYNTAX, NULL },
	{ "a@b\n", ERR_SYNTAX, NULL },
	{ "<a@b>", ERR_SYNTAX, NULL },
};

static void
test_canon(void **state)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice out;

	(void)state;
	for (size_t i = 0; i < lengthof(canon_rows); i++) {
		assert_int_equal(addr_canon_text(slice_str(canon_rows[i].in), text, &out),
		    canon_rows[i].error);
		if (canon_rows[i].error == ERR_OK)
			assert_slice(out, canon_rows[i].out);
	}
}

static void
test_domains(void **state)
{
	(void)state;
	assert_true(addr_domain_eq(slice_str("B\xc3\xbc" "cher.example"), slice_str("xn--BCHER-kva.EXAMPLE")));
	assert_true(addr_domain_eq(slice_str("a.b"), slice_str("A.B")));
	assert_false(addr_domain_eq(slice_str("a.b"), slice_str("a.c")));
	assert_false(addr_domain_eq(slice_str("a."), slice_str("a.")));
	assert_int_equal(addr_check_domain(slice_str("[127.0.0.1]"), 0), ERR_OK);
	assert_int_equal(addr_check_domain(slice_str(""), 0), ERR_SYNTAX);
}

static void
test_split(void **state)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a, b;
	struct slice base, ext;

	(void)state;
	assert_int_equal(addr_parse(slice_str("bob+Lists+x@y"), 0, &a), ERR_OK);
	addr_split(&a, "+", &base, &ext);
	assert_slice(base, "bob");
	assert_slice(ext, "Lists+x");
	addr_strip(&a, "+", &b);
	assert_slice(addr_text(&b, text), "bob@y");
	addr_split(&a, "", &base, &ext);
	assert_slice(base, "bob+Lists+x");
	assert_int_equal(ext.n, 0);
	assert_int_equal(addr_parse(slice_str("+a@y"), 0, &a), ERR_OK);
	addr_split(&a, "+", &base, &ext);
	assert_slice(base, "+a");
	assert_int_equal(addr_parse(slice_str("a-b+c@y"), 0, &a), ERR_OK);
	addr_split(&a, "+-", &base, &ext);
	assert_slice(base, "a");
	assert_slice(ext, "b+c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_canon),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
