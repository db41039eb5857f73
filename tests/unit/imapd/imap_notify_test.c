/* SPDX-License-Identifier: ISC */
/* NOTIFY (RFC 5465) of a session: what is told, when, and what no longer is. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_notify.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG	"Subject: x\r\n\r\nbody\r\n"
#define NEW	"MessageNew MessageExpunge"
#define APPEND(box) "x APPEND " box " {20+}\r\n" MSG "\r\n"

/* By another session; what the store tells of it is news() below. */
static void
elsewhere(const char *say)
{
	struct fake other;

	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\n");
	fake_say(&other, say);
	fake_fini(&other);
}

static uint64_t
id_of(const char *box)
{
	return (uint64_t)(fake_box(&store, box) - store.boxes) + 1;
}

/* The notice of a mailbox, and all that is told then. */
static void
news_of(uint64_t mailbox)
{
	buf_reset(&f.out);
	imap_session_on_notify(f.s, f.s->handle, mailbox);
	fake_run(&f);
}

#define NEWS(box, want) do {						\
	news_of(id_of(box));						\
	assert_slice(buf_slice(&f.out), want);				\
} while (0)
#define NAMES(want) do {						\
	news_of(0);							\
	assert_slice(buf_slice(&f.out), want);				\
} while (0)

/* Without \Recent, which is the other session's as often as not. */
static void
log_in(void)
{
	say_login();
	EXPECT("e ENABLE IMAP4rev2\r\n", "e OK");
}

static void
test_selected(void **state)
{
	(void)state;
	log_in();
	say_append("INBOX", "", MSG);
	EXPECT("a CAPABILITY\r\na SELECT INBOX\r\n", " NOTIFY", "a OK", "a OK");
	EXPECT("a NOTIFY SET (selected (MessageNew (uid body.peek[header.fields (subject)]) MessageExpunge "
	    "FlagChange))\r\n", "a OK");
	assert_int_equal(f.watched, 1);
	/* between commands */
	elsewhere(APPEND("INBOX"));
	NEWS("INBOX", "* 2 EXISTS\r\n* 2 FETCH (UID 2 BODY[HEADER.FIELDS (subject)] {14}\r\n"
	    "Subject: x\r\n\r\n)\r\n");
	elsewhere("x SELECT INBOX\r\nx STORE 1 +FLAGS \\Flagged\r\n");
	NEWS("INBOX", "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\n");
	elsewhere("x SELECT INBOX\r\nx STORE 1 +FLAGS \\Deleted\r\nx EXPUNGE\r\n");
	NEWS("INBOX", "* 1 EXPUNGE\r\n");
	NEWS("INBOX", "");
	/* what the client brings itself it need not be told of */
	EXPECT(APPEND("INBOX"), "* 2 EXISTS\r\n", "x OK [APPENDUID");
	assert_false(say_has("FETCH"));
	/* while the client idles, too */
	EXPECT("i IDLE\r\n", "+ idling\r\n");
	elsewhere(APPEND("INBOX"));
	NEWS("INBOX", "* 3 EXISTS\r\n* 3 FETCH (UID 4 BODY[HEADER.FIELDS (subject)] {14}\r\n"
	    "Subject: x\r\n\r\n)\r\n");
	EXPECT("DONE\r\n", "i OK");
	/* what comes with a command is followed by its FETCH */
	elsewhere(APPEND("INBOX"));
	EXPECT("a NOOP\r\n", "* 4 EXISTS\r\n", "a OK", "* 4 FETCH (UID 5 BODY[HEADER.FIELDS (subject)]");
	/* a FETCH sets \Seen when that was asked for; and MODSEQ goes with flags */
	EXPECT("a ENABLE CONDSTORE\r\na NOTIFY SET (selected (MessageNew (body[text] flags) " "MessageExpunge))\r\n",
	    "a OK", "a OK");
	elsewhere(APPEND("INBOX"));
	news_of(1);
	assert_true(say_has("* 5 FETCH (UID 6 BODY[TEXT] {6}\r\nbody\r\n FLAGS (\\Seen) MODSEQ ("));
}

static void
test_delayed(void **state)
{
	(void)state;
	log_in();
	say_append("INBOX", "", MSG);
	say_append("INBOX", "", MSG);
	EXPECT("a SELECT INBOX\r\na NOTIFY SET (selected-delayed (" NEW "))\r\n", "a OK", "a OK");
	elsewhere("x SELECT INBOX\r\nx STORE 1 +FLAGS \\Deleted\r\nx EXPUNGE\r\n" APPEND("INBOX"));
	NEWS("INBOX", "* 3 EXISTS\r\n");
	EXPECT("a FETCH 2 UID\r\n", "* 2 FETCH (UID 2)\r\na OK");
	EXPECT("a NOOP\r\n", "* 1 EXPUNGE\r\n", "a OK");
	/* IDLE lets it go */
	elsewhere("x SELECT INBOX\r\nx STORE 1 +FLAGS \\Deleted\r\nx EXPUNGE\r\n");
	NEWS("INBOX", "");
	EXPECT("i IDLE\r\n", "+ idling\r\n* 1 EXPUNGE\r\n");
	EXPECT("DONE\r\n", "i OK");
}

/* s3.1: without SELECTED nothing of it is told, but what the client does. */
static void
test_not_selected(void **state)
{
	(void)state;
	log_in();
	say_append("INBOX", "", MSG);
	EXPECT("a SELECT INBOX\r\n", "a OK");
	elsewhere(APPEND("INBOX"));
	EXPECT("a NOTIFY NONE\r\n", "* 2 EXISTS\r\na OK");
	elsewhere(APPEND("INBOX") "x SELECT INBOX\r\nx STORE 1 +FLAGS \\Flagged\r\n");
	NEWS("INBOX", "");
	EXPECT("a NOOP\r\na CHECK\r\na FETCH 1 UID\r\ni IDLE\r\nDONE\r\n", "a OK", "a OK",
	    "* 1 FETCH (UID 1)\r\na OK", "+ idling\r\ni OK");
	assert_false(say_has("EXISTS") || say_has("Flagged"));
	EXPECT("a STORE 2 +FLAGS \\Deleted\r\na EXPUNGE\r\n", "* 2 FETCH (FLAGS (\\Deleted))\r\n",
	    "* 2 EXPUNGE\r\n", "a OK");
	/* what waited is told when it is wanted again */
	elsewhere("x SELECT INBOX\r\nx STORE 1 -FLAGS \\Flagged\r\n");
	EXPECT("a NOTIFY SET (selected (" NEW " FlagChange))\r\n", "* 1 FETCH (UID 1 FLAGS ())\r\n", "a OK");
}

/* Flags that were kept back: also of messages that came meanwhile. */
static void
test_flags_later(void **state)
{
	(void)state;
	log_in();
	say_append("INBOX", "", MSG);
	EXPECT("a SELECT INBOX\r\na NOTIFY SET (selected (" NEW "))\r\n", "a OK", "a OK");
	elsewhere(APPEND("INBOX"));
	NEWS("INBOX", "* 2 EXISTS\r\n");
	elsewhere("x SELECT INBOX\r\nx STORE 1:2 +FLAGS \\Flagged\r\n");
	NEWS("INBOX", "");
	EXPECT("a NOOP\r\n", "a OK");
	assert_false(say_has("Flagged"));
	EXPECT("a NOTIFY SET (selected (" NEW " FlagChange))\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\n", "a OK",
	    "* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n");
	NEWS("INBOX", "");
}

/* Searches that are followed see what changed, told or not (RFC 5267). */
static void
test_followed_search(void **state)
{
	(void)state;
	log_in();
	say_append("INBOX", "", MSG);
	EXPECT("a SELECT INBOX\r\na NOTIFY SET (selected (" NEW "))\r\n", "a OK", "a OK");
	EXPECT("u UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n", "COUNT 0", "u OK");
	elsewhere("x SELECT INBOX\r\nx STORE 1 +FLAGS \\Flagged\r\n");
	news_of(1);
	assert_true(say_has("* ESEARCH (TAG \"u\") UID ADDTO (0 1)\r\n"));
	assert_false(say_has("FETCH"));
	elsewhere("x APPEND INBOX (\\Flagged) {20+}\r\n" MSG "\r\n");
	news_of(1);
	assert_true(say_has("* 2 EXISTS\r\n") && say_has("ADDTO ("));
}

static void
test_status(void **state)
{
	(void)state;
	log_in();
	EXPECT("a CREATE b\r\na CREATE c\r\n", "a OK", "a OK");
	say_append("b", "", MSG);
	EXPECT("a SELECT INBOX\r\n", "a OK");
	EXPECT("a NOTIFY SET STATUS (mailboxes (b nowhere) (" NEW " FlagChange)) (subtree c (" NEW "))\r\n",
	    "* STATUS \"b\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1000 HIGHESTMODSEQ ",
	    "* STATUS \"c\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1000)\r\n", "a OK");
	assert_false(say_has("INBOX"));
	elsewhere(APPEND("b"));
	NEWS("b", "* STATUS \"b\" (UIDNEXT 3 MESSAGES 2 UNSEEN 2)\r\n");
	NEWS("b", "");
	NEWS("INBOX", "");
	elsewhere("x SELECT b\r\nx STORE 1 +FLAGS \\Seen\r\n");
	NEWS("b", "* STATUS \"b\" (UNSEEN 1)\r\n");
	/* RFC 5465 s5.1: flags alone are told by their MODSEQ, or not */
	elsewhere("x SELECT b\r\nx STORE 1 +FLAGS \\Flagged\r\n");
	NEWS("b", "");
	EXPECT("a ENABLE CONDSTORE\r\n", "a OK");
	elsewhere("x SELECT b\r\nx STORE 1 -FLAGS \\Flagged\r\n");
	news_of(id_of("b"));
	assert_true(say_has("* STATUS \"b\" (HIGHESTMODSEQ ") && say_has(" UIDVALIDITY 1000)\r\n"));
	elsewhere("x SELECT c\r\n" APPEND("c") "x STORE 1 +FLAGS \\Flagged\r\n");
	news_of(id_of("c"));
	assert_true(say_has("* STATUS \"c\" (UIDNEXT 2 MESSAGES 1 HIGHESTMODSEQ "));
	elsewhere("x SELECT c\r\nx STORE 1 +FLAGS \\Deleted\r\n");
	NEWS("c", "");
	elsewhere("x SELECT c\r\nx EXPUNGE\r\n");
	news_of(id_of("c"));
	assert_true(say_has("* STATUS \"c\" (UIDNEXT 2 MESSAGES 0 HIGHESTMODSEQ "));
	/* the selected one is SELECTED's alone */
	EXPECT("a SELECT b\r\n", "a OK");
	elsewhere(APPEND("b"));
	NEWS("b", "");
	/* more than the store could keep: look at all */
	EXPECT("a UNSELECT\r\n", "a OK");
	elsewhere(APPEND("b"));
	news_of(STORE_NOTIFY_ALL);
	assert_true(say_has("* STATUS \"b\" (UIDNEXT 5 MESSAGES 4"));
	/* and while the client idles without a mailbox */
	EXPECT("i IDLE\r\n", "+ idling\r\n");
	elsewhere(APPEND("b"));
	news_of(id_of("b"));
	assert_true(say_has("* STATUS \"b\" (UIDNEXT 6 MESSAGES 5"));
	EXPECT("DONE\r\n", "i OK");
}

static void
test_names(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CREATE b\r\na NOTIFY SET (personal (MailboxName SubscriptionChange))\r\n", "a OK", "a OK");
	elsewhere("x CREATE d\r\n");
	NAMES("* LIST (\\HasNoChildren) \"/\" \"d\"\r\n");
	elsewhere("x RENAME d e\r\n");
	NAMES("* LIST (\\HasNoChildren) \"/\" \"e\" (\"OLDNAME\" (\"d\"))\r\n");
	elsewhere("x SUBSCRIBE e\r\n");
	NAMES("* LIST (\\HasNoChildren \\Subscribed) \"/\" \"e\"\r\n");
	elsewhere("x DELETE e\r\n");
	NAMES("* LIST (\\NonExistent \\HasNoChildren) \"/\" \"e\"\r\n");
	NAMES("");
	/* the client's own doing */
	EXPECT("a CREATE g\r\na RENAME g h\r\na SUBSCRIBE h\r\na DELETE b\r\n", "a OK", "a OK", "a OK", "a OK");
	assert_false(say_has("LIST"));
	NAMES("");
	elsewhere("x DELETE h\r\n");
	NAMES("* LIST (\\NonExistent \\HasNoChildren) \"/\" \"h\"\r\n");
}

static void
test_metadata(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CREATE b\r\na CREATE c\r\n", "a OK", "a OK");
	EXPECT("a NOTIFY SET (mailboxes b (MailboxMetadataChange ServerMetadataChange))\r\n", "a OK");
	buf_reset(&f.out);
	imap_session_on_entries(f.s, id_of("b"), slice_of("/shared/comment\0/private/x y", 29));
	imap_session_on_entries(f.s, id_of("c"), slice_of("/shared/comment", 16));
	imap_session_on_entries(f.s, 99, slice_of("/shared/comment", 16));
	imap_session_on_entries(f.s, 0, slice_of("/shared/admin", 14));
	fake_run(&f);
	assert_slice(buf_slice(&f.out), "* METADATA \"b\" /shared/comment\r\n"
	    "* METADATA \"b\" \"/private/x y\"\r\n* METADATA \"\" /shared/admin\r\n");
	/* not asked for */
	EXPECT("a NOTIFY SET (mailboxes b (MailboxMetadataChange))\r\n", "a OK");
	buf_reset(&f.out);
	imap_session_on_entries(f.s, 0, slice_of("/shared/admin", 14));
	fake_run(&f);
	assert_int_equal(f.out.n, 0);
	/* more than is kept ends it all */
	f.clog_at = 1;
	fake_unheard(&f);	/* what follows is no response */
	buf_put_str(&f.out, "x");
	for (int i = 0; i * 24 <= IMAP_NOTIFY_ENTRIES_MAX; i++) {
		assert_false(f.s->notify->overflow);
		imap_session_on_entries(f.s, id_of("b"), slice_of("/shared/comment", 16));
	}
	assert_true(f.s->notify->overflow);
	/* nothing turns while the client does not read */
	fake_run(&f);
	assert_false(f.deferred);
	assert_int_equal(f.out.n, 1);
	f.clog_at = 0;
	buf_reset(&f.out);
	imap_session_on_drained(f.s);
	fake_run(&f);
	assert_slice(slice_head(buf_slice(&f.out), 29), "* OK [NOTIFICATIONOVERFLOW] T");
	elsewhere(APPEND("b"));
	NEWS("b", "");
}

static void
test_refused(void **state)
{
	char say[64];

	(void)state;
	EXPECT("a NOTIFY NONE\r\n", "a BAD");
	say_login();
	EXPECT("a NOTIFY SET (personal (" NEW " AnnotationChange))\r\n", "a NO [BADEVENT (MessageNew "
	    "MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
	    "ServerMetadataChange)]");
	EXPECT("a NOTIFY\r\na NOTIFY SET\r\na NOTIFY NONE x\r\na NOTIFY ALL\r\n", "a BAD", "a BAD", "a BAD", "a BAD");
	/* 8 mailboxes, INBOX with them; then one more */
	for (int i = 1; i < 8; i++) {
		(void)snprintf(say, sizeof(say), "a CREATE m%d\r\n", i);
		EXPECT(say, "a OK");
	}
	EXPECT("a NOTIFY SET (mailboxes m1 (" NEW "))\r\n", "a OK");
	elsewhere(APPEND("m1"));
	NEWS("m1", "* STATUS \"m1\" (UIDNEXT 2 MESSAGES 1)\r\n");
	elsewhere("x CREATE m8\r\n");
	/* what was before would hold, but does not fit either */
	EXPECT("a NOTIFY SET (mailboxes m2 (" NEW "))\r\n", "a NO [NOTIFICATIONOVERFLOW]",
	    "* OK [NOTIFICATIONOVERFLOW] ");
	elsewhere(APPEND("m1"));
	NEWS("m1", "");
	EXPECT("a NOOP\r\na NOTIFY NONE\r\n", "a OK", "a OK");
	/* what was before holds after other refusals */
	elsewhere("x DELETE m8\r\n");
	EXPECT("a NOTIFY SET (mailboxes m1 (" NEW "))\r\na NOTIFY SET (personal (x))\r\na NOTIFY SET (\r\n",
	    "a OK", "a NO [BADEVENT", "a BAD");
	elsewhere(APPEND("m1"));
	NEWS("m1", "* STATUS \"m1\" (UIDNEXT 4 MESSAGES 3)\r\n");
}

/* The store comes and goes; a login ends. */
static void
test_life(void **state)
{
	(void)state;
	log_in();
	EXPECT("a CREATE b\r\na SELECT INBOX\r\n", "a OK", "a OK");
	EXPECT("a NOTIFY SET (selected (" NEW ")) (personal (" NEW " MailboxName))\r\n", "a OK");
	imap_session_on_store_left(f.s);
	elsewhere(APPEND("b") APPEND("INBOX") "x CREATE d\r\n");
	buf_reset(&f.out);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_slice(buf_slice(&f.out), "* LIST (\\HasNoChildren) \"/\" \"d\"\r\n"
	    "* STATUS \"b\" (UIDNEXT 2 MESSAGES 1)\r\n* 1 EXISTS\r\n");
	/* a report that fails is made later, not at once again */
	elsewhere(APPEND("INBOX"));
	store.no_sync = 1;
	NEWS("INBOX", "");
	EXPECT("a NOOP\r\n", "* 2 EXISTS\r\n", "a OK");
	/* an answer under way while the session ends */
	elsewhere(APPEND("INBOX"));
	imap_session_on_notify(f.s, f.s->handle, 1);
	imap_session_on_turn(f.s);
	assert_non_null(f.s->cmd);
	EXPECT("a UNAUTHENTICATE\r\n", "* 3 EXISTS\r\n", "a OK");
	assert_null(f.s->notify);
	log_in();
	EXPECT("a SELECT INBOX\r\ni IDLE\r\n", "a OK", "+ idling");
	EXPECT("DONE\r\na NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))\r\ni IDLE\r\n",
	    "i OK", "a OK", "+ idling");
	/* the keepalive, and the end while IDLE waits */
	f.now_ms = f.deadline_ms;
	buf_reset(&f.out);
	imap_session_on_deadline(f.s);
	assert_slice(buf_slice(&f.out), "* OK Still here\r\n");
	elsewhere(APPEND("INBOX"));
	imap_session_on_notify(f.s, f.s->handle, 1);
	imap_session_on_turn(f.s);
	assert_non_null(f.s->cmd->outer);
	f.now_ms = f.deadline_ms;
	imap_session_on_deadline(f.s);
	imap_session_on_shutdown(f.s);
	assert_true(say_has("* BYE"));
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_selected), T(test_delayed), T(test_not_selected), T(test_flags_later), T(test_followed_search),
		T(test_status), T(test_names), T(test_metadata), T(test_refused), T(test_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
