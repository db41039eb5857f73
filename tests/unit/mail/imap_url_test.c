/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mail/imap_url.h"

static struct arena arena;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct imap_url
good(const char *text)
{
	struct imap_url u;

	assert_int_equal(imap_url_parse(&u, slice_str(text), &arena), ERR_OK);
	return u;
}

static enum err
bad(const char *text)
{
	struct imap_url u;

	return imap_url_parse(&u, slice_str(text), &arena);
}

static void
is(struct slice s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_true(slice_eq_str(s, want));
}

static void
test_absolute(void **state)
{
	struct imap_url u;

	(void)state;
	u = good("imap://joe@example.com/INBOX;UIDVALIDITY=7/;uid=20/;section=1.2/;PARTIAL=5.10");
	assert_true(u.has_scheme && u.has_server && u.is_rooted && !u.has_auth);
	is(u.user, "joe");
	is(u.host, "example.com");
	is(u.mailbox, "INBOX");
	assert_int_equal(u.uidvalidity, 7);
	assert_int_equal(u.uid, 20);
	is(u.section, "1.2");
	assert_true(u.has_partial);
	assert_int_equal(u.from, 5);
	assert_int_equal(u.count, 10);
	assert_int_equal(u.access, IMAP_URL_NO_ACCESS);
	u = good("IMAP://a%40b.example;AUTH=*@[::1]:143/x%20y%2Fz/%C3%A4/;UID=1");
	is(u.user, "a@b.example");
	assert_true(u.has_auth);
	is(u.host, "[::1]");
	is(u.mailbox, "x y/z/\xc3\xa4");
	u = good("imap://;AUTH=PLAIN@h/");
	assert_true(u.has_auth && u.user.n == 0 && u.mailbox.n == 0);
	u = good("//h/b/;UID=3/;PARTIAL=0");
	assert_true(u.has_server && !u.has_scheme && u.has_partial && u.count == 0);
	u = good("imap://h");
	assert_true(u.mailbox.n == 0 && u.uid == 0);
}

/* RFC 4469 s7, and what stands for the selected mailbox. */
static void
test_relative(void **state)
{
	struct imap_url u;

	(void)state;
	u = good("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER");
	assert_true(u.is_rooted && !u.has_server);
	is(u.mailbox, "Drafts");
	assert_int_equal(u.uidvalidity, 385759045);
	is(u.section, "HEADER");
	u = good(";UID=4294967295;SECTION=HEADER.FIELDS%20(From%20To)");
	assert_true(!u.is_rooted && u.mailbox.n == 0 && u.uid == 4294967295u);
	is(u.section, "HEADER.FIELDS (From To)");
	u = good("Sub/Box/;UID=1/;SECTION=1.2.MIME/;PARTIAL=3");
	is(u.mailbox, "Sub/Box");
	is(u.section, "1.2.MIME");
}

static void
test_access(void **state)
{
	struct imap_url u;
	const char *text = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;expire=2005-12-15T15:00:00Z"
	    ";urlauth=submit+fred:internal:91354a473744909de610943775f92038";

	(void)state;
	u = good(text);
	assert_int_equal(u.access, IMAP_URL_SUBMIT);
	is(u.access_user, "fred");
	assert_int_equal(u.expire_s, 1134658800);
	is(u.mechanism, "internal");
	is(u.token, "91354a473744909de610943775f92038");
	assert_int_equal(u.rump.n, strlen(text) - strlen(":internal:91354a473744909de610943775f92038"));
	u = good("/x/;UID=1;URLAUTH=user+a%40b.c");
	assert_int_equal(u.access, IMAP_URL_USER);
	is(u.access_user, "a@b.c");
	assert_int_equal(u.mechanism.n, 0);
	is(u.rump, "/x/;UID=1;URLAUTH=user+a%40b.c");
	assert_int_equal(good("/x/;UID=1;URLAUTH=authuser").access, IMAP_URL_AUTHUSER);
	assert_int_equal(good("/x/;UID=1;URLAUTH=anonymous").access, IMAP_URL_ANONYMOUS);
	assert_int_equal(good("/x/;UID=1;EXPIRE=1970-01-01T01:30:07.25+01:30;URLAUTH=anonymous").expire_s, 7);
	assert_int_equal(good("/x/;UID=1;EXPIRE=1969-12-31T23:59:60Z;URLAUTH=anonymous").expire_s, 0);
}

static void
test_bad(void **state)
{
	static const char *const texts[] = {
		"imap:x", "imap:/x", "imap://", "imap:///x", "imap://@h/", "imap://a;AUTH=@h/", "imap://a;AUTH=PLAIN/",
		"imap://h:/x", "imap://h:0/", "imap://h:65536/", "imap://h:1x/", "imap://[::1/x", "imap://h;UID=1",
		"/x;UIDVALIDITY=0", "/x;UIDVALIDITY=4294967296", "/x;UIDVALIDITY=", "/x/;UID=0", "/x/;UID=1x",
		"/x/;UID=1/;UID=2", "/x/;UID=1;UIDVALIDITY=1", "/x/;SECTION=1", "/x/;PARTIAL=1", "/x;URLAUTH=authuser",
		"/x/;UID=1/;SECTION=", "/x/;UID=1/;SECTION=%C3%A4", "/x/;UID=1/;SECTION=%00", "/x/;UID=1/;SECTION=1%2",
		"/x/;UID=1/;PARTIAL=x", "/x/;UID=1/;PARTIAL=1.0", "/x/;UID=1/;PARTIAL=1.", "/x%/;UID=1", "/x%zz/;UID=1",
		"/x%FF/;UID=1", "/x%00/;UID=1", "/x y/;UID=1", "/\xc3\xa4/;UID=1", "/x[/;UID=1",
		"/x/;UID=1;EXPIRE=2005-13-15T15:00:00Z", "/x/;UID=1;EXPIRE=2005-02-30T15:00:00Z",
		"/x/;UID=1;EXPIRE=2005-12-15T24:00:00Z", "/x/;UID=1;EXPIRE=2005-12-15T15:00:00",
		"/x/;UID=1;EXPIRE=2005-12-15T15:00:00.Z", "/x/;UID=1;EXPIRE=2005-12-15T15:00:00+1:00",
		"/x/;UID=1;EXPIRE=2005-12-15", "/x/;UID=1;URLAUTH=", "/x/;UID=1;URLAUTH=other", "/x/;UID=1;URLAUTH=user+",
		"/x/;UID=1;URLAUTH=authuserx", "/x/;UID=1;URLAUTH=authuser:", "/x/;UID=1;URLAUTH=authuser:internal",
		"/x/;UID=1;URLAUTH=authuser::91354a473744909de610943775f92038",
		"/x/;UID=1;URLAUTH=authuser:internal:91354a473744909de610943775f9203",	/* 31 digits */
		"/x/;UID=1;URLAUTH=authuser:internal:91354a473744909de610943775f92038g", "/x/;UID=1/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (bad(texts[i]) != ERR_SYNTAX)
			fail_msg("%s: %s", texts[i], err_name(bad(texts[i])));
	assert_int_equal(bad("http://h/"), ERR_UNSUPPORTED);
	assert_int_equal(bad("mailto:x"), ERR_UNSUPPORTED);
	assert_int_equal(bad("/x?SUBJECT%20a"), ERR_UNSUPPORTED);
}

static void
test_limits(void **state)
{
	char text[IMAP_URL_MAX + 2];
	struct imap_url u;
	struct slice name;
	struct arena small;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(imap_url_parse(&u, slice_of(text, IMAP_URL_MAX), &arena), ERR_OK);
	assert_int_equal(imap_url_parse(&u, slice_of(text, IMAP_URL_MAX + 1), &arena), ERR_LIMIT);
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = '/';
	u = (struct imap_url){ .is_rooted = true };
	u.mailbox = slice_of(text + 1, 2 * IMAP_URL_LEVELS_MAX - 1);
	assert_int_equal(imap_url_mailbox(&u, SLICE_NONE, &arena, &name), ERR_OK);
	assert_int_equal(name.n, 2 * IMAP_URL_LEVELS_MAX - 1);
	u.mailbox.n += 2;
	assert_int_equal(imap_url_mailbox(&u, SLICE_NONE, &arena, &name), ERR_LIMIT);
	arena_init(&small, 4);
	assert_int_equal(imap_url_parse(&u, slice_str("/a%20bcdefghijkl/;UID=1"), &small), ERR_LIMIT);
	arena_fini(&small);
}

static void
test_mailbox(void **state)
{
	static const struct { const char *url, *base, *want; } rows[] = {
		{ "/Drafts/;UID=1", "", "Drafts" },
		{ "/Drafts/;UID=1", "a/b", "Drafts" },
		{ ";UID=1", "a/b", "a/b" },
		{ "x/;UID=1", "a/b", "a/x" },
		{ "x/;UID=1", "b", "x" },
		{ "x/y/;UID=1", "a/b/c", "a/b/x/y" },
		{ "../x/;UID=1", "a/b/c", "a/x" },
		{ "../../../x/;UID=1", "a/b/c", "x" },
		{ "./x/;UID=1", "a/b", "a/x" },
		{ "/a/../b/./c/;UID=1", "z", "b/c" },
		{ "imap://u@h/a/b/;UID=1", "z", "a/b" },
		{ ";UID=1", "", NULL },
		{ "/;UID=1", "a", NULL },
		{ "/../;UID=1", "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct imap_url u = good(rows[i].url);
		struct slice name = SLICE_NONE;
		enum err e = imap_url_mailbox(&u, slice_str(rows[i].base), &arena, &name);

		assert_int_equal(e, rows[i].want != NULL ? ERR_OK : ERR_SYNTAX);
		if (rows[i].want != NULL)
			is(name, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_absolute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relative, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mailbox, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
