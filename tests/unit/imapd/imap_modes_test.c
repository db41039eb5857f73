/* SPDX-License-Identifier: ISC */
/* UIDONLY (RFC 9586), UTF8=ACCEPT (RFC 9755), LITERAL- (RFC 7888) and
 * UNAUTHENTICATE (RFC 8437), UIDBATCHES (RFC 10022). */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"

static void
elsewhere(const char *say)
{
	struct fake other;

	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	fake_say(&other, say);
	fake_fini(&other);
}

static void
test_uidonly(void **state)
{
	static const char *const bad[] = {
		"FETCH 1 FLAGS", "STORE 1 +FLAGS \\Seen", "COPY 1 x", "MOVE 1 x", "SEARCH ALL",
		"SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "UID SEARCH 1:2",
		"UID SEARCH NOT (OR SEEN 1)", "UID SORT (DATE) UTF-8 1",
	};
	char say[100];

	(void)state;
	say_login();
	for (int i = 0; i < 4; i++)
		say_append("INBOX", "", MSG);
	EXPECT("a CREATE x\r\na ENABLE UIDONLY\r\n", "a OK", "* ENABLED UIDONLY\r\na OK");
	EXPECT("a SELECT INBOX\r\n", "* 4 EXISTS", "a OK");
	assert_false(say_has("UNSEEN"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(say, sizeof(say), "a %s\r\n", bad[i]);
		f.s->errors = 0;
		EXPECT(say, "a BAD [UIDREQUIRED] ");
		assert_int_equal(f.s->state, IMAP_SELECTED);
	}
	EXPECT("a UID FETCH 2:* FLAGS\r\n", "* 2 UIDFETCH (FLAGS (\\Recent))\r\n* 3 UIDFETCH", "a OK");
	EXPECT("a UID FETCH 2 UID\r\n", "* 2 UIDFETCH (UID 2)\r\na OK");
	EXPECT("a UID FETCH 2 (BODY[TEXT] FLAGS)\r\n", "* 2 UIDFETCH (BODY[TEXT] {6}\r\nbody\r\n FLAGS "
	    "(\\Seen \\Recent))\r\na OK");
	EXPECT("a UID STORE 3 +FLAGS \\Deleted\r\n", "* 3 UIDFETCH (FLAGS (\\Deleted \\Recent))\r\na OK");
	EXPECT("a UID SEARCH UID 2:*\r\n", "* SEARCH 2 3 4\r\na OK");
	EXPECT("a EXPUNGE\r\n", "* VANISHED 3\r\na OK");
	assert_false(say_has("EXPUNGE\r\n"));
	EXPECT("a UID MOVE 4 x\r\n", "* VANISHED 4\r\n", "a OK");
	elsewhere("x STORE 1 +FLAGS \\Flagged\r\nx STORE 2 +FLAGS \\Deleted\r\nx EXPUNGE\r\n");
	EXPECT("a NOOP\r\n", "* VANISHED 2\r\n", "* 1 UIDFETCH (FLAGS (\\Flagged \\Recent))\r\na OK");
	EXPECT("a ENABLE QRESYNC\r\n", "* ENABLED QRESYNC\r\n", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 1 1:2 (1 1)))\r\n", "a BAD [UIDREQUIRED] ");
	EXPECT("a UID STORE 1 -FLAGS.SILENT \\Flagged\r\n", "* 1 UIDFETCH (MODSEQ (", "a OK");
	EXPECT("a SELECT INBOX (QRESYNC (1000 1))\r\n", "* VANISHED (EARLIER) 2:4\r\n"
	    "* 1 UIDFETCH (FLAGS () MODSEQ (", "a OK");
}

static void
test_literal_minus(void **state)
{
	struct buf b;

	(void)state;
	shared.literal_plus = false;
	EXPECT("a CAPABILITY\r\n", " LITERAL- ", "a OK");
	assert_false(say_has("LITERAL+"));
	say_login();
	buf_init(&b, 1u << 20);
	for (int over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_printf(&b, "a APPEND INBOX {%d+}\r\n", IMAP_LITERAL_MINUS_MAX + over);
		for (int i = 0; i < IMAP_LITERAL_MINUS_MAX + over; i++)
			buf_put_char(&b, i == 1 ? ':' : i == 4 ? '\n' : 'a');
		buf_put_str(&b, "\r\nb NOOP\r\n");
		buf_reset(&f.out);
		fake_say_bytes(&f, buf_slice(&b));
		assert_true(say_has(over ? "a BAD [TOOBIG]" : "a OK [APPENDUID"));
		assert_true(say_has("b OK"));
	}
	/* asked for, more is welcome */
	EXPECT("a APPEND INBOX {4097}\r\n", "+ OK");
	fake_say_bytes(&f, slice_of(buf_data(&b) + strlen("a APPEND INBOX {4097+}\r\n"), 4099));
	assert_true(say_has("a OK [APPENDUID"));
	buf_fini(&b);
}

static void
test_unauthenticate(void **state)
{
	(void)state;
	EXPECT("a UNAUTHENTICATE\r\n", "a BAD");
	say_login();
	say_append("INBOX", "(\\Deleted) ", MSG);
	EXPECT("a CAPABILITY\r\n", " UNAUTHENTICATE", "a OK");
	EXPECT("a ENABLE QRESYNC\r\na SELECT INBOX\r\na SEARCH RETURN (SAVE) ALL\r\n", "a OK", "a OK", "a OK");
	/* pipelined with the next login; nothing is expunged */
	EXPECT("a UNAUTHENTICATE\r\nb SELECT INBOX\r\nc LOGIN alice secret\r\n", "a OK", "b BAD",
	    "c OK [CAPABILITY");
	assert_false(say_has("VANISHED"));
	assert_int_equal(f.tokens_back, 1);
	assert_int_equal(store.boxes[0].count, 1);
	assert_int_equal(f.s->enabled, 0);
	EXPECT("a FETCH 1 FLAGS\r\n", "a BAD");
	EXPECT("a SELECT INBOX\r\na FETCH $ UID\r\n", "a OK", "a OK");
	assert_false(say_has("FETCH ("));
	/* as often as one likes, with the time and the commands of a new session */
	for (int i = 0; i < IMAP_PRELOGIN_MAX; i++)
		EXPECT("a UNAUTHENTICATE\r\nc LOGIN alice secret\r\n", "a OK", "c OK");
	EXPECT("a UNAUTHENTICATE\r\n", "a OK");
	assert_int_equal(f.deadline_ms, f.now_ms + shared.login_ms);
	for (int i = 0; i < IMAP_PRELOGIN_MAX; i++)
		EXPECT("a NOOP\r\n", "a OK");
	EXPECT("a NOOP\r\n", "* BYE");
}

/* RFC 9755: names and quoted strings are UTF-8, and so may header fields be. */
static void
test_utf8(void **state)
{
#define EIGHT "Subject: \xc3\xa9\r\n\r\nbody\r\n"
#define EIGHT_BYTES "21"
	static const char eight[] = "a APPEND INBOX {" EIGHT_BYTES "+}\r\n" EIGHT "\r\n";
	static const char body8[] = "a APPEND INBOX {13+}\r\nA: b\r\n\r\nx\xc3\xa9\r\n\r\n";
	static const char wrapped[] =
	    "a APPEND INBOX UTF8 (~{" EIGHT_BYTES "+}\r\n" EIGHT ")\r\n";

	(void)state;
	say_login();
	EXPECT("a CAPABILITY\r\n", " UTF8=ACCEPT", "a OK");
	EXPECT(eight, "a NO [CANNOT] ENABLE UTF8=ACCEPT");
	EXPECT(body8, "a OK [APPENDUID");
	EXPECT(wrapped, "a BAD");
	EXPECT("a NOOP\r\n", "a OK");
	/* one of a row: none is stored */
	EXPECT("a APPEND INBOX {" EIGHT_BYTES "+}\r\nSubject: ab\r\n\r\nbody\r\n {" EIGHT_BYTES "+}\r\n"
	    EIGHT "\r\n", "a NO [CANNOT]");
	EXPECT("a STATUS INBOX (MESSAGES)\r\n", "(MESSAGES 1)", "a OK");
	EXPECT("a CREATE &AOk-\r\n", "a OK");
	EXPECT("a ENABLE UTF8=ACCEPT\r\n", "* ENABLED UTF8=ACCEPT\r\na OK");
	EXPECT(eight, "a OK [APPENDUID");
	EXPECT(wrapped, "a OK [APPENDUID");
	EXPECT("a STATUS \"\xc3\xa9\" (MESSAGES)\r\n", "* STATUS \"\xc3\xa9\" (MESSAGES 0)\r\na OK");
	EXPECT("a STATUS \"\xc3\" (MESSAGES)\r\n", "a BAD");
	EXPECT("a SELECT INBOX\r\na SEARCH CHARSET UTF-8 SUBJECT \"\xc3\xa9\"\r\n", "a OK", "a BAD");
	EXPECT("a SEARCH SUBJECT \"\xc3\xa9\"\r\n", "* SEARCH 2 3\r\na OK");
	/* RFC 9051 has all of this without asking */
	EXPECT("a UNAUTHENTICATE\r\na LOGIN alice secret\r\na ENABLE IMAP4rev2\r\n", "a OK", "a OK", "a OK");
	EXPECT(eight, "a OK [APPENDUID");
}

/* RFC 10022: every message in one batch, none left out, and the arguments. */
static void
test_uidbatches(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CAPABILITY\r\na UIDBATCHES 500\r\n", " UIDBATCHES", "a OK", "a BAD");
	EXPECT("a SELECT INBOX\r\na1 UIDBATCHES 500\r\n", "a OK", "* UIDBATCHES (TAG \"a1\")\r\na1 OK");
	EXPECT("a UIDBATCHES 500 1:3\r\n", "* UIDBATCHES (TAG \"a\")\r\na OK");
	for (int i = 0; i < 7; i++)
		say_append("INBOX", "", MSG);
	/* a mailbox with gaps: more messages than are in one batch, or two */
	for (uint32_t i = 0; i < 590; i++) {
		store.boxes[0].m[i] = store.boxes[0].m[0];
		store.boxes[0].m[i].uid = 10 + 3 * i;
	}
	store.boxes[0].count = 499;
	store.boxes[0].uidnext = 2000;
	EXPECT("a SELECT INBOX\r\na UIDBATCHES 500\r\n", "a OK", "* UIDBATCHES (TAG \"a\") 1504:1\r\na OK");
	store.boxes[0].count = 500;
	EXPECT("a SELECT INBOX\r\na UIDBATCHES 500\r\n", "a OK", "* UIDBATCHES (TAG \"a\") 1507:1\r\na OK");
	store.boxes[0].count = 501;
	EXPECT("a SELECT INBOX\r\na UIDBATCHES 500\r\n", "a OK", "* UIDBATCHES (TAG \"a\") 1510:13,12:1\r\na OK");
	store.boxes[0].count = 590;
	EXPECT("a SELECT INBOX\r\na ENABLE UIDONLY\r\na UIDBATCHES 500\r\n", "a OK", "a OK",
	    "* UIDBATCHES (TAG \"a\") 1777:280,279:1\r\na OK");
	EXPECT("a UIDBATCHES 500 1:1\r\n", " 1777:280\r\na OK");
	EXPECT("a UIDBATCHES 500 2:2\r\n", " 279:1\r\na OK");
	EXPECT("a UIDBATCHES 500 2:9\r\n", " 279:1\r\na OK");
	EXPECT("a UIDBATCHES 500 3:3\r\n", "* UIDBATCHES (TAG \"a\")\r\na OK");
	EXPECT("a UIDBATCHES 4294967295\r\n", " 1777:1\r\na OK");
	EXPECT("a UIDBATCHES 499\r\n", "a NO [TOOFEW]");
	EXPECT("a UIDBATCHES 500 1:200\r\n", " 1777:280,279:1\r\na OK");
	EXPECT("a UIDBATCHES 500 1:201\r\n", "a NO [TOOMANY]");
	EXPECT("a UIDBATCHES 4294967295 1:4294967295\r\n", "a NO [TOOMANY]");
	EXPECT("a UIDBATCHES 500 3:2\r\n", "a BAD [CLIENTBUG]");
	EXPECT("a UIDBATCHES\r\na UIDBATCHES x\r\na UIDBATCHES 0\r\na UIDBATCHES 500 2\r\n"
	    "a UIDBATCHES 500 2:\r\na UIDBATCHES 500 0:1\r\na UIDBATCHES 500 1:1 x\r\n"
	    "a UIDBATCHES 500 1:*\r\na UID UIDBATCHES 500\r\n",
	    "a BAD", "a BAD", "a BAD", "a BAD", "a BAD", "a BAD", "a BAD", "a BAD", "a BAD");
}

/* RFC 9585: what takes long says so, but not in the middle of a line. */
static void
test_in_progress(void **state)
{
	(void)state;
	say_login();
	say_append("INBOX", "", MSG);
	EXPECT("a CAPABILITY\r\n", " INPROGRESS", "a OK");
	buf_reset(&f.out);
	buf_put_str(&f.in, "tag1 SELECT INBOX\r\n");
	(void)fake_give(&f, buf_slice(&f.in));
	buf_reset(&f.in);
	assert_int_equal(f.deadline_ms, f.now_ms + IMAP_PROGRESS_MS);
	for (int i = 0; i < 2; i++) {
		f.now_ms = f.deadline_ms;
		imap_session_on_deadline(f.s);
		assert_int_equal(f.deadline_ms, f.now_ms + IMAP_PROGRESS_MS);
	}
	fake_run(&f);
	assert_slice(slice_head(buf_slice(&f.out), 110), "* OK [INPROGRESS (\"tag1\" NIL NIL)] Still at it\r\n"
	    "* OK [INPROGRESS (\"tag1\" NIL NIL)] Still at it\r\n* FLAGS (\\Answ");
	assert_true(say_has("tag1 OK"));
	assert_int_equal(f.deadline_ms, f.now_ms + shared.idle_ms);
	/* a client that does not read is not told, and given up at last */
	f.clog_at = 1;
	buf_reset(&f.out);
	fake_say(&f, "tag2 FETCH 1 BODY.PEEK[]\r\n");
	assert_true(say_has("* 1 FETCH ("));
	for (int i = 0; i < 1000 && !f.closed; i++) {
		assert_true(i < 200);
		f.now_ms = f.deadline_ms;
		imap_session_on_deadline(f.s);
		assert_true(f.closed || !say_has("INPROGRESS"));
	}
	assert_true(f.closed && f.now_ms >= shared.idle_ms);
}

/* A message may take longer than any answer of ours, but not stand still for long. */
static void
test_slow_append(void **state)
{
	uint64_t last_ms;

	(void)state;
	say_login();
	fake_say(&f, "a APPEND INBOX {1000}\r\n");
	assert_true(say_has("+ "));
	for (unsigned i = 0; i < 900; i++) {
		f.now_ms += IMAP_PROGRESS_MS;
		if (f.now_ms >= f.deadline_ms)
			imap_session_on_deadline(f.s);
		assert_false(f.closed);
		fake_say(&f, "x");
	}
	last_ms = f.now_ms;
	for (unsigned i = 0; i < 3 && !f.closed; i++) {
		f.now_ms = f.deadline_ms;
		imap_session_on_deadline(f.s);
	}
	assert_true(f.closed);
	assert_int_equal(f.now_ms, last_ms + shared.idle_ms);
}

/* RFC 4978 s3: one answer plain, then what is left of the input is no text. */
static void
test_compress(void **state)
{
	(void)state;
	EXPECT("a COMPRESS DEFLATE\r\n", "a BAD");
	say_login();
	EXPECT("a CAPABILITY\r\n", " COMPRESS=DEFLATE", "a OK");
	EXPECT("a COMPRESS LZ4\r\na COMPRESS\r\n", "a BAD", "a BAD");
	assert_false(f.compressed);
	EXPECT("a COMPRESS DEFLATE\r\nb NOOP\r\n", "a OK", "b OK");
	assert_true(f.compressed);
	EXPECT("a COMPRESS DEFLATE\r\na CAPABILITY\r\n", "a NO [COMPRESSIONACTIVE]", "a OK");
	assert_false(say_has("COMPRESS=DEFLATE"));
	/* RFC 8437 s4.1 */
	EXPECT("a UNAUTHENTICATE\r\n", "a OK");
	assert_false(f.compressed);
	say_login();
	shared.compress = false;
	EXPECT("a COMPRESS DEFLATE\r\na CAPABILITY\r\n", "a BAD", "a OK");
	assert_false(say_has("COMPRESS="));
}

static void
test_unauthenticate_off(void **state)
{
	(void)state;
	shared.unauthenticate = false;
	say_login();
	EXPECT("a CAPABILITY\r\n", "a OK");
	assert_false(say_has("UNAUTHENTICATE"));
	EXPECT("a UNAUTHENTICATE\r\n", "a BAD");
}

/* Only what came through the control socket knows XUIDS. */
static void
test_xuids(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CAPABILITY\r\n", "a OK");
	assert_false(say_has("XUIDS"));
	EXPECT("a XUIDS INBOX 7 40\r\n", "a BAD Unknown command");
	f.s->is_operator = true;
	EXPECT("a CAPABILITY\r\n", " XUIDS", "a OK");
	EXPECT("a XUIDS INBOX 7 40\r\na STATUS INBOX (UIDNEXT)\r\n", "a OK", "UIDNEXT 40)");
	EXPECT("a XUIDS none 7 40\r\na XUIDS INBOX 0 1\r\na XUIDS INBOX 1\r\n"
	    "a XUIDS INBOX 4294967296 1\r\na XUIDS INBOX 1 1 1\r\n",
	    "a NO", "a BAD", "a BAD", "a BAD", "a BAD");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_uidbatches),
		T(test_utf8),
		T(test_uidonly), T(test_literal_minus), T(test_unauthenticate),
		T(test_unauthenticate_off), T(test_compress), T(test_in_progress), T(test_slow_append),
		T(test_xuids),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
