/* SPDX-License-Identifier: ISC */
/* Which mailboxes a client means (RFC 5465 s6, RFC 7377 s2.2). */
#include "tests/unit/test.h"

#include "imapd/imap_filter.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"

static bool
parse(const char *text, struct imap_filter *f, struct arena *a)
{
	struct imap_parser p;

	imap_parser_init(&p, slice_str(text), a);
	imap_filter_parse(&p, f);
	return imap_parser_end(&p);
}

static void
test_fits(void **state)
{
	static const struct { const char *filter, *name; bool subscribed, personal, want; } rows[] = {
		{ "personal", "a/b", false, true, true },
		{ "personal", "a/b", true, false, false },
		{ "Inboxes", "INBOX", false, true, true },
		{ "inboxes", "INBOX/a", false, true, false },
		{ "inboxes", "INBOX", false, false, false },
		{ "subscribed", "x", true, false, true },
		{ "subscribed", "x", false, true, false },
		{ "mailboxes a", "a", false, true, true },
		{ "mailboxes a", "a/b", false, true, false },
		{ "mailboxes (a \"b/c\" inbox)", "b/c", false, true, true },
		{ "mailboxes (a \"b/c\" inbox)", "INBOX", false, true, true },
		{ "mailboxes (a \"b/c\" inbox)", "b", false, true, false },
		/* no wildcards: RFC 5465 s6.6 */
		{ "mailboxes \"%\"", "a", false, true, false },
		{ "subtree a", "a", false, true, true },
		{ "subtree a", "a/b/c", false, true, true },
		{ "subtree a", "ab", false, true, false },
		{ "subtree a/b", "a", false, true, false },
		{ "subtree (x a)", "a/b/c", false, true, true },
		{ "subtree-one a", "a", false, true, true },
		{ "subtree-one a", "a/b", false, true, true },
		{ "subtree-one a", "a/b/c", false, true, false },
		{ "selected", "a", true, true, false },
		{ "selected-delayed", "a", true, true, false },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct imap_filter f;
		struct arena a;

		arena_init(&a, 65536);
		assert_true(parse(rows[i].filter, &f, &a));
		assert_int_equal(imap_filter_fits(&f, slice_str(rows[i].name),
		    rows[i].subscribed, rows[i].personal), rows[i].want);
		arena_fini(&a);
	}
}

static void
test_bad(void **state)
{
	static const char *const rows[] = {
		"", "all", "mailboxes", "mailboxes ", "mailboxes ()", "subtree (a b",
		"subtree (a  b)", "personal a", "selected a",
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct imap_filter f;
		struct arena a;

		arena_init(&a, 65536);
		assert_false(parse(rows[i], &f, &a));
		arena_fini(&a);
	}
}

static void
test_limit(void **state)
{
	(void)state;
	for (unsigned n = IMAP_FILTER_NAMES_MAX; n <= IMAP_FILTER_NAMES_MAX + 1; n++) {
		struct imap_filter f;
		struct arena a;
		struct buf b;

		arena_init(&a, 65536);
		buf_init(&b, 65536);
		buf_put_str(&b, "mailboxes (");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%sm%u", i > 0 ? " " : "", i);
		buf_put_str(&b, ")");
		buf_put_char(&b, '\0');
		assert_int_equal(parse(buf_data(&b), &f, &a), n <= IMAP_FILTER_NAMES_MAX);
		buf_fini(&b);
		arena_fini(&a);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
