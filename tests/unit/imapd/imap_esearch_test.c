/* SPDX-License-Identifier: ISC */
/* ESEARCH over many mailboxes (RFC 7377) in whole sessions. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "imapd/imap_sources.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG(subject, body)	"From: Ann <ann@a.example>\r\nSubject: " subject \
	"\r\nDate: Tue, 2 Jan 2024 10:00:00 +0000\r\n\r\n" body "\r\n"

/* INBOX: one, two; a: one; a/b: two one; a/b/c: one; x: nothing */
static void
start(void)
{
	say_login();
	EXPECT("c CREATE a/b/c\r\nc CREATE a\r\nc CREATE a/b\r\nc CREATE x\r\nc SUBSCRIBE a/b\r\n", "c OK");
	say_append("INBOX", "(\\Flagged) ", MSG("one", "needle"));
	say_append("INBOX", "", MSG("two", "hay"));
	say_append("a", "(k1) ", MSG("one", "hay"));
	say_append("a/b", "", MSG("two", "needle"));
	say_append("a/b", "(k2 k1) ", MSG("one", "needle"));
	say_append("a/b/c", "", MSG("one", "needle"));
}

#define AT(box, tag)	"* ESEARCH (TAG \"" tag "\" MAILBOX \"" box "\" UIDVALIDITY 1000) UID "

static void
test_sources(void **state)
{
	(void)state;
	start();
	EXPECT("e1 ESEARCH IN (personal) SUBJECT one\r\n", AT("INBOX", "e1") "ALL 1\r\n", AT("a", "e1") "ALL 1\r\n",
	    AT("a/b", "e1") "ALL 2\r\n", AT("a/b/c", "e1") "ALL 1\r\n", "e1 OK");
	assert_false(say_has("\"x\""));
	EXPECT("e2 ESEARCH IN (inboxes) RETURN (COUNT MAX) BODY needle\r\n",
	    AT("INBOX", "e2") "MAX 1 COUNT 1\r\ne2 OK");
	EXPECT("e3 ESEARCH IN (subtree a) RETURN (COUNT) ALL\r\n", AT("a", "e3") "COUNT 1\r\n"
	    AT("a/b", "e3") "COUNT 2\r\n" AT("a/b/c", "e3") "COUNT 1\r\ne3 OK");
	EXPECT("e4 ESEARCH IN (subtree-one \"a\") RETURN (COUNT) ALL\r\n", AT("a", "e4") "COUNT 1\r\n"
	    AT("a/b", "e4") "COUNT 2\r\ne4 OK");
	EXPECT("e5 ESEARCH IN (subscribed) BODY needle\r\n", AT("a/b", "e5") "ALL 1:2\r\ne5 OK");
	EXPECT("e6 ESEARCH IN (mailboxes (a/b/c inbox nothing) subscribed) ALL\r\n",
	    AT("INBOX", "e6") "ALL 1:2\r\n" AT("a/b", "e6") "ALL 1:2\r\n" AT("a/b/c", "e6") "ALL 1\r\ne6 OK");
	/* a mailbox that two of them mean is searched once */
	EXPECT("e7 ESEARCH IN (mailboxes a subtree-one a) KEYWORD k1\r\n",
	    AT("a", "e7") "ALL 1\r\n" AT("a/b", "e7") "ALL 2\r\ne7 OK");
	/* keywords have a number of their own in each mailbox */
	EXPECT("e8 ESEARCH IN (personal) KEYWORD k2\r\n", AT("a/b", "e8") "ALL 2\r\ne8 OK");
	/* nothing found, nothing said: s2.1 */
	EXPECT("e9 ESEARCH IN (personal) RETURN (COUNT) SUBJECT three\r\n", "e9 OK");
	assert_false(say_has("* "));
	/* s2: numbers beyond the end are no mistake */
	EXPECT("f1 ESEARCH IN (personal) RETURN (PARTIAL 1:1) 2:100\r\n",
	    AT("INBOX", "f1") "PARTIAL (1:1 2)\r\n" AT("a/b", "f1") "PARTIAL (1:1 2)\r\nf1 OK");
	EXPECT("f2 ESEARCH IN (personal) RETURN (MIN) UID *\r\n", AT("INBOX", "f2") "MIN 2\r\n",
	    AT("a", "f2") "MIN 1\r\n", AT("a/b", "f2") "MIN 2\r\n", "f2 OK");
	EXPECT("f3 ESEARCH IN (mailboxes a) RETURN (COUNT) MODSEQ 1\r\n", "COUNT 1 MODSEQ ", "f3 OK");
}

/* What the selected mailbox is, and that it stays. */
static void
test_selected(void **state)
{
	(void)state;
	start();
	EXPECT("a1 ESEARCH ALL\r\n", "a1 BAD ");
	EXPECT("a1 ESEARCH IN (selected) ALL\r\n", "a1 BAD ");
	EXPECT("a1 ESEARCH IN (personal) RETURN (UPDATE) ALL\r\n", "a1 BAD ");
	EXPECT("s SELECT a/b\r\n", "s OK");
	EXPECT("b1 ESEARCH SUBJECT one\r\n", AT("a/b", "b1") "ALL 2\r\nb1 OK");
	EXPECT("b2 ESEARCH RETURN (MIN) BODY needle\r\n", AT("a/b", "b2") "MIN 1\r\nb2 OK");
	EXPECT("b3 ESEARCH IN (selected mailboxes (INBOX a/b)) SUBJECT one\r\n",
	    AT("a/b", "b3") "ALL 2\r\n" AT("INBOX", "b3") "ALL 1\r\nb3 OK");
	EXPECT("b4 FETCH 1:* UID\r\n", "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nb4 OK");
	/* SAVE for it alone */
	EXPECT("c1 ESEARCH IN (selected) RETURN (SAVE) SUBJECT one\r\nc2 FETCH $ UID\r\n",
	    "c1 OK", "* 2 FETCH (UID 2)\r\nc2 OK");
	EXPECT("c3 ESEARCH IN (selected personal) RETURN (SAVE) ALL\r\n", "c3 BAD ");
	EXPECT("c4 ESEARCH IN (personal) RETURN (SAVE) ALL\r\n", "c4 BAD ");
	EXPECT("c5 ESEARCH $\r\n", AT("a/b", "c5") "ALL 2\r\nc5 OK");
	/* and so is UPDATE */
	EXPECT("d1 ESEARCH IN (personal) RETURN (UPDATE COUNT) FLAGGED\r\n",
	    AT("INBOX", "d1") "COUNT 1\r\nd1 OK");
	assert_false(say_has("NOUPDATE"));
	EXPECT("d2 ESEARCH IN (mailboxes a) RETURN (UPDATE COUNT) ALL\r\n", AT("a", "d2") "COUNT 1\r\n",
	    "* NO [NOUPDATE \"d2\"] ", "d2 OK");
	EXPECT("d1 ESEARCH RETURN (UPDATE) ALL\r\n", "d1 BAD ");
	EXPECT("d3 STORE 1 +FLAGS.SILENT (\\Flagged)\r\n", AT("a/b", "d1") "ADDTO (0 1)\r\nd3 OK");
	EXPECT("d4 CANCELUPDATE \"d1\"\r\n", "d4 OK");
}

/* s2.2: without the right to read, or to see what is not named */
static void
test_rights(void **state)
{
	(void)state;
	start();
	fake_box(&store, "a/b")->no_rights = STORE_RIGHT_L;
	fake_box(&store, "a")->no_rights = STORE_RIGHT_R;
	fake_box(&store, "a/b/c")->unmade = true;
	EXPECT("e1 ESEARCH IN (subtree a) ALL\r\n", "e1 OK");
	assert_false(say_has("* "));
	EXPECT("e2 ESEARCH IN (mailboxes (a a/b a/b/c)) ALL\r\n", AT("a/b", "e2") "ALL 1:2\r\ne2 OK");
}

static void
test_bad(void **state)
{
	(void)state;
	start();
	EXPECT("a ESEARCH\r\n", "a BAD ");
	EXPECT("a ESEARCH IN () ALL\r\n", "a BAD ");
	EXPECT("a ESEARCH IN (personal)\r\n", "a BAD ");
	EXPECT("a ESEARCH IN (selected-delayed) ALL\r\n", "a BAD ");
	EXPECT("a ESEARCH IN (personal (depth 1)) ALL\r\n", "a BAD ");
	EXPECT("a ESEARCH IN (personal) RETURN (FOO) ALL\r\n", "a BAD ");
	EXPECT("a UID ESEARCH IN (personal) ALL\r\n", "a BAD ");
	EXPECT("a ESEARCH IN (personal) CHARSET KOI8-R ALL\r\n", "a NO [BADCHARSET");
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	start();
	for (unsigned n = IMAP_SOURCES_MAX; n <= IMAP_SOURCES_MAX + 1; n++) {
		buf_init(&b, 10000);
		buf_put_str(&b, "a ESEARCH IN (");
		for (unsigned i = 0; i < n; i++)
			buf_put_str(&b, i > 0 ? " inboxes" : "inboxes");
		buf_put_str(&b, ") SUBJECT two\r\n");
		say_expect(buf_cstr(&b), (const char *const[]){ n > IMAP_SOURCES_MAX ? "a BAD " :
		    AT("INBOX", "a") "ALL 2\r\na OK" }, 1);
		buf_fini(&b);
	}
	/* five have something behind them, or not */
	store.more_boxes = IMAP_SOURCES_MAILBOXES - 5;
	EXPECT("b ESEARCH IN (personal) SUBJECT two\r\n", AT("INBOX", "b") "ALL 2\r\n", "b OK");
	store.more_boxes++;
	EXPECT("b ESEARCH IN (personal) SUBJECT two\r\n", "b NO [LIMIT] ");
}

/* Columns are those of each mailbox. */
static void
test_columns(void **state)
{
	(void)state;
	say_login();
	EXPECT("c CREATE a\r\n", "c OK");
	for (unsigned i = 0; i < 70; i++) {
		say_append("INBOX", "", i % 2 ? MSG("one", "x") : MSG("two", "x"));
		say_append("a", "", i % 2 ? MSG("three", "x") : MSG("one", "x"));
	}
	EXPECT("a ESEARCH IN (personal) RETURN (COUNT MIN) SUBJECT one\r\n",
	    AT("INBOX", "a") "MIN 2 COUNT 35\r\n" AT("a", "a") "MIN 1 COUNT 35\r\na OK");
	assert_true(store.column_count >= 2);
	store.contents_given = 0;
	EXPECT("b ESEARCH IN (personal) RETURN (COUNT MIN) SUBJECT one\r\n",
	    AT("INBOX", "b") "MIN 2 COUNT 35\r\n" AT("a", "b") "MIN 1 COUNT 35\r\nb OK");
	/* seven of each are too few for a block */
	assert_int_equal(store.contents_given, 2 * 7);
	EXPECT("s SELECT a\r\nc SEARCH RETURN (COUNT) SUBJECT three\r\n", "COUNT 35\r\nc OK");
}

/* Mailboxes of another user, where they are named. */
static void
test_shared(void **state)
{
	struct fake_store *anns = malloc(sizeof(*anns));

	(void)state;
	assert_non_null(anns);
	fake_store_init(anns);
	anns->account = 100;
	start();
	store.shared = anns;
	anns->rights = STORE_RIGHTS_ALL;
	say_append("user/ann@b.example/INBOX", "", MSG("one", "needle"));
	say_append("user/ann@b.example/INBOX", "(k9) ", MSG("two", "needle"));
	EXPECT("e1 ESEARCH IN (mailboxes (INBOX user/ann@b.example/INBOX)) BODY needle\r\n",
	    AT("INBOX", "e1") "ALL 1\r\n" AT("user/ann@b.example/INBOX", "e1") "ALL 1:2\r\ne1 OK");
	EXPECT("e2 ESEARCH IN (subtree user/ann@b.example) SUBJECT two KEYWORD k9\r\n",
	    AT("user/ann@b.example/INBOX", "e2") "ALL 2\r\ne2 OK");
	EXPECT("e3 ESEARCH IN (personal inboxes) RETURN (COUNT) BODY needle\r\n", "e3 OK");
	assert_false(say_has("user/"));
	/* numbers of mailboxes of two accounts may be the same */
	EXPECT("s SELECT user/ann@b.example/INBOX\r\n", "s OK");
	EXPECT("f1 ESEARCH IN (selected inboxes) SUBJECT one\r\n",
	    AT("user/ann@b.example/INBOX", "f1") "ALL 1\r\n" AT("INBOX", "f1") "ALL 1\r\nf1 OK");
	EXPECT("f2 ESEARCH IN (mailboxes user/ann@b.example/INBOX) RETURN (UPDATE) UNSEEN\r\n", "f2 OK");
	assert_false(say_has("NOUPDATE"));
	EXPECT("f3 STORE 1 +FLAGS.SILENT (\\Seen)\r\n",
	    AT("user/ann@b.example/INBOX", "f2") "REMOVEFROM (0 1)\r\nf3 OK");
	/* rights that are gone */
	anns->rights = STORE_RIGHT_L;
	EXPECT("g1 ESEARCH IN (mailboxes (INBOX user/ann@b.example/INBOX)) SUBJECT one\r\n",
	    AT("INBOX", "g1") "ALL 1\r\ng1 OK");
	EXPECT("g2 ESEARCH IN (subtree user/eve@b.example) SUBJECT one\r\n", "g2 OK");
	assert_false(say_has("* ESEARCH"));
	fake_fini(&f);
	fake_store_fini(anns);
	free(anns);
	fake_init(&f, &shared, &store, true);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(x)	cmocka_unit_test_setup_teardown(x, say_setup, say_teardown)
		T(test_sources), T(test_selected), T(test_rights), T(test_bad), T(test_limits),
		T(test_columns), T(test_shared),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
