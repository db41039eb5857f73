/* SPDX-License-Identifier: ISC */
/* Whole sessions against the account in memory of imap_fake. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_session.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG1 "From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject: First one\r\n" \
	"Date: Tue, 2 Jan 2024 10:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n\r\n" \
	"Hello Bob,\r\nthis is needle text.\r\n"
#define MSG2 "From: Eve <eve@e.example>\r\nSubject: Second\r\nMIME-Version: 1.0\r\n" \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\npart one\r\n" \
	"--b\r\nContent-Type: text/html\r\n\r\n<b>two</b>\r\n--b--\r\n"

static void
start(void)
{
	say_login();
	say_append("INBOX", "(\\Flagged) \"02-Jan-2024 10:00:00 +0000\" ", MSG1);
	say_append("INBOX", "", MSG2);
	EXPECT("s SELECT INBOX\r\n", "* FLAGS (", "[PERMANENTFLAGS (", "\\*)]", "* 2 EXISTS\r\n",
	    "* 2 RECENT\r\n", "[UNSEEN 1]", "[UIDVALIDITY 1000]", "[UIDNEXT 3]",
	    "s OK [READ-WRITE]");
}

/* ---- before login ---- */

static void
test_not_auth(void **state)
{
	(void)state;
	assert_true(say_has("* OK [CAPABILITY IMAP4rev1 "));
	assert_true(say_has("AUTH=PLAIN AUTH=LOGIN"));
	assert_false(say_has("STARTTLS"));
	EXPECT("a NOOP\r\nb CAPABILITY\r\n", "a OK", "* CAPABILITY IMAP4rev1", "b OK");
	EXPECT("c SELECT INBOX\r\n", "c BAD");
	EXPECT("d ID (\"name\" \"x\" \"v\" NIL)\r\n", "* ID (\"name\" \"Godwit\")", "d OK");
	EXPECT("\r\n", "* BAD");
	EXPECT("e\r\n", "e BAD");
	EXPECT("e FOO\r\n", "e BAD Unknown");
	EXPECT("e NOOP x\r\n", "e BAD");
	EXPECT("e LOGOUT\r\n", "* BYE", "e OK");
	assert_true(f.closed);
}

static void
test_plain_text(void **state)
{
	(void)state;
	fake_fini(&f);
	fake_init(&f, &shared, &store, false);
	assert_true(say_has("STARTTLS LOGINDISABLED"));
	assert_false(say_has("AUTH=PLAIN"));
	EXPECT("a LOGIN alice secret\r\n", "a NO [PRIVACYREQUIRED]");
	EXPECT("b AUTHENTICATE PLAIN\r\n", "b NO [PRIVACYREQUIRED]");
	EXPECT("c STARTTLS\r\nd NOOP\r\n", "c OK");
	assert_true(f.wants_tls);
	assert_false(say_has("d OK"));
	buf_reset(&f.in);
	imap_session_on_tls(f.s, "TLSv1.3");
	say_login();
}

/* auth_cleartext: as in TLS, but for what needs it. */
static void
test_cleartext(void **state)
{
	(void)state;
	shared.scram = true;
	fake_fini(&f);
	fake_init(&f, &shared, &store, false);
	f.s->takes_cleartext = true;
	EXPECT("a CAPABILITY\r\n", "STARTTLS AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256", "a OK");
	assert_false(say_has("LOGINDISABLED"));
	assert_false(say_has("-PLUS"));
	EXPECT("b AUTHENTICATE SCRAM-SHA-256-PLUS\r\n", "b NO");
	EXPECT("c AUTHENTICATE PLAIN AGFsaWNlAHdyb25n\r\n", "c NO [AUTHENTICATIONFAILED]");
	EXPECT("d LOGIN alice secret\r\n", "d OK [CAPABILITY");
	fake_fini(&f);
	fake_init(&f, &shared, &store, false);
	f.s->takes_cleartext = true;
	EXPECT("e AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n", "e OK [CAPABILITY");
	shared.scram = false;
}

static void
test_login_forms(void **state)
{
	(void)state;
	EXPECT("a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n", "a OK [CAPABILITY");
	EXPECT("b LOGIN alice secret\r\n", "b BAD Already");
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	EXPECT("a AUTHENTICATE PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\n", "+ \r\n", "a OK");
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	EXPECT("a AUTHENTICATE LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n", "+ VXNlcm5hbWU6", "+ UGFzc3dvcmQ6",
	    "a OK");
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	EXPECT("a LOGIN {5}\r\nalice {6+}\r\nsecret\r\n", "+ OK", "a OK");
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	EXPECT("a LOGIN \"ali\\\"ce\" secret\r\n", "a NO [AUTHENTICATIONFAILED]");
	EXPECT("a AUTHENTICATE PLAIN\r\n*\r\n", "a BAD");
	EXPECT("a AUTHENTICATE PLAIN !!!!\r\n", "a BAD");
	EXPECT("a AUTHENTICATE CRAM-MD5\r\n", "a NO");
	store.keyd_busy = true;
	EXPECT("a LOGIN alice secret\r\n", "a NO [UNAVAILABLE]");
	assert_false(f.closed);
}

static void
test_external(void **state)
{
	(void)state;
	EXPECT("a CAPABILITY\r\n", "a OK");
	assert_false(say_has("EXTERNAL"));
	EXPECT("a AUTHENTICATE EXTERNAL =\r\n", "a NO");
	f.certificate = "alice@a.example";
	EXPECT("a CAPABILITY\r\n", "AUTH=EXTERNAL", "a OK");
	EXPECT("a AUTHENTICATE EXTERNAL Ym9i\r\n", "a NO [AUTHENTICATIONFAILED]");
	EXPECT("a AUTHENTICATE EXTERNAL\r\n*\r\n", "a BAD");
	EXPECT("a AUTHENTICATE EXTERNAL AGFs\r\n", "a NO [AUTHENTICATIONFAILED]");
	EXPECT("a AUTHENTICATE EXTERNAL\r\n\r\n", "+ ", "a OK [CAPABILITY");
	assert_true(f.s->opens_nothing);
}

/* Whose fingerprint it is, keyd knows. */
static void
test_external_print(void **state)
{
	(void)state;
	f.print = "bob's";
	EXPECT("a CAPABILITY\r\n", "AUTH=EXTERNAL", "a OK");
	EXPECT("a AUTHENTICATE EXTERNAL =\r\n", "a NO [AUTHENTICATIONFAILED]");
	f.print = "alice's";
	EXPECT("a AUTHENTICATE EXTERNAL =\r\n", "a OK [CAPABILITY");
	assert_true(f.s->opens_nothing);
}

static void
test_scram(void **state)
{
	(void)state;
	shared.scram = true;
	EXPECT("a CAPABILITY\r\n", "AUTH=SCRAM-SHA-256", "a OK");
	EXPECT("a AUTHENTICATE SCRAM-SHA-256\r\nbiwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n"
	    "Yz1iaXdzLHI9MTIzNDU2NzhzZXJ2ZXIscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n\r\n",
	    "+ cj0xMjM0NTY3OHNlcnZlcixzPWMyRnNkQT09LGk9NDA5Ng==", "+ dj1jMmxuYm1GMGRYSmw=", "a OK [CAPABILITY");
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	EXPECT("a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n"
	    "Yz1iaXdzLHI9MTIzNDU2NzhzZXJ2ZXIscD1BUUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n", "+ ", "a NO [AUTHENTICATIONFAILED]");
	EXPECT("a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n"
	    "Yz1iaXdzLHI9MTIzNDU2NzhzZXJ2ZXIscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n*\r\n", "+ dj1jMmxuYm1GMGRYSmw=", "a BAD");
	EXPECT("a NOOP\r\n", "a OK");
	EXPECT("b SELECT INBOX\r\n", "b BAD");
	EXPECT("a AUTHENTICATE SCRAM-SHA-256 aGVsbG8=\r\n", "a BAD");
	EXPECT("a AUTHENTICATE SCRAM-SHA-256-PLUS\r\n", "a NO");
	store.keyd_busy = true;
	EXPECT("a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPTEyMzQ1Njc4\r\n", "a NO [UNAVAILABLE]");
	store.keyd_busy = false;
	shared.scram = false;
	EXPECT("a AUTHENTICATE SCRAM-SHA-256\r\n", "a NO");
}

static void
test_capabilities(void **state)
{
	(void)state;
	assert_true(say_has("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ "));
	assert_false(say_has("STARTTLS") || say_has("LOGINDISABLED") || say_has("IDLE"));
	say_login();
	EXPECT("a CAPABILITY\r\n", "* CAPABILITY IMAP4rev1", " ENABLE", " IDLE", "a OK");
	assert_false(say_has(" AUTH=") || say_has("STARTTLS") || say_has("  "));
	/* RFC 5161 s3.1: what is not known is passed over */
	EXPECT("a ENABLE X-FOO NOOP\r\n", "* ENABLED\r\na OK");
	EXPECT("a ENABLE\r\n", "a BAD");
	EXPECT("a ENABLE \r\n", "a BAD");
	EXPECT("a ENABLE \"X\"\r\n", "a BAD");
}

static void
test_three_tries(void **state)
{
	(void)state;
	EXPECT("a LOGIN alice no\r\n", "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n");
	EXPECT("a LOGIN nobody no\r\n", "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n");
	assert_false(f.closed);
	EXPECT("a LOGIN alice no\r\n", "a NO", "* BYE");
	assert_true(f.closed);
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	/* a pre-login literal at the limit and above */
	EXPECT("a LOGIN {4096}\r\n", "+ OK");
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 4096; i++)
		buf_put_char(&b, 'u');
	buf_put_str(&b, " x\r\n");
	fake_say_bytes(&f, buf_slice(&b));
	assert_true(say_has("a NO [AUTHENTICATIONFAILED]"));
	EXPECT("a LOGIN {4097}\r\nb NOOP\r\n", "a BAD [TOOBIG]", "b OK");
	EXPECT("a LOGIN {4097+}\r\n", "a BAD [TOOBIG]");
	buf_reset(&b);
	for (int i = 0; i < 4097; i++)
		buf_put_char(&b, 'u');
	buf_put_str(&b, " x\r\nb NOOP\r\n");
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	assert_slice(buf_slice(&f.out), "b OK Noop completed\r\n");
	/* too much to swallow */
	EXPECT("a LOGIN {70000+}\r\n", "a BAD [TOOBIG]", "* BYE");
	assert_true(f.closed);
	buf_fini(&b);
}

static void
test_long_line(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (unsigned n = IMAP_LINE_MAX; n <= IMAP_LINE_MAX + 2; n++) {
		buf_reset(&b);
		buf_put_str(&b, "t NOOP ");
		while (b.n < n - 1)
			buf_put_char(&b, 'x');
		buf_put_str(&b, "\r\nn NOOP\r\n");
		buf_reset(&f.out);
		fake_say_bytes(&f, buf_slice(&b));
		assert_int_equal(say_has("t BAD [LIMIT]"), n > IMAP_LINE_MAX);
		assert_true(say_has("t BAD"));
		assert_true(say_has("n OK"));
	}
	buf_fini(&b);
}

static void
test_too_many_errors(void **state)
{
	(void)state;
	say_login();
	for (int i = 0; i < IMAP_ERRORS_MAX - 1; i++)
		EXPECT("x FOO\r\n", "x BAD");
	assert_false(f.closed);
	EXPECT("x FOO\r\n", "x BAD", "* BYE Too many errors");
	assert_true(f.closed);
}

static void
test_prelogin_commands(void **state)
{
	(void)state;
	for (int i = 0; i < IMAP_PRELOGIN_MAX; i++)
		EXPECT("x NOOP\r\n", "x OK");
	EXPECT("x NOOP\r\n", "* BYE");
}

static void
test_deadlines(void **state)
{
	(void)state;
	assert_int_equal(f.deadline_ms, f.now_ms + shared.login_ms);
	say_login();
	assert_int_equal(f.deadline_ms, f.now_ms + shared.idle_ms);
	EXPECT("i IDLE\r\n", "+ ");
	assert_int_equal(f.deadline_ms, f.now_ms + shared.keepalive_ms);
	f.now_ms = f.deadline_ms;
	buf_reset(&f.out);
	imap_session_on_deadline(f.s);
	assert_true(say_has("* OK Still here"));
	f.now_ms += shared.idle_ms;
	imap_session_on_deadline(f.s);
	assert_true(say_has("* BYE"));
}

/* ---- mailboxes ---- */

static void
test_mailboxes(void **state)
{
	(void)state;
	say_login();
	EXPECT("a CREATE a/b/\r\n", "a OK");
	EXPECT("a CREATE a/b\r\n", "a NO [ALREADYEXISTS]");
	EXPECT("a CREATE inbox\r\n", "a NO [ALREADYEXISTS]");
	EXPECT("a CREATE \"x*\"\r\n", "a NO [CANNOT]");
	EXPECT("a CREATE Entw&APw-rfe\r\n", "a OK");
	EXPECT("a LIST \"\" *\r\n", "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe\"\r\n",
	    "\"INBOX\"", "\"a/b\"", "a OK");
	EXPECT("a LIST \"\" \"\"\r\n", "* LIST (\\Noselect) \"/\" \"\"\r\n", "a OK");
	EXPECT("a LIST a/ %\r\n", "\"a/b\"", "a OK");
	assert_false(say_has("INBOX"));
	EXPECT("a SUBSCRIBE a/b\r\n", "a OK");
	EXPECT("a LSUB \"\" *\r\n", "* LSUB () \"/\" \"a/b\"\r\n", "a OK");
	EXPECT("a LSUB \"\" %\r\n", "* LSUB (\\Noselect) \"/\" \"a\"\r\n", "a OK");
	EXPECT("a UNSUBSCRIBE a/b\r\nb LSUB \"\" *\r\n", "a OK", "b OK");
	assert_false(say_has("* LSUB"));
	EXPECT("a RENAME a/b c\r\n", "a OK");
	EXPECT("a STATUS c (MESSAGES UIDNEXT UNSEEN UIDVALIDITY RECENT)\r\n",
	    "* STATUS \"c\" (MESSAGES 0 UIDNEXT 1 UNSEEN 0 UIDVALIDITY 1000 RECENT 0)\r\n", "a OK");
	EXPECT("a STATUS c ()\r\n", "a BAD");
	EXPECT("a STATUS nope (MESSAGES)\r\n", "a NO [NONEXISTENT]");
	EXPECT("a DELETE c\r\n", "a OK");
	EXPECT("a DELETE INBOX\r\n", "a NO [CANNOT]");
	EXPECT("a SELECT c\r\n", "a NO [NONEXISTENT]");
	EXPECT("a NAMESPACE\r\n", "* NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\")) NIL\r\n", "a OK");
}

/* ---- messages ---- */

static void
test_fetch(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 1 (FLAGS UID RFC822.SIZE INTERNALDATE)\r\n",
	    "* 1 FETCH (FLAGS (\\Flagged \\Recent) UID 1 RFC822.SIZE 167 "
	    "INTERNALDATE \" 2-Jan-2024 10:00:00 +0000\")\r\n", "a OK");
	EXPECT("a FETCH 1 ENVELOPE\r\n", "* 1 FETCH (ENVELOPE (\"Tue, 2 Jan 2024",
	    "\"First one\"", "((\"Ann\" NIL \"ann\" \"a.example\"))", "a OK");
	EXPECT("a FETCH 1:* BODYSTRUCTURE\r\n", "* 1 FETCH (BODYSTRUCTURE (\"text\" \"plain\"",
	    "* 2 FETCH (BODYSTRUCTURE (", "\"mixed\"", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "* 1 FETCH (BODY[] {167}\r\n" MSG1 ")\r\n", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[]<6.3>\r\n", "BODY[]<6> {3}\r\nAnn)\r\n", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[]<9999.3>\r\n", "BODY[]<9999> {0}\r\n)\r\n", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[TEXT]\r\n",
	    "BODY[TEXT] {34}\r\nHello Bob,\r\nthis is needle text.\r\n)\r\n", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT X-No)]\r\n",
	    "BODY[HEADER.FIELDS (SUBJECT X-No)] {22}\r\nSubject: First one\r\n\r\n)\r\n", "a OK");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From To Date Message-ID)]\r\n",
	    " {22}\r\nSubject: First one\r\n\r\n)\r\n", "a OK");
	EXPECT("a FETCH 2 (BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[2] BODY.PEEK[3] UID)\r\n",
	    "BODY[1] {8}\r\npart one BODY[2.MIME] {27}\r\nContent-Type: text/html\r\n\r\n "
	    "BODY[2] {10}\r\n<b>two</b> BODY[3] NIL UID 2)\r\n", "a OK");
	/* not by PEEK: \Seen, once */
	EXPECT("a FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {167}\r\n",
	    " FLAGS (\\Flagged \\Seen \\Recent))\r\n", "a OK");
	assert_int_equal(store.boxes[0].m[0].flags, STORE_FLAGGED | STORE_SEEN);
	EXPECT("a NOOP\r\n", "a OK");
	assert_false(say_has("FETCH"));
	EXPECT("a UID FETCH 2 FLAGS\r\n", "* 2 FETCH (UID 2 FLAGS (\\Recent))\r\n", "a OK");
	EXPECT("a UID FETCH 9:* FLAGS\r\n", "* 2 FETCH (UID 2 ", "a OK");
	EXPECT("a UID FETCH 77 FLAGS\r\n", "a OK");
	EXPECT("a FETCH 3 FLAGS\r\n", "a BAD");
	EXPECT("a FETCH 1 FOO\r\n", "a BAD");
	EXPECT("a FETCH 1 FULL\r\n", "* 1 FETCH (FLAGS (", "INTERNALDATE", "RFC822.SIZE 167",
	    "ENVELOPE", "BODY (", "a OK");
	EXPECT("a FETCH 1 RFC822.HEADER\r\n", "RFC822.HEADER {133}\r\nFrom:", "a OK");
}

/* A message that came without a summary is parsed, and has one then. */
static void
test_no_summary(void **state)
{
	(void)state;
	start();
	buf_reset(&store.contents[1].summary);
	EXPECT("a FETCH 2 (ENVELOPE BODY.PEEK[2])\r\n", "\"Second\"", "<b>two</b>)\r\n", "a OK");
	assert_true(store.contents[1].summary.n > 0);
	/* one that does not open is made again as well */
	buf_data(&store.contents[1].summary)[30] ^= 1;
	EXPECT("a FETCH 2 ENVELOPE\r\n", "\"Second\"", "a OK");
}

static void
test_damaged(void **state)
{
	(void)state;
	start();
	/* the key's wrap: left out, the others are told */
	store.contents[0].wrapped[20] ^= 1;
	EXPECT("a FETCH 1:2 ENVELOPE\r\n", "* 2 FETCH (ENVELOPE", "a NO [CORRUPTION]");
	assert_false(say_has("* 1 FETCH"));
	store.contents[0].wrapped[20] ^= 1;
	/* the body, found out while its literal is being sent */
	buf_data(&store.contents[1].body)[60] ^= 1;
	EXPECT("a FETCH 2 BODY.PEEK[]\r\n", "");
	assert_true(f.closed);
	assert_false(say_has("a OK") || say_has("a NO"));
}

/* What was read ahead for messages that do not open is not the next ones'. */
static void
test_damaged_read_ahead(void **state)
{
	char *large = malloc(400001);
	uint32_t x = 1;

	(void)state;
	say_login();
	for (int i = 0; i < 12; i++)
		say_append("INBOX", "", MSG1);
	for (int i = 0; i < 10; i++)
		store.contents[i].wrapped[20] ^= 1;
	EXPECT("s SELECT INBOX\r\n", "s OK");
	EXPECT("a FETCH 1:* BODY.PEEK[]\r\n", "* 11 FETCH (BODY[]", "* 12 FETCH (BODY[]",
	    "a NO [CORRUPTION]");
	/* the same for the pieces of a large one */
	for (int i = 0; i < 400000; i++) {
		x = x * 1664525 + 1013904223;
		large[i] = i % 70 == 69 ? '\n' : "abcdefghijklmnopqrstuvwxyz0123456789+/"[(x >> 16) % 38];
	}
	memcpy(large, "A: b\n\n", 6);
	large[400000] = '\0';
	say_append("INBOX", "", large);
	for (int i = 0; i < 3; i++)
		say_append("INBOX", "", large);
	for (int i = 12; i < 16; i++)
		buf_reset(&store.contents[i].summary);
	buf_data(&store.contents[12].body)[60000] ^= 1;
	EXPECT("s SELECT INBOX\r\n", "s OK");
	EXPECT("b FETCH 13:* (UID BODYSTRUCTURE)\r\n", "* 14 FETCH", "* 15 FETCH", "* 16 FETCH",
	    "b NO [CORRUPTION]");
	free(large);
}

/* 3 MB: through a file in, chunk by chunk out, with a client that is slow. */
static void
test_large(void **state)
{
	struct buf msg, say;
	uint32_t x = 1;

	(void)state;
	shared.message_max = 4u << 20;
	say_login();
	buf_init(&msg, 8u << 20);
	buf_init(&say, 8u << 20);
	buf_put_str(&msg, "Subject: large\r\n\r\n");
	while (msg.n < (3u << 20)) {
		for (int i = 0; i < 72; i++) {
			x = x * 1664525 + 1013904223;
			buf_put_char(&msg, "abcdefghijklmnopqrstuvwxyz0123456789+/"[(x >> 16) % 38]);
		}
		buf_put_str(&msg, "\r\n");
	}
	say_append("INBOX", "", buf_cstr(&msg));
	EXPECT("s SELECT INBOX\r\n", "s OK");
	f.clog_at = 100000;
	buf_reset(&f.out);
	fake_say(&f, "a FETCH 1 BODY.PEEK[]\r\n");
	for (int i = 0; i < 1000 && say.n < msg.n + 60 && !f.closed; i++) {
		assert_true(f.out.n < 400000);
		buf_put_slice(&say, buf_slice(&f.out));
		buf_reset(&f.out);
		imap_session_on_drained(f.s);
		fake_run(&f);
	}
	buf_put_slice(&say, buf_slice(&f.out));
	assert_true(slice_search(buf_slice(&say), buf_slice(&msg)) < 60);
	assert_true(slice_ends(buf_slice(&say), ")\r\na OK Fetch completed\r\n"));
	/* a part of it needs few pieces */
	f.clog_at = 0;
	EXPECT("a FETCH 1 BODY.PEEK[]<2000000.10>\r\n", "BODY[]<2000000> {10}\r\n", ")\r\na OK");
	buf_fini(&msg);
	buf_fini(&say);
}

static void
test_append(void **state)
{
	struct buf b;

	(void)state;
	say_login();
	EXPECT("a APPEND nope {5}\r\n", "a NO [TRYCREATE]");
	EXPECT("a APPEND nope {5+}\r\nhello\r\nb NOOP\r\n", "a NO [TRYCREATE]", "b OK");
	EXPECT("a APPEND INBOX (\\Recent) {5+}\r\nhello\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX {5}\r\n", "+ OK");
	EXPECT("a: b\n\r\n", "a OK [APPENDUID 1000 1]");
	EXPECT("a APPEND {5}\r\nINBOX {0}\r\n", "+ OK", "a NO [CANNOT]");
	EXPECT("a APPEND INBOX\r\n", "a BAD");
	EXPECT("a APPEND INBOX {5+}\r\nhello x\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX {5+}\r\nhello {3+}\r\nabc x\r\nb NOOP\r\n", "a BAD", "b OK");
	buf_reset(&f.out);
	fake_say_bytes(&f, slice_of("a APPEND INBOX {5+}\r\nhe\0lo\r\nb NOOP\r\n", 36));
	assert_true(say_has("a BAD NUL") && say_has("b OK"));
	/* the limit, and one more */
	shared.message_max = 1000;
	EXPECT("a APPEND INBOX {1001}\r\nb NOOP\r\n", "a NO [TOOBIG]", "b OK");
	buf_init(&b, 10000);
	buf_put_str(&b, "a APPEND INBOX {1001+}\r\n");
	for (int i = 0; i < 1001; i++)
		buf_put_char(&b, 'x');
	buf_put_str(&b, "\r\nb NOOP\r\n");
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	assert_true(say_has("a NO [TOOBIG]") && say_has("b OK"));
	EXPECT("a APPEND INBOX {1000}\r\n", "+ OK");
	buf_consume(&b, strlen("a APPEND INBOX {1001+}\r\n") + 1);
	buf_reset(&f.out);
	fake_say_bytes(&f, buf_slice(&b));
	assert_true(say_has("a OK [APPENDUID 1000 2]") && say_has("b OK"));
	buf_fini(&b);
}

static void
test_store(void **state)
{
	(void)state;
	start();
	EXPECT("a STORE 1 +FLAGS (\\Seen)\r\n",
	    "* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))\r\na OK");
	EXPECT("a STORE 1 FLAGS.SILENT (\\Answered)\r\n", "a OK");
	assert_false(say_has("FETCH"));
	EXPECT("a STORE 1:2 -FLAGS \\Answered\r\n", "* 1 FETCH (FLAGS (\\Recent))\r\n",
	    "* 2 FETCH (FLAGS (\\Recent))\r\na OK");
	/* a new keyword: FLAGS first, then the rows */
	EXPECT("a UID STORE 2 +FLAGS ($Label)\r\n", "* FLAGS (", "$Label)\r\n",
	    "* 2 FETCH (UID 2 FLAGS ($Label \\Recent))\r\n", "a OK");
	EXPECT("a UID STORE 2 FLAGS ()\r\n", "* 2 FETCH (UID 2 FLAGS (\\Recent))\r\n", "a OK");
	/* .SILENT is not silent on what another session did */
	store.boxes[0].m[0].flags |= STORE_DRAFT;
	store.boxes[0].m[0].modseq = store.boxes[0].modseq = ++store.modseq;
	EXPECT("a STORE 1:2 +FLAGS.SILENT \\Seen\r\n", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Draft",
	    "a OK");
	assert_false(say_has("* 2 FETCH"));
	EXPECT("a NOOP\r\n", "a OK");
	assert_false(say_has("FETCH"));
	/* in slices, and with another's change since */
	say_append("INBOX", "", MSG1);
	EXPECT("a NOOP\r\n", "a OK");
	store.page_rows = 1;
	EXPECT("a STORE 1:3 -FLAGS.SILENT \\Seen\r\na NOOP\r\n", "a OK", "a OK");
	assert_false(say_has("FETCH"));
	store.boxes[0].m[2].flags |= STORE_DRAFT;
	store.boxes[0].m[2].modseq = store.boxes[0].modseq = ++store.modseq;
	EXPECT("a STORE 1:2 +FLAGS.SILENT \\Seen\r\n", "* 3 FETCH (UID 3 FLAGS (\\Draft", "a OK");
	assert_false(say_has("* 1 FETCH"));
	assert_false(say_has("* 2 FETCH"));
	store.page_rows = 1000;
	EXPECT("a STORE 9 +FLAGS \\Seen\r\n", "a BAD");
	EXPECT("a EXAMINE INBOX\r\n", "a OK [READ-ONLY]");
	EXPECT("a STORE 1 +FLAGS \\Seen\r\n", "a NO [READ-ONLY]");
	EXPECT("a FETCH 2 BODY[]\r\n", "a OK");
	assert_false(say_has("FLAGS"));
}

static void
test_expunge(void **state)
{
	(void)state;
	start();
	say_append("INBOX", "", MSG1);
	EXPECT("a NOOP\r\n", "a OK");
	EXPECT("a STORE 1,3 +FLAGS.SILENT \\Deleted\r\n", "a OK");
	EXPECT("a UID EXPUNGE 3\r\n", "* 3 EXPUNGE\r\n", "a OK");
	EXPECT("a EXPUNGE\r\n", "* 1 EXPUNGE\r\n", "a OK");
	EXPECT("a FETCH 1 UID\r\n", "* 1 FETCH (UID 2)\r\n");
	EXPECT("a EXPUNGE 1\r\n", "a BAD");
	EXPECT("a STORE 1 +FLAGS.SILENT \\Deleted\r\na UNSELECT\r\n", "a OK", "a OK");
	EXPECT("a SELECT INBOX\r\na CLOSE\r\n", "* 1 EXISTS", "a OK", "a OK");
	assert_false(say_has("EXPUNGE"));
	EXPECT("a EXPUNGE\r\n", "a BAD No mailbox");
	EXPECT("a SELECT INBOX\r\n", "* 0 EXISTS");
	EXPECT("a FETCH 1:* FLAGS\r\n", "a BAD");
	EXPECT("a SEARCH ALL\r\n", "* SEARCH\r\na OK");
}

/* RFC 3501 s7.4.1: EXPUNGE waits while sequence numbers are in use. */
static void
test_pending(void **state)
{
	struct fake other;

	(void)state;
	start();
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	fake_say(&other, "d STORE 1 +FLAGS (\\Deleted)\r\ne EXPUNGE\r\n");
	EXPECT("a FETCH 2 UID\r\n", "* 2 FETCH (UID 2)\r\na OK");
	assert_false(say_has("EXPUNGE"));
	/* gone, but it still has its number and can be read */
	EXPECT("a FETCH 1 (UID BODY.PEEK[])\r\n", "* 1 FETCH (UID 1 BODY[] {167}", "a OK");
	EXPECT("a SEARCH SUBJECT second\r\n", "* SEARCH 2\r\n", "a OK");
	assert_false(say_has("EXPUNGE"));
	EXPECT("a NOOP\r\n", "* 1 EXPUNGE\r\n", "a OK");
	EXPECT("a FETCH 1 UID\r\n", "* 1 FETCH (UID 2)\r\na OK");
	fake_fini(&other);
}

static void
test_copy_move(void **state)
{
	(void)state;
	start();
	EXPECT("a COPY 1:2 x\r\n", "a NO [TRYCREATE]");
	EXPECT("a CREATE x\r\nb COPY 1:2 x\r\n", "a OK", "b OK [COPYUID 1000 1,2 1,2]");
	EXPECT("a UID MOVE 2 x\r\n", "* OK [COPYUID 1000 2 3]", "* 2 EXPUNGE\r\n", "a OK Move");
	EXPECT("a SELECT x\r\n", "* 3 EXISTS");
	EXPECT("a FETCH 3 BODY.PEEK[TEXT]\r\n", "part one", "a OK");
	EXPECT("a UID COPY 77 INBOX\r\n", "a OK No messages");
}

static void
test_search(void **state)
{
	(void)state;
	start();
	EXPECT("a SEARCH ALL\r\n", "* SEARCH 1 2\r\na OK");
	EXPECT("a UID SEARCH FLAGGED\r\n", "* SEARCH 1\r\na OK");
	EXPECT("a SEARCH FROM eve SUBJECT SEC\r\n", "* SEARCH 2\r\na OK");
	EXPECT("a SEARCH BODY needle\r\n", "* SEARCH 1\r\na OK");
	EXPECT("a SEARCH TEXT ann@\r\n", "* SEARCH 1\r\na OK");
	EXPECT("a SEARCH BODY ann@\r\n", "* SEARCH\r\na OK");
	EXPECT("a SEARCH OR BODY needle HEADER Content-Type mixed\r\n", "* SEARCH 1 2\r\na OK");
	EXPECT("a SEARCH HEADER X-None \"\"\r\n", "* SEARCH\r\na OK");
	EXPECT("a SEARCH SENTON 2-Jan-2024\r\n", "* SEARCH 1\r\na OK");
	EXPECT("a SEARCH BEFORE 3-Jan-2024\r\n", "* SEARCH 1\r\na OK");
	EXPECT("a SEARCH UID 9:*\r\n", "* SEARCH 2\r\na OK");
	EXPECT("a SEARCH 2 NOT DELETED\r\n", "* SEARCH 2\r\na OK");
	EXPECT("a SEARCH CHARSET x-foo ALL\r\n", "a NO [BADCHARSET (US-ASCII UTF-8)]");
	EXPECT("a SEARCH FOO\r\n", "a BAD");
	buf_reset(&store.contents[1].summary);
	EXPECT("a SEARCH SUBJECT second\r\n", "* SEARCH 2\r\na OK");
}

static void
test_idle(void **state)
{
	struct fake other;

	(void)state;
	start();
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
	EXPECT("i IDLE\r\n", "+ idling");
	assert_int_equal(f.watched, 1);
	fake_say(&other, "d STORE 1 +FLAGS (\\Deleted)\r\ne EXPUNGE\r\n");
	buf_reset(&f.out);
	imap_session_on_notify(f.s, f.s->handle, 99);
	fake_run(&f);
	assert_int_equal(f.out.n, 0);
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
	assert_true(say_has("* 1 EXPUNGE\r\n"));
	buf_reset(&f.out);
	fake_say(&f, "DONE\r\nn NOOP\r\n");
	assert_true(say_has("i OK") && say_has("n OK"));
	/* what came before it, behind the "+" */
	fake_say(&other, "f APPEND INBOX {5+}\r\na: b\n\r\n");
	buf_reset(&f.out);
	fake_say(&f, "i IDLE\r\n");
	assert_true(slice_starts(buf_slice(&f.out), "+ idling\r\n* 2 EXISTS\r\n"));
	fake_say(&f, "DONE\r\n");
	assert_int_equal(f.watched, 0);
	EXPECT("i IDLE\r\nfoo\r\n", "i BAD");
	fake_fini(&other);
}

/* Many rows over many pages. */
static void
test_pages(void **state)
{
	struct slice rest;
	unsigned lines = 0;

	(void)state;
	say_login();
	for (int i = 0; i < 300; i++)
		say_append("INBOX", "", i % 2 == 0 ? MSG1 : MSG2);
	EXPECT("s SELECT INBOX\r\n", "* 300 EXISTS");
	store.page_rows = 7;
	buf_reset(&f.out);
	fake_say(&f, "a FETCH 1:* (UID ENVELOPE BODY.PEEK[])\r\n");
	assert_true(say_has("a OK"));
	for (rest = buf_slice(&f.out); rest.n > 0; lines++) {
		char want[64];
		size_t at;

		(void)snprintf(want, sizeof(want), "* %u FETCH (UID %u ENVELOPE", lines + 1,
		    lines + 1);
		at = slice_search(rest, slice_str(want));
		if (at == rest.n)
			break;
		rest = slice_from(rest, at + 1);
	}
	assert_int_equal(lines, 300);
	EXPECT("a STORE 1:* +FLAGS.SILENT \\Seen\r\n", "a OK");
	assert_false(say_has("FETCH"));
	EXPECT("a SEARCH SEEN SUBJECT first NOT 3:299\r\n", "* SEARCH 1\r\n");
}

/* The store goes and comes: commands say so, the session lives. */
static void
test_store_restart(void **state)
{
	(void)state;
	start();
	EXPECT("i IDLE\r\n", "+ idling");
	store.down = true;
	imap_session_on_store_left(f.s);
	fake_run(&f);
	EXPECT("DONE\r\na FETCH 1 FLAGS\r\n", "i OK", "a NO [UNAVAILABLE]");
	EXPECT("a NOOP\r\n", "a OK");
	/* the new one cannot check tokens yet: commands wait */
	store.down = false;
	store.no_token_key = 2;
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	EXPECT("w FETCH 1 FLAGS\r\n", "");
	assert_int_equal(f.out.n, 0);
	assert_true(imap_session_retry(f.s));
	fake_run(&f);
	assert_true(imap_session_retry(f.s));
	fake_run(&f);
	assert_true(say_has("w OK"));
	assert_false(imap_session_retry(f.s));
	EXPECT("a FETCH 1 FLAGS\r\n", "* 1 FETCH (FLAGS", "a OK");
	assert_false(f.closed);
}

/* A record that is broken is not asked for again and again: the user hears of it. */
static void
test_relogin_is_corrupt(void **state)
{
	(void)state;
	start();
	store.login_error = ERR_CORRUPT;
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_false(imap_session_retry(f.s));
	assert_true(say_has("* BYE [UNAVAILABLE]"));
	assert_true(f.closed);
}

/* A login that cannot be asked for is not forgotten, nor is what waits for it. */
static void
test_relogin_is_late(void **state)
{
	(void)state;
	start();
	store.down = true;
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	EXPECT("w FETCH 1 FLAGS\r\n", "");
	assert_int_equal(f.out.n, 0);
	assert_true(imap_session_retry(f.s));
	store.down = false;
	assert_true(imap_session_retry(f.s));
	fake_run(&f);
	assert_true(say_has("w OK"));
	assert_false(imap_session_retry(f.s));
	/* gone again before it could say yes */
	store.no_token_key = 1;
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	EXPECT("x FETCH 1 FLAGS\r\n", "");
	assert_int_equal(f.out.n, 0);
	imap_session_on_store_left(f.s);
	fake_run(&f);
	assert_true(say_has("x NO [UNAVAILABLE]"));
}

/* A UID that was told is known, although the report of it failed. */
static void
test_report_fails(void **state)
{
	(void)state;
	start();
	for (unsigned uid = 3; uid < 6; uid++) {
		store.no_sync = 1;
		EXPECT("a APPEND INBOX {6+}\r\nA: b\r\n\r\n", "a OK [APPENDUID 1000 ");
		assert_false(say_has("EXISTS"));
		if (uid == 3)
			EXPECT("b UID STORE 3 +FLAGS (\\Deleted)\r\n", "* 3 EXISTS\r\n",
			    "* 3 FETCH (UID 3 FLAGS (\\Deleted", "b OK");
		else if (uid == 4)
			EXPECT("b UID COPY 4 INBOX\r\n", "* 4 EXISTS\r\n", "b OK [COPYUID ");
	}
	/* Also when the command before it found no store at all. */
	store.down = true;
	EXPECT("c NOOP\r\n", "c OK");
	store.down = false;
	EXPECT("d UID FETCH 6 UID\r\n", "* 6 FETCH (UID 6)", "d OK");
	/* While it still fails, so does what would pass the UID over. */
	store.no_sync = 2;
	EXPECT("e APPEND INBOX {6+}\r\nA: b\r\n\r\n", "e OK [APPENDUID 1000 7]");
	EXPECT("f UID EXPUNGE 3,7\r\n", "f NO [UNAVAILABLE]");
	EXPECT("g UID EXPUNGE 3,7\r\n", "* 3 EXPUNGE\r\n", "g OK");
	assert_false(f.s->view.behind);
}

/* An idle client is not left without what could not be reported. */
static void
test_idle_report_fails(void **state)
{
	struct fake other;

	(void)state;
	start();
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\n");
	EXPECT("i IDLE\r\n", "+ idling");
	fake_say(&other, "a APPEND INBOX {6+}\r\nA: b\r\n\r\n");
	store.no_sync = 1;
	buf_reset(&f.out);
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
	assert_int_equal(f.out.n, 0);
	f.now_ms = f.deadline_ms;
	imap_session_on_deadline(f.s);
	fake_run(&f);
	assert_true(say_has("* OK Still here\r\n") && say_has("* 3 EXISTS\r\n"));
	EXPECT("DONE\r\n", "i OK");
	fake_fini(&other);
}

/* keyd counts sessions by tokens: one that opened nothing is given back. */
static void
test_token_given_back(void **state)
{
	(void)state;
	store.down = true;
	EXPECT("a LOGIN alice secret\r\n", "a NO [UNAVAILABLE]");
	assert_int_equal(f.tokens_back, 1);
	store.down = false;
	store.no_token_key = 1;
	EXPECT("a LOGIN alice secret\r\n", "a NO [UNAVAILABLE]");
	assert_int_equal(f.tokens_back, 2);
	say_login();
	assert_int_equal(f.tokens_back, 2);
	imap_session_drop_token(f.s);
	imap_session_drop_token(f.s);
	assert_int_equal(f.tokens_back, 3);
}

/* Nobody waits for a login when the session has said BYE. */
static void
test_bye_during_login(void **state)
{
	(void)state;
	(void)fake_give(&f, SLICE_LIT("a LOGIN alice secret\r\n"));
	assert_false(list_is_empty(&f.calls));
	imap_session_on_deadline(f.s);
	assert_true(say_has("* BYE"));
	assert_true(list_is_empty(&f.s->calls));
	fake_run(&f);
	assert_int_equal(f.s->token_bytes, 0);
}

/* A handle of the old store is somebody else's at the new one. */
static void
test_stale_handle(void **state)
{
	(void)state;
	(void)fake_give(&f, SLICE_LIT("a LOGIN alice secret\r\n"));
	assert_true(fake_step(&f));
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_true(say_has("a NO [UNAVAILABLE]"));
	assert_int_equal(f.s->handle, 0);
	say_login();
	/* the same for a session that logs in again by itself */
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	imap_session_on_store_left(f.s);
	assert_true(fake_step(&f));
	assert_int_equal(f.s->handle, 0);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	EXPECT("b NOOP\r\n", "b OK");
	assert_int_equal(f.s->handle, 3);
}

/* Epoch and file of the old store mean nothing to the new one. */
static void
test_append_across_restart(void **state)
{
	static char part[30000];
	size_t kept;

	(void)state;
	say_login();
	memset(part, 'x', sizeof(part));
	part[0] = '\n';
	for (int i = 0; i < 2; i++) {
		fake_say(&f, "a APPEND INBOX {90000+}\r\n");
		for (int k = 0; k < 2 + i; k++)
			fake_say_bytes(&f, slice_of(part, sizeof(part)));
		imap_session_on_store_left(f.s);
		sealer_forget(shared.sealer);
		imap_session_on_store_joined(f.s);
		fake_run(&f);
		for (int k = 2 + i; k < 3; k++)
			fake_say_bytes(&f, slice_of(part, sizeof(part)));
		kept = store.content_count;
		EXPECT("\r\nb NOOP\r\n", "a NO [UNAVAILABLE]", "b OK");
		assert_int_equal(store.content_count, kept);
		say_append("INBOX", "", MSG1);
	}
	/* an epoch that the old store still gave is not used */
	sealer_forget(shared.sealer);
	(void)fake_give(&f, SLICE_LIT("a APPEND INBOX {6}\r\n"));
	assert_true(fake_step(&f));
	imap_session_on_store_left(f.s);
	sealer_forget(shared.sealer);
	imap_session_on_store_joined(f.s);
	kept = store.next_epoch;
	EXPECT("", "a NO [UNAVAILABLE]");
	say_append("INBOX", "", MSG1);
	assert_int_equal(store.next_epoch, kept + 2);
	/* the store forgot the epoch: this message fails, the next has another */
	store.no_epoch = 1;
	EXPECT("a APPEND INBOX {6+}\r\nA: b\r\n\r\n", "a NO ");
	say_append("INBOX", "", MSG1);
}

/* Whatever the pieces of input, the answers are the same. */
static void
test_split(void **state)
{
	static const char script[] = "a LOGIN alice {6}\r\nsecret\r\n"
	    "b APPEND INBOX (\\Seen) {10+}\r\nA: b\r\n\r\nhi\r\nc SELECT INBOX\r\n"
	    "d FETCH 1 (FLAGS BODY.PEEK[TEXT])\r\ne IDLE\r\nDONE\r\nf LOGOUT\r\n";
	struct buf first;

	(void)state;
	buf_init(&first, 1u << 20);
	for (size_t cut = 0; cut <= sizeof(script) - 1; cut += 1) {
		fake_fini(&f);
		fake_store_fini(&store);
		fake_store_init(&store);
		sealer_forget(shared.sealer);
		fake_init(&f, &shared, &store, true);
		if (cut == sizeof(script) - 1)
			for (size_t i = 0; i < cut; i++)
				fake_say_bytes(&f, slice_of(script + i, 1));
		else {
			fake_say_bytes(&f, slice_of(script, cut));
			fake_say_bytes(&f, slice_of(script + cut, sizeof(script) - 1 - cut));
		}
		if (cut == 0)
			buf_put_slice(&first, buf_slice(&f.out));
		assert_int_equal(first.n, f.out.n);
		assert_memory_equal(buf_data(&first), buf_data(&f.out), f.out.n);
	}
	assert_true(say_has("f OK"));
	buf_fini(&first);
}

/* A connection that ends at any moment leaves nothing behind. */
static void
test_cut_off(void **state)
{
	static const char *const last[] = { "a FETCH 1:* (ENVELOPE BODY[])\r\n", "a SEARCH BODY x\r\n",
		"a APPEND INBOX {100+}\r\nhalf", "a STORE 1:2 +FLAGS \\Seen\r\n", "a IDLE\r\n",
		"a LIST \"\" *\r\n", "a COPY 1 INBOX\r\n" };

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		for (int steps = 0; steps < 12; steps++) {
			fake_fini(&f);
			fake_init(&f, &shared, &store, true);
			fake_say(&f, "l LOGIN alice secret\r\ns SELECT INBOX\r\n");
			buf_put_str(&f.in, last[i]);
			(void)fake_give(&f, buf_slice(&f.in));
			buf_reset(&f.in);
			for (int k = 0; k < steps; k++)
				(void)fake_step(&f);
		}
	}
}

static void
test_idle_size(void **state)
{
	size_t bytes;

	(void)state;
	start();
	assert_null(f.s->lexer.text.mem);
	assert_null(f.s->cmd);
	bytes = sizeof(*f.s) + f.s->view.keywords_bytes + f.s->view.recent.pair_count * 8 + 400;
	assert_true(bytes < 5120);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_not_auth), T(test_plain_text), T(test_cleartext), T(test_login_forms), T(test_external), T(test_external_print), T(test_scram), T(test_capabilities),
		T(test_three_tries),
		T(test_limits), T(test_long_line), T(test_too_many_errors),
		T(test_prelogin_commands), T(test_deadlines), T(test_mailboxes), T(test_fetch),
		T(test_no_summary), T(test_damaged), T(test_damaged_read_ahead), T(test_large), T(test_append), T(test_store),
		T(test_expunge), T(test_pending), T(test_copy_move), T(test_search), T(test_idle),
		T(test_pages), T(test_store_restart),
		T(test_relogin_is_corrupt), T(test_relogin_is_late), T(test_report_fails), T(test_idle_report_fails), T(test_token_given_back),
		T(test_bye_during_login), T(test_stale_handle), T(test_append_across_restart),
		T(test_split), T(test_cut_off),
		T(test_idle_size),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
