/* SPDX-License-Identifier: ISC */
/* What LIST and LSUB tell: imap_listing, and the commands against imap_fake. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_listing.h"
#include "lib/base/log.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

/* ---- the rows ---- */

static struct arena arena;
static struct imap_listing l;

static void
ask(const char *pattern, bool subscribed, bool parents)
{
	arena_fini(&arena);
	arena_init(&arena, 1 << 20);
	l = (struct imap_listing){ .patterns = { slice_str(pattern) }, .pattern_count = 1,
	    .only_subscribed = subscribed, .parents = parents, .arena = &arena };
}

static void
add(const char *name, bool exists, bool children, bool subscribed)
{
	assert_int_equal(imap_listing_add(&l, &(struct ipc_mailbox){ .mailbox = exists,
	    .noselect = !exists, .children = children, .subscribed = subscribed,
	    .name = slice_str(name) }), ERR_OK);
}

static void
told(const char *want)
{
	struct buf b;

	imap_listing_end(&l);
	buf_init(&b, 1000);
	for (size_t i = 0; i < l.count; i++) {
		buf_put_slice(&b, l.rows[i].name);
		buf_printf(&b, "%s%s%s%s ", l.rows[i].exists ? "" : "?",
		    l.rows[i].children ? "+" : "", l.rows[i].selected ? "*" : "",
		    l.rows[i].below ? "^" : "");
	}
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

/* RFC 5258 s5, examples 8 to 10: "foo" with a subscribed child. */
static void
add_fruit(bool parent)
{
	add("Fruit", true, true, parent);
	add("Fruit-Juice", true, false, false);
	add("Fruit/Apple", true, false, true);
	add("Fruit/Banana", true, false, false);
	add("Fruit/Peach", false, false, true);
	add("Tofu/Dry", false, false, true);
	add("Vegetable", true, false, true);
}

static void
test_rows(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	ask("*", false, false);
	add_fruit(false);
	told("Fruit+* Fruit-Juice* Fruit/Apple* Fruit/Banana* Vegetable* ");
	ask("*", true, false);
	add_fruit(false);
	told("Fruit/Apple* Fruit/Peach?* Tofu/Dry?* Vegetable* ");
	ask("%", true, false);
	add_fruit(false);
	told("Vegetable* ");
	ask("%", true, true);
	add_fruit(false);
	told("Fruit+^ Tofu?^ Vegetable* ");
	ask("%", true, true);
	add_fruit(true);
	told("Fruit+*^ Tofu?^ Vegetable* ");
	/* s3.5: nothing is told only for children that are told themselves. */
	ask("*", true, true);
	add_fruit(false);
	told("Fruit/Apple* Fruit/Peach?* Tofu/Dry?* Vegetable* ");
	ask("*", true, true);
	add_fruit(true);
	told("Fruit+*^ Fruit/Apple* Fruit/Peach?* Tofu/Dry?* Vegetable* ");
	ask("none", true, true);
	add_fruit(true);
	told("");
	arena_fini(&arena);
}

/* Two patterns, each name once; parents of parents. */
static void
test_patterns(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	ask("a*", false, false);
	l.patterns[l.pattern_count++] = slice_str("*b");
	add("a", true, true, false);
	add("a/b", true, true, false);
	add("a/b/c", true, false, false);
	add("b", true, false, false);
	add("c", true, false, false);
	told("a+* a/b+* a/b/c* b* ");
	ask("%", true, true);
	l.patterns[l.pattern_count++] = slice_str("%/%");
	add("a", true, true, false);
	add("a/b", true, true, false);
	add("a/b/c", true, false, true);
	add("a/b/d", true, false, true);
	told("a+^ a/b+^ ");
	arena_fini(&arena);
}

static void
test_room(void **state)
{
	struct ipc_mailbox m = { .mailbox = 1, .name = SLICE_LIT("some name") };
	enum err e = ERR_OK;

	(void)state;
	arena_init(&arena, 4096);
	l = (struct imap_listing){ .patterns = { SLICE_LIT("*") }, .pattern_count = 1,
	    .arena = &arena };
	for (unsigned i = 0; i < 1000 && e == ERR_OK; i++)
		e = imap_listing_add(&l, &m);
	assert_int_equal(e, ERR_LIMIT);
	arena_fini(&arena);
}

/* ---- the commands ---- */

static void
start(void)
{
	say_login();
	EXPECT("a CREATE m\r\na CREATE m/sub\r\na CREATE Sent (USE (\\Sent))\r\n"
	    "a SUBSCRIBE m/sub\r\n", "a OK", "a OK", "a OK", "a OK");
}

static void
test_select_options(void **state)
{
	(void)state;
	start();
	EXPECT("a LIST (SUBSCRIBED) \"\" *\r\n",
	    "* LIST (\\HasNoChildren \\Subscribed) \"/\" \"m/sub\"\r\na OK");
	EXPECT("a LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) \"\" %\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"m\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\na OK");
	EXPECT("a LIST (special-use) \"\" * RETURN (special-use)\r\n",
	    "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\na OK");
	EXPECT("a LIST () \"\" m RETURN (SUBSCRIBED CHILDREN)\r\n", "\"m\"\r\na OK");
	EXPECT("a LIST \"\" (\"m*\" Sent) RETURN ()\r\n", "\"Sent\"\r\n", "\"m\"\r\n",
	    "\"m/sub\"\r\na OK");
	EXPECT("a LIST m (/s% none)\r\n", "\"m/sub\"\r\na OK");
	/* s3: only the old form asks for the root */
	EXPECT("a LIST \"\" \"\" RETURN ()\r\n", "a OK");
	assert_false(say_has("* LIST"));
	EXPECT("a LSUB \"\" %\r\n", "* LSUB (\\Noselect) \"/\" \"m\"\r\na OK");
	EXPECT("a LSUB \"\" *\r\n", "* LSUB () \"/\" \"m/sub\"\r\na OK");
}

static void
test_select_errors(void **state)
{
	static const char *const bad[] = {
		"(RECURSIVEMATCH) \"\" *", "(REMOTE RECURSIVEMATCH) \"\" *",
		"(SPECIAL-USE RECURSIVEMATCH) \"\" *", "(NONE) \"\" *", "( SUBSCRIBED) \"\" *",
		"(SUBSCRIBED \"\" *", "() \"\" ()", "\"\" (a b", "\"\" * RETURN",
		"\"\" * RETURN NONE", "\"\" * RETURN (NONE)", "\"\" * RETURN (STATUS)",
		"\"\" * RETURN (STATUS ())", "\"\" * RETURN (STATUS (NONE))", "\"\" * SOMETHING ()",
	};
	char line[100];

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.s->errors = 0;
		(void)snprintf(line, sizeof(line), "a LIST %s\r\n", bad[i]);
		EXPECT(line, "a BAD");
	}
}

static void
test_limits(void **state)
{
	char line[4000];
	size_t n;

	(void)state;
	start();
	for (unsigned more = 0; more <= 1; more++) {
		n = (size_t)snprintf(line, sizeof(line), "a LIST \"\" (m");
		for (unsigned i = 1; i < IMAP_LIST_PATTERNS_MAX + more; i++)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " x");
		(void)snprintf(line + n, sizeof(line) - n, ")\r\n");
		if (more)
			EXPECT(line, "a BAD");
		else
			EXPECT(line, "a OK");
	}
	for (unsigned more = 0; more <= 1; more++) {
		n = (size_t)snprintf(line, sizeof(line), "a LIST \"\" (");
		memset(line + n, 'x', IMAP_LIST_PATTERN_BYTES + 2);
		line[n + 1000] = line[n + 2001] = ' ';
		n += IMAP_LIST_PATTERN_BYTES + 2 + more;
		line[n - 1] = 'x';
		(void)snprintf(line + n, sizeof(line) - n, ")\r\n");
		if (more)
			EXPECT(line, "a NO [LIMIT]");
		else
			EXPECT(line, "a OK");
	}
}

static void
test_status(void **state)
{
	(void)state;
	start();
	say_append("m", "", "Subject: x\r\n\r\nbody\r\n");
	EXPECT("a STATUS m (SIZE MESSAGES SIZE)\r\n", "* STATUS \"m\" (SIZE 20 MESSAGES 1)\r\na OK");
	EXPECT("a LIST \"\" m% RETURN (STATUS (MESSAGES UIDNEXT) SUBSCRIBED)\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"m\"\r\n* STATUS \"m\" (MESSAGES 1 UIDNEXT 2)\r\na OK");
	/* not of a name that is there for its child alone */
	EXPECT("a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" m RETURN (STATUS (MESSAGES))\r\n",
	    "CHILDINFO", "a OK");
	assert_false(say_has("* STATUS"));
	EXPECT("a LIST (SUBSCRIBED) \"\" m/sub RETURN (STATUS (HIGHESTMODSEQ))\r\n",
	    "* STATUS \"m/sub\" (HIGHESTMODSEQ ", "a OK");
	assert_true(imap_session_is(f.s, IMAP_EN_CONDSTORE));
}

/* RFC 8474 s4: one id of a mailbox wherever it is told; RFC 7889 */
static void
test_ids(void **state)
{
	char id[64], line[100];
	const char *at;

	(void)state;
	start();
	EXPECT("a CREATE x\r\n", "a OK [MAILBOXID (F");
	at = strstr(buf_cstr(&f.out), "MAILBOXID (");
	assert_non_null(at);
	(void)snprintf(id, sizeof(id), "%.*s", (int)strcspn(at, ")") + 1, at);
	(void)snprintf(line, sizeof(line), "* STATUS \"x\" (%s)\r\na OK", id);
	fake_say(&f, "a STATUS x (MAILBOXID)\r\n");
	assert_true(say_has(line));
	(void)snprintf(line, sizeof(line), "* OK [%s] ", id);
	fake_say(&f, "a SELECT x\r\n");
	assert_true(say_has(line));
	shared.message_max = 5000000000;
	EXPECT("a CAPABILITY\r\n", " APPENDLIMIT=4294967295 ");
	shared.message_max = 1000;
	EXPECT("a CAPABILITY\r\n", " APPENDLIMIT=1000 ");
	EXPECT("a STATUS x (APPENDLIMIT DELETED)\r\n", "(APPENDLIMIT 1000 DELETED 0)");
}

static void
test_create(void **state)
{
	(void)state;
	start();
	EXPECT("a CREATE x (USE (\\All))\r\n", "a NO [USEATTR]");
	EXPECT("a CREATE x (USE (\\Sent \\Nothing))\r\n", "a NO [USEATTR]");
	EXPECT("a LIST \"\" x\r\n", "a OK");
	assert_false(say_has("* LIST"));
	EXPECT("a CREATE x (USE ())\r\n", "a OK");
	EXPECT("a CREATE y (USE (\\Junk \\Trash))\r\n", "a OK");
	EXPECT("a LIST \"\" y\r\n", "* LIST (\\HasNoChildren \\Junk \\Trash) \"/\" \"y\"\r\na OK");
	EXPECT("a CREATE z (USE)\r\n", "a BAD");
	EXPECT("a CREATE z (OTHER (a))\r\n", "a BAD");
	EXPECT("a CREATE z (USE (Sent))\r\n", "a BAD");
}

/* RFC 9051 s6.3.4, s6.3.6, s6.3.9.7 */
static void
test_rev2(void **state)
{
	(void)state;
	start();
	EXPECT("a ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\na OK");
	EXPECT("a CREATE inbox/x\r\n",
	    "* LIST () \"/\" \"INBOX/x\" (\"OLDNAME\" (\"inbox/x\"))\r\na OK");
	EXPECT("a CREATE plain\r\n", "a OK");
	assert_false(say_has("* LIST"));
	EXPECT("a RENAME plain other\r\n",
	    "* LIST () \"/\" \"other\" (\"OLDNAME\" (\"plain\"))\r\na OK");
	EXPECT("a CREATE \"u\xcc\x88\"\r\n", "a OK");
	EXPECT("a LIST \"\" \"u\xcc\x88*\"\r\n", "\"\xc3\xbc\"\r\na OK");
	EXPECT("a STATUS other (RECENT)\r\n", "a BAD");
}

/* RFC 9208 */
static void
test_quota(void **state)
{
	(void)state;
	start();
	EXPECT("a GETQUOTAROOT none\r\n", "* QUOTAROOT \"none\" \"example.test\"\r\n"
	    "* QUOTA \"example.test\" (STORAGE 5 1024)\r\na OK");
	EXPECT("a GETQUOTA alice@example.test\r\n", "a NO [NONEXISTENT]");
	store.quota_bytes = 1000;
	store.quota_messages = 2;
	EXPECT("a GETQUOTAROOT inbox\r\n",
	    "* QUOTAROOT \"INBOX\" \"alice@example.test\" \"example.test\"\r\n"
	    "* QUOTA \"alice@example.test\" (STORAGE 2 1 MESSAGE 3 2)\r\n"
	    "* QUOTA \"example.test\" (STORAGE 5 1024)\r\na OK");
	EXPECT("a GETQUOTA \"alice@example.test\"\r\n", "(STORAGE 2 1 MESSAGE 3 2)\r\na OK");
	EXPECT("a GETQUOTA \"\"\r\n", "a NO [NONEXISTENT]");
	EXPECT("a GETQUOTAROOT \"a//b\"\r\n", "a NO [CANNOT]");
	EXPECT("a GETQUOTA\r\n", "a BAD");
	EXPECT("a GETQUOTAROOT\r\n", "a BAD");
	say_append("m", "(\\Deleted) ", "Subject: x\r\n\r\nbody\r\n");
	EXPECT("a STATUS m (DELETED DELETED-STORAGE)\r\n", "(DELETED 0 DELETED-STORAGE 0)");
}

static void
test_set_quota(void **state)
{
	(void)state;
	say_login();
	assert_true(say_has("QUOTASET"));
	/* Who is nobody's admin learns nothing. */
	EXPECT("a SETQUOTA carl@a.example (STORAGE 10)\r\n", "a NO [NOPERM]");
	EXPECT("a SETQUOTA alice@a.example (STORAGE 10)\r\n", "a NO [NOPERM]");
	EXPECT("a GETQUOTA carl@a.example\r\n", "a NO [NONEXISTENT]");
	store.quota_admin = true;
	EXPECT("a SETQUOTA Carl@a.example (STORAGE 10)\r\n",
	    "* QUOTA \"carl@a.example\" (STORAGE 2 10)\r\na OK");
	assert_int_equal(store.carls_quota, 10240);
	EXPECT("a GETQUOTA carl@a.example\r\n",
	    "* QUOTA \"carl@a.example\" (STORAGE 2 10)\r\na OK");
	/* What the domain says: here no limit, which is none to tell. */
	EXPECT("a SETQUOTA carl@a.example ()\r\n", "a OK");
	assert_int_equal(store.carls_quota, 0);
	assert_false(say_has("* QUOTA"));
	EXPECT("a SETQUOTA eve@a.example (STORAGE 10)\r\n", "a NO [NONEXISTENT]");
	EXPECT("a SETQUOTA carl@a.example (MESSAGE 10)\r\n", "a NO [CANNOT]");
	EXPECT("a SETQUOTA carl@a.example (STORAGE 0)\r\n", "a NO [LIMIT]");
	EXPECT("a SETQUOTA carl@a.example (STORAGE 9223372036854775807)\r\n", "a NO [LIMIT]");
	EXPECT("a SETQUOTA carl@a.example (STORAGE 9223372036854775808)\r\n", "a BAD");
	EXPECT("a SETQUOTA carl@a.example (STORAGE 1 STORAGE 2)\r\n", "a BAD");
	EXPECT("a SETQUOTA carl@a.example (STORAGE)\r\n", "a BAD");
	EXPECT("a SETQUOTA carl@a.example\r\n", "a BAD");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_room), T(test_select_options), T(test_select_errors),
		T(test_limits), T(test_status), T(test_ids), T(test_quota), T(test_set_quota),
		T(test_create), T(test_rev2),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
