/* SPDX-License-Identifier: ISC */
/* IMAP4rev2 (RFC 9051, appendix E): what differs once it is switched on. */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/log.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"

static void
start(void)
{
	say_login();
	fake_unheard(&f);	/* the capability comes when all of it is there */
	EXPECT("e ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\ne OK");
}

/* E.16: names are UTF-8; "&" is a letter like others. */
static void
test_names(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CREATE Entw&APw-rfe\r\n", "a OK");
	fake_unheard(&f);
	EXPECT("e ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\ne OK");
	EXPECT("a LIST \"\" *\r\n", "* LIST (\\HasNoChildren) \"/\" \"Entw\xc3\xbcrfe\"\r\n", "a OK");
	EXPECT("a LIST \"\" \"Entw\xc3\xbc*\"\r\n", "\"Entw\xc3\xbcrfe\"\r\n", "a OK");
	EXPECT("a STATUS \"Entw\xc3\xbcrfe\" (MESSAGES)\r\n", "* STATUS \"Entw\xc3\xbcrfe\" (", "a OK");
	EXPECT("a STATUS {9+}\r\nEntw\xc3\xbcrfe (MESSAGES)\r\n", "a OK");
	EXPECT("a STATUS Entw&APw-rfe (MESSAGES)\r\n", "a NO [NONEXISTENT]");
	EXPECT("a CREATE A&B\r\na LIST \"\" A*\r\n", "a OK", "\"A&B\"\r\n", "a OK");
	EXPECT("a SELECT \"Entw\xc3\xbcrfe\"\r\n", "* LIST () \"/\" \"Entw\xc3\xbcrfe\"\r\n", "a OK");
	assert_false(say_has("OLDNAME"));
	/* not UTF-8 */
	EXPECT("a CREATE \"x\xc3\"\r\n", "a BAD Not UTF-8");
	EXPECT("a CREATE {2+}\r\nx\xc3\r\n", "a NO [CANNOT]");
	EXPECT("a LIST \"\" {3+}\r\nx\xc3*\r\n", "a OK");
	assert_false(say_has("* LIST"));
	/* a decomposed name is kept composed: s6.3.2 */
	EXPECT("a SELECT \"Entwu\xcc\x88rfe\"\r\n", "* LIST () \"/\" \"Entw\xc3\xbcrfe\" "
	    "(\"OLDNAME\" (\"Entwu\xcc\x88rfe\"))\r\n", "a OK");
	f.s->enabled = 0;
	EXPECT("a STATUS A&-B (MESSAGES)\r\n", "* STATUS \"A&-B\" (", "a OK");
	/* UTF8=ACCEPT does the same to names, and no more */
	f.s->enabled = IMAP_EN_UTF8;
	EXPECT("a STATUS A&B (MESSAGES)\r\n", "* STATUS \"A&B\" (", "a OK");
	EXPECT("a SELECT A&B\r\n", "* 0 RECENT\r\n", "a OK");
	assert_false(say_has("LIST"));
}

/* E.9 to E.12 */
static void
test_select(void **state)
{
	struct fake other;

	(void)state;
	start();
	say_append("INBOX", "", MSG);
	EXPECT("a SELECT inbox\r\n", "* FLAGS (", "[PERMANENTFLAGS (", "* 1 EXISTS\r\n",
	    "[UIDVALIDITY 1000]", "[UIDNEXT 2]", "* LIST () \"/\" \"INBOX\" (\"OLDNAME\" (\"inbox\"))\r\n",
	    "a OK [READ-WRITE]");
	assert_false(say_has("RECENT") || say_has("UNSEEN") || say_has("CLOSED"));
	EXPECT("a FETCH 1 FLAGS\r\n", "* 1 FETCH (FLAGS ())\r\na OK");
	EXPECT("a STORE 1 +FLAGS \\Seen\r\n", "* 1 FETCH (FLAGS (\\Seen))\r\na OK");
	/* E.21: what was not asked for has its UID */
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\nx STORE 1 -FLAGS \\Seen\r\n");
	fake_fini(&other);
	EXPECT("a NOOP\r\n", "* 1 FETCH (UID 1 FLAGS ())\r\na OK");
	say_append("INBOX", "", MSG);
	assert_true(say_has("* 2 EXISTS\r\n"));
	assert_false(say_has("RECENT"));
	EXPECT("a SELECT none\r\n", "* OK [CLOSED]", "a NO [NONEXISTENT]");
	EXPECT("a FETCH 1 FLAGS\r\n", "a BAD");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_names), T(test_select),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
