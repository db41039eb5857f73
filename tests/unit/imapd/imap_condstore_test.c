/* SPDX-License-Identifier: ISC */
/* CONDSTORE and QRESYNC (RFC 7162) in whole sessions. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_seqset.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"

static struct fake	other;		/* another session of the same user */

/* Six messages; the store's modseqs begin high, so that they are easy to tell. */
static void
start(unsigned messages)
{
	store.modseq = 100;
	say_login();
	for (unsigned i = 0; i < messages; i++)
		say_append("INBOX", "", MSG);
}

static void
select_box(void)
{
	EXPECT("s SELECT INBOX\r\n", "[HIGHESTMODSEQ ", "s OK [READ-WRITE]");
}

/* What another session does meanwhile. */
static void
elsewhere(const char *say)
{
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	fake_say(&other, say);
	fake_fini(&other);
}

static void
test_enabling(void **state)
{
	(void)state;
	start(2);
	assert_true(say_has("ap OK"));
	EXPECT("a CAPABILITY\r\n", " CONDSTORE QRESYNC", "a OK");
	EXPECT("a STATUS INBOX (HIGHESTMODSEQ MESSAGES)\r\n", "(HIGHESTMODSEQ 102 MESSAGES 2)\r\n");
	assert_true(imap_session_is(f.s, IMAP_EN_CONDSTORE));
	assert_false(imap_session_is(f.s, IMAP_EN_QRESYNC));
	/* with a mailbox: HIGHESTMODSEQ once */
	f.s->enabled = 0;
	select_box();
	EXPECT("a FETCH 1 MODSEQ\r\n", "* OK [HIGHESTMODSEQ 102]", "* 1 FETCH (MODSEQ (101))\r\na OK");
	EXPECT("a FETCH 1 MODSEQ\r\n", "* 1 FETCH (MODSEQ (101))\r\na OK");
	assert_false(say_has("HIGHESTMODSEQ"));
	f.s->enabled = 0;
	EXPECT("a FETCH 1 FLAGS (CHANGEDSINCE 1)\r\n", "[HIGHESTMODSEQ 102]",
	    "* 1 FETCH (FLAGS (\\Recent) MODSEQ (101))\r\na OK");
	f.s->enabled = 0;
	EXPECT("a STORE 1 (UNCHANGEDSINCE 200) +FLAGS.SILENT \\Seen\r\n", "[HIGHESTMODSEQ 102]",
	    "MODSEQ (103)", "a OK");
	f.s->enabled = 0;
	EXPECT("a ENABLE CONDSTORE\r\n", "* ENABLED CONDSTORE\r\n", "[HIGHESTMODSEQ 103]", "a OK");
	EXPECT("a ENABLE condstore qresync\r\n", "* ENABLED QRESYNC\r\na OK");
	f.s->enabled = 0;
	EXPECT("a ENABLE QRESYNC\r\n", "* ENABLED QRESYNC\r\n", "[HIGHESTMODSEQ 103]", "a OK");
	assert_int_equal(f.s->enabled, IMAP_EN_CONDSTORE | IMAP_EN_QRESYNC);
	f.s->enabled = 0;
	EXPECT("a EXAMINE INBOX (CONDSTORE)\r\n", "* OK [CLOSED]", "[HIGHESTMODSEQ 103]", "a OK");
	assert_int_equal(f.s->enabled, IMAP_EN_CONDSTORE);
}

static void
test_syntax(void **state)
{
	static const char *const bad[] = {
		"SELECT INBOX ()", "SELECT INBOX (CONDSTORE CONDSTORE)", "SELECT INBOX (FOO)",
		"SELECT INBOX (QRESYNC)", "SELECT INBOX (QRESYNC (1))",
		"SELECT INBOX (QRESYNC (0 5))", "SELECT INBOX (QRESYNC (1 0))",
		"SELECT INBOX (QRESYNC (1 5 1:*))", "SELECT INBOX (QRESYNC (1 5 1:2 (1 *)))",
		"SELECT INBOX (QRESYNC (1 5 1:2 (1:3 1:2)))", "SELECT INBOX (QRESYNC (1 5 1:2 (1)))",
		"SELECT INBOX (QRESYNC (1 9223372036854775808))", "SELECT INBOX (QRESYNC (1 5 1:2)",
		"FETCH 1 FLAGS (CHANGEDSINCE 0)", "FETCH 1 FLAGS (CHANGEDSINCE)",
		"FETCH 1 FLAGS ()", "FETCH 1 FLAGS (CHANGEDSINCE 5 CHANGEDSINCE 5)",
		"FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)", "UID FETCH 1 FLAGS (VANISHED)",
		"UID FETCH 1 FLAGS (VANISHED VANISHED CHANGEDSINCE 1)",
		"FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
		"STORE 1 () +FLAGS \\Seen", "STORE 1 (UNCHANGEDSINCE) +FLAGS \\Seen",
		"STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) +FLAGS \\Seen",
		"STORE 1 (UNCHANGEDSINCE 9223372036854775808) +FLAGS \\Seen",
	};
	char say[200];

	(void)state;
	start(1);
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	select_box();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(say, sizeof(say), "a %s\r\n", bad[i]);
		f.s->errors = 0;
		EXPECT(say, "a BAD");
		assert_false(say_has("FETCH") || say_has("CLOSED"));
		assert_int_equal(f.s->state, IMAP_SELECTED);
	}
	EXPECT("a FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775807)\r\n", "a OK");
	EXPECT("a FETCH 1 FAST (CHANGEDSINCE 1)\r\n", "INTERNALDATE", "MODSEQ (101))\r\na OK");
	/* RFC 7162 s3.2.5, s3.2.6: not without ENABLE */
	f.s->enabled = IMAP_EN_CONDSTORE;
	EXPECT("a UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 1)\r\n", "a BAD");
	EXPECT("a SELECT INBOX (QRESYNC (1000 5))\r\n", "a BAD");
}

static void
test_fetch(void **state)
{
	(void)state;
	start(3);
	EXPECT("a SELECT INBOX (CONDSTORE)\r\n", "a OK");
	EXPECT("a FETCH 1:* (UID) (CHANGEDSINCE 101)\r\n", "* 2 FETCH (UID 2 MODSEQ (102))\r\n"
	    "* 3 FETCH (UID 3 MODSEQ (103))\r\na OK");
	EXPECT("a UID FETCH 1:2 (FLAGS MODSEQ) (CHANGEDSINCE 101)\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Recent) MODSEQ (102))\r\na OK");
	assert_false(say_has("* 3"));
	/* not asked for: not told (s3.2.4) */
	EXPECT("a FETCH 1 FLAGS\r\n", "* 1 FETCH (FLAGS (\\Recent))\r\na OK");
	/* \Seen set on the way: UID and MODSEQ too */
	EXPECT("a FETCH 1 BODY[TEXT]\r\n", "BODY[TEXT] {6}\r\nbody\r\n UID 1 FLAGS (\\Seen \\Recent) "
	    "MODSEQ (104))\r\na OK");
	/* with CHANGEDSINCE only those that pass it become \Seen */
	EXPECT("a FETCH 1:3 (BODY[TEXT]) (CHANGEDSINCE 102)\r\n", "* 1 FETCH (BODY[TEXT]",
	    "* 3 FETCH (BODY[TEXT]", "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent) MODSEQ (105))\r\na OK");
	assert_false(say_has("* 2 FETCH"));
	assert_int_equal(store.boxes[0].m[1].flags & STORE_SEEN, 0);
	/* others' changes */
	elsewhere("x STORE 2 +FLAGS \\Flagged\r\n");
	EXPECT("a NOOP\r\n", "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (106))\r\na OK");
	assert_false(say_has("HIGHESTMODSEQ"));
}

static void
test_store(void **state)
{
	(void)state;
	start(4);
	EXPECT("a SELECT INBOX (CONDSTORE)\r\n", "[HIGHESTMODSEQ 104]", "a OK");
	EXPECT("a STORE 1:2 +FLAGS.SILENT \\Seen\r\n", "* 1 FETCH (UID 1 MODSEQ (105))\r\n"
	    "* 2 FETCH (UID 2 MODSEQ (105))\r\na OK Store completed");
	EXPECT("a STORE 1 -FLAGS \\Seen\r\n", "* 1 FETCH (UID 1 FLAGS (\\Recent) MODSEQ (106))\r\na OK");
	/* some fail: they are named, told as they are, and unchanged */
	EXPECT("a STORE 1:4 (UNCHANGEDSINCE 104) +FLAGS.SILENT (\\Deleted)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Recent) MODSEQ (106))\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) MODSEQ (105))\r\n",
	    "* 3 FETCH (UID 3 MODSEQ (107))\r\n", "* 4 FETCH (UID 4 MODSEQ (107))\r\n",
	    "a OK [MODIFIED 1:2] ");
	assert_int_equal(store.boxes[0].m[0].flags & STORE_DELETED, 0);
	/* UIDs in the UID form; page by page */
	store.page_rows = 1;
	EXPECT("a EXPUNGE\r\n", "* 3 EXPUNGE\r\n* 3 EXPUNGE\r\na OK [HIGHESTMODSEQ 108] ");
	say_append("INBOX", "", MSG);
	assert_true(say_has("* 3 EXISTS"));
	EXPECT("a UID STORE 1:* (UNCHANGEDSINCE 108) FLAGS (\\Draft)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Draft", "* 3 FETCH (UID 5 FLAGS (\\Recent) MODSEQ (109))",
	    "a OK [MODIFIED 5] ");
	EXPECT("a STORE 1:3 (UNCHANGEDSINCE 0) +FLAGS \\Seen\r\n", "a OK [MODIFIED 1:3] ");
	EXPECT("a STORE 1:3 (UNCHANGEDSINCE 9223372036854775807) +FLAGS \\Seen\r\n", "a OK Store");
}

/* What others did since our report, up to the client's own modseq, is not hidden. */
static void
test_store_unseen_change(void **state)
{
	(void)state;
	start(1);
	EXPECT("a SELECT INBOX (CONDSTORE)\r\n", "a OK");
	elsewhere("x STORE 1 +FLAGS \\Flagged\r\n");
	EXPECT("a STORE 1 (UNCHANGEDSINCE 102) +FLAGS.SILENT \\Seen\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (103))\r\na OK");
}

/* A keyword that another session made comes with its name, and only then. */
static void
test_store_new_keyword(void **state)
{
	(void)state;
	start(1);
	EXPECT("a SELECT INBOX (CONDSTORE)\r\n", "a OK");
	elsewhere("x STORE 1 +FLAGS $New\r\n");
	EXPECT("a STORE 1 +FLAGS \\Seen\r\n", "* FLAGS (", "$New)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen $New \\Recent) MODSEQ (103))\r\na OK");
}

/* RFC 7162 s6: MODSEQs above of what is still to be told are bounded. */
static void
test_delayed(void **state)
{
	(void)state;
	start(4);
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	select_box();
	elsewhere("x STORE 2 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\n");
	EXPECT("a STORE 3 +FLAGS.SILENT \\Seen\r\n", "* 3 FETCH (UID 3 MODSEQ (107))\r\n",
	    "* OK [HIGHESTMODSEQ 104]", "a OK");
	assert_false(say_has("VANISHED"));
	EXPECT("a FETCH 3 MODSEQ\r\n", "* 3 FETCH (MODSEQ (107))\r\n", "* OK [HIGHESTMODSEQ 104]", "a OK");
	EXPECT("a NOOP\r\n", "* VANISHED 2\r\na OK");
	EXPECT("a FETCH 2 (UID MODSEQ)\r\n", "* 2 FETCH (UID 3 MODSEQ (107))\r\na OK");
	/* the UID form may report at once */
	elsewhere("x STORE 1 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\n");
	EXPECT("a UID STORE 3 -FLAGS.SILENT \\Seen\r\n", "* 2 FETCH (UID 3 MODSEQ (110))\r\n",
	    "* VANISHED 1\r\na OK");
	assert_false(say_has("HIGHESTMODSEQ"));
}

static void
test_vanished(void **state)
{
	(void)state;
	start(6);
	EXPECT("a ENABLE QRESYNC\r\na CREATE x\r\n", "a OK", "a OK");
	select_box();
	EXPECT("a STORE 2:4,6 +FLAGS.SILENT \\Deleted\r\n", "a OK");
	EXPECT("a EXPUNGE\r\n", "* VANISHED 2:4,6\r\na OK [HIGHESTMODSEQ 108] ");
	assert_false(say_has("EXPUNGE\r\n"));
	EXPECT("a EXPUNGE\r\n", "a OK Expunge");
	EXPECT("a MOVE 1 x\r\n", "* OK [COPYUID 1000 1 1]", "* VANISHED 1\r\na OK [HIGHESTMODSEQ 1");
	/* RFC 7162 s3.2.8 */
	EXPECT("a STORE 1 +FLAGS.SILENT \\Deleted\r\na CLOSE\r\n", "a OK", "a OK Close");
	assert_false(say_has("HIGHESTMODSEQ"));
}

static void
test_uid_fetch_vanished(void **state)
{
	(void)state;
	start(8);
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	elsewhere("x STORE 2:4 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\n");
	select_box();
	elsewhere("x UID STORE 6 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\nx UID STORE 7 +FLAGS \\Seen\r\n");
	/* what is pending is told as VANISHED, not as EARLIER */
	EXPECT("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 108 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 2:4\r\n", "* 4 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (113))\r\n",
	    "* VANISHED 6\r\n", "a OK");
	EXPECT("a UID FETCH 3:6 (FLAGS) (VANISHED CHANGEDSINCE 108)\r\n",
	    "* VANISHED (EARLIER) 3:4,6\r\na OK");
	EXPECT("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 113 VANISHED)\r\n", "a OK");
	assert_false(say_has("VANISHED"));
	/* the store forgot: all that is not there */
	store.gone_floor = 112;
	EXPECT("a UID FETCH 1:8 (FLAGS) (CHANGEDSINCE 111 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 2:4,6\r\n", "* 3 FETCH", "a OK");
	/* page by page */
	store.page_rows = 1;
	EXPECT("a UID FETCH 1:8 (FLAGS) (CHANGEDSINCE 111 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 2\r\n", "* VANISHED (EARLIER) 6\r\n", "* 3 FETCH", "a OK");
}

static void
test_qresync(void **state)
{
	(void)state;
	start(8);
	elsewhere("x STORE 2:4 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\nx UID STORE 7 +FLAGS \\Seen\r\n");
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 108))\r\n", "* 5 EXISTS\r\n", "[HIGHESTMODSEQ 111]",
	    "* VANISHED (EARLIER) 2:4\r\n* 4 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (111))\r\n"
	    "a OK [READ-WRITE]");
	assert_false(say_has("CLOSED"));
	/* another UIDVALIDITY: nothing is told */
	EXPECT("a SELECT INBOX (QRESYNC (999 108))\r\n", "* OK [CLOSED]", "a OK");
	assert_false(say_has("VANISHED") || say_has("FETCH"));
	/* known UIDs only */
	EXPECT("a SELECT INBOX (QRESYNC (1000 108 1:2,8) CONDSTORE)\r\n",
	    "* VANISHED (EARLIER) 2\r\na OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 111 1:8))\r\n", "a OK");
	assert_false(say_has("VANISHED") || say_has("FETCH"));
	/* page by page, with a client that is slow */
	store.page_rows = 1;
	f.clog_at = 1;
	buf_reset(&f.out);
	fake_say(&f, "a EXAMINE INBOX (QRESYNC (1000 1))\r\n");
	for (int i = 0; i < 100 && !say_has("a OK"); i++) {
		buf_reset(&f.out);
		imap_session_on_drained(f.s);
		fake_run(&f);
	}
	assert_true(say_has("a OK [READ-ONLY]"));
	f.clog_at = 0;
	/* never had a message: nothing is known of it */
	EXPECT("a CREATE x\r\nb SELECT x (QRESYNC (1000 1))\r\n", "b OK");
}

/* A keyword made between the list of names and the rows: nothing is told by halves. */
static void
test_qresync_new_keyword(void **state)
{
	(void)state;
	start(3);
	elsewhere("x STORE 3 +FLAGS \\Seen\r\n");
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	buf_reset(&f.out);
	assert_int_equal(fake_give(&f, SLICE_LIT("a SELECT INBOX (QRESYNC (1000 103))\r\n")), 37);
	assert_true(fake_step(&f));
	assert_true(say_has("[HIGHESTMODSEQ 104]"));
	elsewhere("x STORE 1 +FLAGS $New\r\n");
	fake_run(&f);
	assert_true(say_has("* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (104))\r\n"));
	assert_false(say_has("* 1 FETCH"));
	EXPECT("a NOOP\r\n", "* FLAGS (", "$New)\r\n",
	    "* 1 FETCH (UID 1 FLAGS ($New) MODSEQ (105))\r\na OK");
}

/* RFC 7162 s3.2.5.2: up to the last pair that holds nothing vanished. */
static void
test_sequence_match(void **state)
{
	(void)state;
	start(9);
	elsewhere("x STORE 5,8 +FLAGS.SILENT \\Deleted\r\nx EXPUNGE\r\n");
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	store.gone_floor = 111;
	EXPECT("a SELECT INBOX (QRESYNC (1000 109))\r\n", "* VANISHED (EARLIER) 5,8\r\n", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 1:9 (2,4 2,4)))\r\n",
	    "* VANISHED (EARLIER) 5,8\r\n", "a OK");
	/* 1 to 4 and 6 to 7 are where they were when 5 had gone */
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 1:9 (1:2,5:7 1:2,6:7,9)))\r\n", "a OK");
	assert_false(say_has("VANISHED"));
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 1:9 (3,6 3,7)))\r\n",
	    "* VANISHED (EARLIER) 8\r\n", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 (3,6 3,7)))\r\n",
	    "* VANISHED (EARLIER) 8\r\n", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 1:9 (6 6)))\r\n",
	    "* VANISHED (EARLIER) 5,8\r\n", "a OK");
	/* remembered: the data does not count */
	store.gone_floor = 0;
	EXPECT("a SELECT INBOX (QRESYNC (1000 109 1:9 (7 9)))\r\n",
	    "* VANISHED (EARLIER) 5,8\r\n", "a OK");
}

/* The store goes away while it is asked: then nothing is selected. */
static void
test_qresync_fails(void **state)
{
	(void)state;
	start(6);
	EXPECT("a ENABLE QRESYNC\r\n", "a OK");
	store.page_rows = 1;
	for (int steps = 1; steps < 4; steps++) {
		buf_reset(&f.out);
		buf_put_str(&f.in, "a SELECT INBOX (QRESYNC (1000 1))\r\n");
		(void)fake_give(&f, buf_slice(&f.in));
		buf_reset(&f.in);
		for (int k = 0; k < steps; k++)
			(void)fake_step(&f);
		store.down = true;
		fake_run(&f);
		store.down = false;
		assert_true(say_has("a NO [UNAVAILABLE]"));
		EXPECT("b FETCH 1 FLAGS\r\n", "b BAD");
	}
}

/* A session that ends in the middle of its resynchronization. */
static void
test_cut_off(void **state)
{
	(void)state;
	start(6);
	store.gone_floor = 200;
	store.page_rows = 1;
	for (int steps = 0; steps < 14; steps++) {
		fake_fini(&f);
		fake_init(&f, &shared, &store, true);
		fake_say(&f, "l LOGIN alice secret\r\ne ENABLE QRESYNC\r\n");
		buf_put_str(&f.in, "a SELECT INBOX (QRESYNC (1000 1 1:9 (1,6 2,6)))\r\n");
		(void)fake_give(&f, buf_slice(&f.in));
		buf_reset(&f.in);
		for (int k = 0; k < steps; k++)
			(void)fake_step(&f);
	}
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_enabling), T(test_syntax), T(test_fetch), T(test_store),
		T(test_store_unseen_change), T(test_store_new_keyword), T(test_delayed), T(test_vanished),
		T(test_uid_fetch_vanished), T(test_qresync), T(test_qresync_new_keyword), T(test_sequence_match),
		T(test_qresync_fails), T(test_cut_off),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
