/* SPDX-License-Identifier: ISC */
/* How many messages one command takes (RFC 9738), in whole sessions. */
#include "tests/unit/test.h"

#include "imapd/imap_limit.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG(subject)	"Subject: " subject "\r\n\r\nx\r\n"

/* Six messages in INBOX with UIDs 1 to 6, the odd ones seen; three are taken. */
static void
start(void)
{
	shared.message_limit = 3;
	EXPECT("c CAPABILITY\r\n", "c OK");
	say_login();
	for (unsigned i = 1; i <= 6; i++)
		say_append("INBOX", i % 2 ? "(\\Seen) " : "", MSG("m"));
	EXPECT("c CREATE to\r\ns SELECT INBOX\r\n", "* 6 EXISTS", "s OK");
}

static void
test_announced(void **state)
{
	(void)state;
	shared.save_limit = 5;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("l LOGIN alice secret\r\n", "l OK [CAPABILITY ", " SAVELIMIT=5 ");
	assert_false(say_has("MESSAGELIMIT"));
	shared.message_limit = 7;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("c CAPABILITY\r\n", " MESSAGELIMIT=7 ", "c OK");
	assert_false(say_has("SAVELIMIT"));
	shared.message_limit = shared.save_limit = 0;
	EXPECT("c CAPABILITY\r\n", "c OK");
	assert_false(say_has("LIMIT=7"));
	assert_false(say_has("SAVELIMIT"));
	/* the tools that came through the control socket know nothing of it */
	shared.message_limit = shared.save_limit = 3;
	f.s->is_operator = true;
	EXPECT("c CAPABILITY\r\n", "c OK");
	assert_false(say_has("MESSAGELIMIT"));
	assert_false(say_has("SAVELIMIT"));
}

static void
test_fetch(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 1:* UID\r\n", "* 4 FETCH (UID 4)\r\n", "* 5 FETCH (UID 5)\r\n",
	    "* 6 FETCH (UID 6)\r\na OK [MESSAGELIMIT 3 4] Fetch");
	assert_false(say_has("* 3 FETCH"));
	/* on from there, and no more than the limit */
	EXPECT("a UID FETCH 1:3 FLAGS\r\n", "* 1 FETCH", "* 2 FETCH", "* 3 FETCH", "a OK Fetch");
	EXPECT("a UID FETCH 6,1,3:4 UID\r\n", "* 3 FETCH", "* 4 FETCH", "* 6 FETCH",
	    "a OK [MESSAGELIMIT 3 3]");
	assert_false(say_has("* 1 FETCH"));
	EXPECT("a UID FETCH 1:2,9:* UID\r\n", "* 1 FETCH", "* 2 FETCH", "* 6 FETCH", "a OK Fetch");
	/* those that are pending count as the client does */
	EXPECT("a FETCH 2:5 UID\r\n", "* 3 FETCH", "* 4 FETCH", "* 5 FETCH",
	    "a OK [MESSAGELIMIT 3 3]");
	/* \Seen for no more than was told */
	EXPECT("a FETCH 1:6 BODY[TEXT]\r\n", "* 4 FETCH", "* 6 FETCH", "a OK [MESSAGELIMIT 3 4]");
	EXPECT("a SEARCH UID 1:3 UNSEEN\r\n", "* SEARCH 2\r\n");
	/* a page is a number of messages, too */
	EXPECT("a UID FETCH 1:* UID (PARTIAL -1:-4)\r\n", "a NO [MESSAGELIMIT 3] ");
	assert_false(say_has("FETCH ("));
	EXPECT("a UID FETCH 1:* UID (PARTIAL 1:3)\r\n", "* 1 FETCH", "* 3 FETCH", "a OK Fetch");
	/* "$" is a set as any other */
	shared.message_limit = 0;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a SEARCH RETURN (SAVE) ALL\r\n", "a OK");
	shared.message_limit = 5;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a FETCH $ UID\r\n", "* 2 FETCH", "* 6 FETCH", "a OK [MESSAGELIMIT 5 2]");
}

/* Only what changed counts; all that vanished is told. */
static void
test_fetch_changed(void **state)
{
	(void)state;
	start();
	shared.message_limit = 2;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("e ENABLE QRESYNC\r\n", "e OK");
	EXPECT("d UID STORE 6 +FLAGS (\\Deleted)\r\n", "d OK");
	EXPECT("d UID EXPUNGE 6\r\n", "* VANISHED 6\r\n", "d OK");
	EXPECT("a UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)\r\n", "* VANISHED (EARLIER) 6\r\n",
	    "* 4 FETCH", "* 5 FETCH", "a OK [MESSAGELIMIT 2 4]");
	EXPECT("a STORE 1:2 +FLAGS.SILENT (\\Flagged)\r\n", "a OK Store");
	EXPECT("a UID FETCH 1:* FLAGS (CHANGEDSINCE 8)\r\n", "* 1 FETCH", "* 2 FETCH",
	    "a OK Fetch");
}

static void
test_store(void **state)
{
	(void)state;
	start();
	EXPECT("a STORE 1:* +FLAGS (\\Flagged)\r\n", "* 4 FETCH", "* 5 FETCH", "* 6 FETCH",
	    "a OK [MESSAGELIMIT 3 4] Store");
	EXPECT("a UID STORE 1:5 +FLAGS.SILENT (\\Answered)\r\n", "a OK [MESSAGELIMIT 3 3]");
	EXPECT("a UID STORE 1:3 +FLAGS.SILENT (\\Draft)\r\n", "a OK Store");
	shared.message_limit = 0;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a SEARCH FLAGGED\r\n", "* SEARCH 4 5 6\r\n");
	EXPECT("a SEARCH ANSWERED\r\n", "* SEARCH 3 4 5\r\n");
	/* where the OK has a code it goes before it */
	shared.message_limit = 3;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)\r\n",
	    "* NO [MESSAGELIMIT 3 4] ", "a OK [MODIFIED 4:6] ");
}

static void
test_copy(void **state)
{
	(void)state;
	start();
	EXPECT("a COPY 2:5 to\r\n", "a NO [MESSAGELIMIT 3 3] ");
	EXPECT("a UID COPY 1:* to\r\n", "a NO [MESSAGELIMIT 3 4] ");
	EXPECT("a STATUS to (MESSAGES)\r\n", "(MESSAGES 0)");
	EXPECT("a UID COPY 4:6 to\r\n", "a OK [COPYUID 1000 4,5,6 1,2,3] ");
	shared.message_limit = 0;
	shared.save_limit = 3;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a COPY 2:5 to\r\n", "a NO [MESSAGELIMIT 3 3] ");
	EXPECT("a FETCH 1:* UID\r\n", "* 1 FETCH", "a OK Fetch");
	EXPECT("a MOVE 1:5 to\r\n", "a OK Move");
}

static void
test_move(void **state)
{
	(void)state;
	start();
	EXPECT("a MOVE 1:* to\r\n", "* OK [COPYUID 1000 4,5,6 1,2,3] ", "* 4 EXPUNGE\r\n",
	    "a OK [MESSAGELIMIT 3 4] Move");
	EXPECT("a UID MOVE 1:* to\r\n", "* OK [COPYUID 1000 1,2,3 4,5,6] ", "a OK Move");
}

/* s3.1: EXPUNGE, CLOSE and STATUS have no limit. */
static void
test_expunge(void **state)
{
	(void)state;
	start();
	EXPECT("a UID STORE 1:3 +FLAGS.SILENT (\\Deleted)\r\n", "a OK Store");
	EXPECT("a UID STORE 5:6 +FLAGS.SILENT (\\Deleted)\r\n", "a OK Store");
	EXPECT("a UID EXPUNGE 4:6\r\n", "* 5 EXPUNGE\r\n* 5 EXPUNGE\r\na OK Expunge");
	EXPECT("a UID STORE 4 +FLAGS.SILENT (\\Deleted)\r\n", "a OK");
	EXPECT("a UID EXPUNGE 1:*\r\n", "* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n"
	    "a OK [MESSAGELIMIT 3 2] Expunge");
	for (unsigned i = 0; i < 4; i++)
		say_append("INBOX", "(\\Deleted) ", MSG("m"));
	EXPECT("a EXPUNGE\r\n", "* 1 EXPUNGE", "a OK Expunge");
	EXPECT("a STATUS INBOX (MESSAGES UNSEEN)\r\n", "(MESSAGES 0 UNSEEN 0)");
}

static void
test_search(void **state)
{
	(void)state;
	start();
	EXPECT("a SEARCH ALL\r\n", "* SEARCH 4 5 6\r\na OK [MESSAGELIMIT 3 4] Search");
	/* those that are looked at count, not those that match */
	EXPECT("a SEARCH SEEN\r\n", "* SEARCH 5\r\na OK [MESSAGELIMIT 3 4]");
	EXPECT("a UID SEARCH UID 1:3 SEEN\r\n", "* SEARCH 1 3\r\na OK Search");
	EXPECT("a SEARCH 2:5 SUBJECT m\r\n", "* SEARCH 3 4 5\r\na OK [MESSAGELIMIT 3 3]");
	EXPECT("a SEARCH OR 1 2\r\n", "* SEARCH\r\na OK [MESSAGELIMIT 3 4]");
	/* several sets: what lies in all of them */
	EXPECT("a SEARCH UIDAFTER 1 (UIDBEFORE 5 ALL) ALL\r\n", "* SEARCH 2 3 4\r\na OK Search");
	EXPECT("a SEARCH UIDBEFORE 6 UIDAFTER 1\r\n",
	    "* SEARCH 3 4 5\r\na OK [MESSAGELIMIT 3 3]");
	EXPECT("a SEARCH 1:5 UID 1:*\r\n", "* SEARCH 3 4 5\r\na OK [MESSAGELIMIT 3 3]");
	EXPECT("a SEARCH NOT UIDAFTER 2\r\n", "* SEARCH\r\na OK [MESSAGELIMIT 3 4]");
	EXPECT("a SEARCH RETURN (MIN COUNT) ALL\r\n", "MIN 4 COUNT 3\r\na OK [MESSAGELIMIT 3 4]");
	/* only what was found is saved */
	EXPECT("a SEARCH RETURN (SAVE) ALL\r\n", "a OK [MESSAGELIMIT 3 4]");
	EXPECT("a FETCH $ UID\r\n", "* 4 FETCH", "* 6 FETCH", "a OK Fetch");
	EXPECT("a SEARCH RETURN (COUNT UPDATE) ALL\r\n", "COUNT 3\r\n", "* NO [NOUPDATE \"a\"] ",
	    "a OK [MESSAGELIMIT 3 4]");
	EXPECT("a SEARCH RETURN (COUNT UPDATE) UID 4:6\r\n", "COUNT 3\r\na OK Search");
}

/* s3.2 */
static void
test_sides(void **state)
{
	(void)state;
	start();
	shared.message_limit = 0;
	EXPECT("c CAPABILITY\r\n", "c OK");
	EXPECT("a SEARCH UIDAFTER 4\r\n", "* SEARCH 5 6\r\n");
	EXPECT("a SEARCH UIDAFTER 6\r\n", "* SEARCH\r\n");
	EXPECT("a SEARCH UIDAFTER 4294967295\r\n", "* SEARCH\r\n");
	EXPECT("a SEARCH UIDAFTER 4294967294\r\n", "* SEARCH\r\n");
	EXPECT("a SEARCH UIDBEFORE 3\r\n", "* SEARCH 1 2\r\n");
	EXPECT("a SEARCH UIDBEFORE 1\r\n", "* SEARCH\r\n");
	EXPECT("a SEARCH NOT UIDBEFORE 5\r\n", "* SEARCH 5 6\r\n");
	EXPECT("a SEARCH UIDAFTER 0\r\n", "a BAD");
	EXPECT("a SEARCH UIDBEFORE 4294967296\r\n", "a BAD");
	EXPECT("a SEARCH UIDAFTER 1:2\r\n", "a BAD");
	EXPECT("a SEARCH UIDBEFORE\r\n", "a BAD");
}

/* s3.3: an order of some says nothing. */
static void
test_refused(void **state)
{
	(void)state;
	start();
	EXPECT("a SORT (ARRIVAL) UTF-8 ALL\r\n", "a NO [MESSAGELIMIT 3] ");
	assert_false(say_has("* SORT"));
	EXPECT("a THREAD REFERENCES UTF-8 ALL\r\n", "a NO [MESSAGELIMIT 3] ");
	EXPECT("a UID SORT (REVERSE ARRIVAL) UTF-8 UIDAFTER 3\r\n", "* SORT 4 5 6\r\na OK");
	EXPECT("a THREAD REFERENCES UTF-8 1:2\r\n", "* THREAD ((1)(2))\r\na OK");
	EXPECT("a ESEARCH IN (mailboxes (INBOX to)) ALL\r\n", "a NO [MESSAGELIMIT 3] ");
	EXPECT("a ESEARCH IN (mailboxes (INBOX to)) UIDBEFORE 4\r\n", " ALL 1:3\r\na OK");
	/* NO empties "$" */
	EXPECT("a SEARCH RETURN (SAVE) UID 1:2\r\n", "a OK");
	EXPECT("a SORT RETURN (SAVE) (ARRIVAL) UTF-8 ALL\r\n", "a NO [MESSAGELIMIT 3] ");
	EXPECT("a FETCH $ UID\r\n", "a OK");
	assert_false(say_has("* "));
}

static void
append(unsigned messages, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_put_str(&b, "a APPEND to");
	for (unsigned i = 0; i < messages; i++)
		buf_put_str(&b, " {6+}\r\na: 1\r\n");
	buf_put_str(&b, "\r\n");
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	if (!say_has(want))
		fail_msg("no %s in %.*s", want, SLICE_FMT(buf_slice(&f.out)));
	buf_fini(&b);
}

static void
test_append(void **state)
{
	(void)state;
	start();
	append(4, "a NO [MESSAGELIMIT 3] ");
	EXPECT("b STATUS to (MESSAGES)\r\n", "(MESSAGES 0)");
	append(3, "a OK [APPENDUID 1000 1:3] ");
	shared.message_limit = 0;
	shared.save_limit = 2;
	EXPECT("c CAPABILITY\r\n", "c OK");
	append(3, "a NO [MESSAGELIMIT 2] ");
	append(2, "a OK [APPENDUID ");
	shared.save_limit = 0;
	EXPECT("c CAPABILITY\r\n", "c OK");
	append(4, "a OK [APPENDUID ");
	EXPECT("b STATUS to (MESSAGES)\r\n", "(MESSAGES 9)");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(x)	cmocka_unit_test_setup_teardown(x, say_setup, say_teardown)
		T(test_announced), T(test_fetch), T(test_fetch_changed), T(test_store),
		T(test_copy), T(test_move), T(test_expunge), T(test_search), T(test_sides),
		T(test_refused), T(test_append),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
