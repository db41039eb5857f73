/* SPDX-License-Identifier: ISC */
/* FETCH items and modifiers beyond RFC 3501, in whole sessions. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_memo.h"
#include "imapd/imap_opening.h"
#include "lib/base/log.h"
#include "tests/unit/imapd/imap_say.h"

#define PLAIN "Subject: x\r\n\r\nHello,\r\nthis is  text.\r\n"
#define PARTS "Subject: parts\r\nMIME-Version: 1.0\r\n" \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n" \
	"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n" \
	"--b\r\nContent-Type: application/octet-stream\r\n" \
	"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQ=\r\n" \
	"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-own\r\n\r\n???\r\n" \
	"--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n"

static void
start(void)
{
	say_login();
	say_append("INBOX", "\"02-Jan-2024 10:00:00 +0000\" ", PLAIN);
	say_append("INBOX", "", PARTS);
	EXPECT("s SELECT INBOX\r\n", "* 2 EXISTS\r\n", "s OK [READ-WRITE]");
}

static bool
says(struct slice want)
{
	return slice_search(buf_slice(&f.out), want) < f.out.n;
}

static void
test_binary(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 2 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[4])\r\n",
	    "* 2 FETCH (BINARY.SIZE[1] 4 BINARY.SIZE[2] 5 BINARY.SIZE[4] 0)\r\na OK");
	EXPECT("a FETCH 2 BINARY.PEEK[1]\r\n", "* 2 FETCH (BINARY[1] {4}\r\na=bc)\r\na OK");
	EXPECT("a FETCH 2 (UID BINARY.PEEK[2] FLAGS)\r\n", "* 2 FETCH (UID 2 BINARY[2] ~{5}\r\n");
	assert_true(says(SLICE_LIT("~{5}\r\n\0\1\2\3\4 FLAGS (\\Recent))\r\na OK")));
	/* of the decoded bytes; without NUL it is a string: s4.3 */
	EXPECT("a FETCH 2 BINARY.PEEK[2]<1.3>\r\n", "BINARY[2]<1> {3}\r\n\1\2\3)\r\na OK");
	EXPECT("a FETCH 2 BINARY.PEEK[2]<5.3>\r\n", "BINARY[2]<5> {0}\r\n)\r\na OK");
	EXPECT("a FETCH 2 (BINARY.PEEK[4] BINARY.PEEK[9] BINARY.SIZE[9])\r\n",
	    "(BINARY[4] {0}\r\n BINARY[9] NIL BINARY.SIZE[9] 0)\r\na OK");
	/* the message itself is not encoded */
	EXPECT("a FETCH 1 (BINARY.SIZE[] BINARY.PEEK[])\r\n",
	    "(BINARY.SIZE[] 38 BINARY[] {38}\r\n" PLAIN ")\r\na OK");
	/* s4.3: unknown encodings fail the command; others are told */
	EXPECT("a FETCH 2 BINARY.SIZE[3]\r\n", "a NO [UNKNOWN-CTE]");
	assert_false(say_has("* 2 FETCH"));
	EXPECT("a FETCH 1:2 BINARY.PEEK[3]\r\n", "* 1 FETCH (BINARY[3] NIL)\r\na NO [UNKNOWN-CTE]");
	EXPECT("a FETCH 1 BINARY[1]\r\n",
	    "* 1 FETCH (BINARY[1] {24}\r\nHello,\r\nthis is  text.\r\n FLAGS (\\Seen \\Recent))\r\na OK");
	EXPECT("a FETCH 1 BINARY.PEEK[TEXT]\r\n", "a BAD");
	EXPECT("a FETCH 1 BINARY.PEEK[1.]\r\n", "a BAD");
	EXPECT("a FETCH 1 BINARY.SIZE[1]<0.1>\r\n", "a BAD");
	EXPECT("a FETCH 1 BINARY.PEEK\r\n", "a BAD");
}

/* More than the frames and pieces that are in memory at once, with a slow client. */
static void
test_binary_large(void **state)
{
	enum { LINES = 40000 };
	struct buf msg, say;

	(void)state;
	say_login();
	buf_init(&msg, 8u << 20);
	buf_init(&say, 8u << 20);
	shared.message_max = 8u << 20;
	buf_put_str(&msg, "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	for (int i = 0; i < LINES; i++)
		buf_put_str(&msg, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY\r\n");
	say_append("INBOX", "", buf_cstr(&msg));
	EXPECT("s SELECT INBOX\r\na FETCH 1 BINARY.SIZE[1]\r\n", "BINARY.SIZE[1] 960000)\r\n");
	f.clog_at = 100000;
	buf_reset(&f.out);
	fake_say(&f, "a FETCH 1 BINARY.PEEK[1]\r\n");
	for (int i = 0; i < 1000 && say.n < 960000 && !f.closed; i++) {
		assert_true(f.out.n < 400000);
		buf_put_slice(&say, buf_slice(&f.out));
		buf_reset(&f.out);
		imap_session_on_drained(f.s);
		fake_run(&f);
	}
	buf_put_slice(&say, buf_slice(&f.out));
	assert_true(slice_starts(buf_slice(&say), "* 1 FETCH (BINARY[1] {960000}\r\nABCDEFGH"));
	assert_true(slice_ends(buf_slice(&say), "UVWX)\r\na OK Fetch completed\r\n"));
	buf_fini(&msg);
	buf_fini(&say);
}

static void
test_preview(void **state)
{
	(void)state;
	start();
	say_append("INBOX", "", "Subject: u\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngr\xc3\xbcn\r\n");
	say_append("INBOX", "", "Subject: e\r\n\r\n");
	EXPECT("a FETCH 1:4 PREVIEW\r\n", "* 1 FETCH (PREVIEW \"Hello, this is text.\")\r\n",
	    "* 2 FETCH (PREVIEW \"a=bc\")\r\n", "* 3 FETCH (PREVIEW {5}\r\ngr\xc3\xbcn)\r\n",
	    "* 4 FETCH (PREVIEW \"\")\r\na OK");
	/* without a summary it is made now, but not for who does not want to wait */
	buf_reset(&store.contents[0].summary);
	EXPECT("a FETCH 1 PREVIEW (LAZY)\r\n", "* 1 FETCH (PREVIEW NIL)\r\na OK");
	EXPECT("a FETCH 1 (FLAGS PREVIEW (LAZY) UID)\r\n",
	    "* 1 FETCH (FLAGS (\\Recent) PREVIEW NIL UID 1)\r\na OK");
	EXPECT("a FETCH 1 (PREVIEW UID)\r\n", "(PREVIEW \"Hello, this is text.\" UID 1)\r\na OK");
	EXPECT("a FETCH 1 PREVIEW (LAZY)\r\n", "(PREVIEW \"Hello, this is text.\")\r\na OK");
	/* modifiers are not taken for its own */
	EXPECT("a FETCH 1 PREVIEW (CHANGEDSINCE 1)\r\n", "PREVIEW \"Hello, this is text.\" MODSEQ (", "a OK");
	EXPECT("a FETCH 1 (PREVIEW (FUZZY))\r\n", "a BAD");
	EXPECT("a FETCH 1 PREVIEW (FUZZY)\r\n", "a BAD");
}

static void
test_dates_and_ids(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 1 SAVEDATE\r\n", "* 1 FETCH (SAVEDATE \" 2-Jan-2024 10:00:00 +0000\")\r\na OK");
	EXPECT("a UID FETCH 1 (SAVEDATE INTERNALDATE)\r\n", "* 1 FETCH (UID 1 SAVEDATE \" 2-Jan-2024 "
	    "10:00:00 +0000\" INTERNALDATE \" 2-Jan-2024 10:00:00 +0000\")\r\na OK");
	store.boxes[0].m[0].internal_s = 0;
	EXPECT("a FETCH 1 SAVEDATE\r\n", "* 1 FETCH (SAVEDATE NIL)\r\na OK");
	EXPECT("a FETCH 1 (EMAILID THREADID)\r\n",
	    "* 1 FETCH (EMAILID (M0000000000001) THREADID (T0000000000001))\r\na OK");
}

static void
test_partial(void **state)
{
	(void)state;
	start();
	for (int i = 3; i <= 9; i++)
		say_append("INBOX", "", PLAIN);
	EXPECT("a STORE 3 +FLAGS \\Deleted\r\nb EXPUNGE\r\n", "b OK");
	store.page_rows = 2;
	EXPECT("a UID FETCH 1:* (FLAGS) (PARTIAL 2:4)\r\n", "* 2 FETCH (UID 2 ", "* 3 FETCH (UID 4 ",
	    "* 4 FETCH (UID 5 ", "a OK");
	assert_false(say_has("* 1 FETCH") || say_has("* 5 FETCH"));
	EXPECT("a UID FETCH 1:8 (UID) (PARTIAL -3:-1)\r\n", "* 5 FETCH (UID 6)\r\n* 6 FETCH (UID 7)\r\n"
	    "* 7 FETCH (UID 8)\r\na OK");
	assert_false(say_has("* 4 FETCH"));
	EXPECT("a UID FETCH 1:8 (UID) (PARTIAL 7:99)\r\n", "* 7 FETCH (UID 8)\r\na OK");
	EXPECT("a UID FETCH 1:8 (UID) (PARTIAL 8:99)\r\n", "a OK");
	assert_false(say_has("FETCH ("));
	/* first the window, then what changed in it: s3.4 */
	EXPECT("a STORE 2,8 +FLAGS.SILENT \\Flagged\r\n", "a OK");
	EXPECT("a UID FETCH 1:* (UID) (CHANGEDSINCE 11 PARTIAL -1:-5)\r\n", "* 8 FETCH (UID 9 MODSEQ (", "a OK");
	assert_false(say_has("* 2 FETCH") || say_has("* 7 FETCH"));
	/* only those that are told become \Seen */
	EXPECT("a UID FETCH 1:* BODY[TEXT] (PARTIAL 1:1)\r\n", "* 1 FETCH (UID 1 BODY[TEXT] {24}", "a OK");
	EXPECT("a FETCH 1:2 FLAGS\r\n", "* 1 FETCH (FLAGS (\\Seen", "* 2 FETCH (FLAGS (\\Flagged", "a OK");
	EXPECT("a FETCH 1:* (FLAGS) (PARTIAL 1:2)\r\n", "a BAD");
	EXPECT("a UID FETCH 1:* (FLAGS) (PARTIAL 0:2)\r\n", "a BAD");
	EXPECT("a UID FETCH 1:* (FLAGS) (PARTIAL -1:2)\r\n", "a BAD");
	EXPECT("a UID FETCH 1:* (FLAGS) (PARTIAL 1:2 PARTIAL 1:2)\r\n", "a BAD");
}

/* RFC 9051 appendix E: RFC822 and its like are no more. */
static void
test_rev2(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 1 (RFC822.SIZE RFC822.HEADER)\r\n", "RFC822.HEADER {14}\r\n", "a OK");
	EXPECT("a ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\n", "a OK");
	EXPECT("a FETCH 1 RFC822.SIZE\r\n", "* 1 FETCH (RFC822.SIZE 38)\r\na OK");
	EXPECT("a FETCH 1 RFC822.HEADER\r\n", "a BAD");
	EXPECT("a FETCH 1 RFC822\r\n", "a BAD");
	EXPECT("a FETCH 1 (UID RFC822.TEXT)\r\n", "a BAD");
}

/* literal8 may hold NUL; mailboxes hold none (RFC 3516 s4.4). */
static void
test_append_literal8(void **state)
{
	(void)state;
	say_login();
	EXPECT("a APPEND INBOX ~{10+}\r\nA: b\r\n\r\nhi\r\n", "a OK [APPENDUID 1000 1]");
	fake_say_bytes(&f, SLICE_LIT("b APPEND INBOX ~{10+}\r\nA: b\r\n\r\n\0i\r\nc NOOP\r\n"));
	assert_true(say_has("b NO [UNKNOWN-CTE]") && say_has("c OK"));
	fake_say_bytes(&f, SLICE_LIT("d APPEND INBOX {10+}\r\nA: b\r\n\r\n\0i\r\ne NOOP\r\n"));
	assert_true(say_has("d BAD") && say_has("e OK"));
	EXPECT("f APPEND INBOX ~x\r\n", "f BAD");
}

/* A partial is of the fields that are told, from the summary or from the header. */
static void
test_partial_fields(void **state)
{
	(void)state;
	start();
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]<8.3>\r\n", "<8> {3}\r\n x\r)\r\na OK");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]<99.3>\r\n", "<99> {0}\r\n)\r\na OK");
	EXPECT("a FETCH 2 BODY.PEEK[HEADER.FIELDS.NOT (Subject)]<5.6>\r\n", "<5> {6}\r\nVersio)\r\na OK");
	EXPECT("a FETCH 2 BODY.PEEK[1.HEADER.FIELDS (x)]\r\n", " NIL)\r\na OK");
	EXPECT("a FETCH 2 BODY.PEEK[HEADER.FIELDS (X-None)]\r\n", " {2}\r\n\r\n)\r\na OK");
}

/* What a literal cannot hold: in no response, and the sizes stay. */
static void
test_nul(void **state)
{
	static const char text[] = "Subject: a\0b\r\nX-Own: c\0d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\n\r\n\0one\0\0\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n\0";

	(void)state;
	say_login();
	fake_deliver(&f, "INBOX", slice_of(text, sizeof(text) - 1));
	EXPECT("s SELECT INBOX\r\na FETCH 1 (RFC822.SIZE BODY.PEEK[1])\r\n", "(RFC822.SIZE 142 BODY[1] {6}\r\n"
	    "\x80" "one\x80\x80)\r\na OK");
	EXPECT("a FETCH 1 BODY.PEEK[1]<4.2>\r\n", "{2}\r\n\x80\x80)");
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "{142}\r\nSubject: a\x80" "b\r\nX-Own: c\x80" "d\r\n", "\r\n\x80)\r\na OK");
	EXPECT("a FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-Own)] BODY.PEEK[HEADER.FIELDS (Subject)])\r\n",
	    "{14}\r\nX-Own: c\x80" "d\r\n\r\n BODY[", "{16}\r\nSubject: a", "b\r\n\r\n)\r\na OK");
	EXPECT("a FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW)\r\n", "* 1 FETCH (ENVELOPE (NIL ", "a OK");
	assert_true(slice_find(buf_slice(&f.out), '\0') == f.out.n);
	/* what BINARY has a literal for */
	EXPECT("a FETCH 1 (BINARY.PEEK[1] BINARY.PEEK[2])\r\n", "BINARY[1] ~{6}\r\n", "a OK");
	assert_true(says(SLICE_LIT("\r\n\0one\0\0 BINARY[2] ~{3}\r\n\0\1\2)\r\na OK")));
	/* nor does a part of it come into another message so */
	EXPECT("a APPEND INBOX CATENATE (TEXT {2+}\r\n\r\n URL /INBOX/;UID=1/;SECTION=1)\r\nb NOOP\r\n", "a OK", "b OK");
	EXPECT("a FETCH 2 BINARY.PEEK[]\r\n", "{8}\r\n\r\n\x80" "one\x80\x80)\r\na OK");
}

/* Says it and tells how many contents the store was asked for. */
static unsigned
contents_for(const char *command, const char *last)
{
	const char *const want[] = { last, "a OK" };
	unsigned before = store.contents_given;

	say_expect(command, want, lengthof(want));
	return store.contents_given - before;
}

static void
test_kept(void **state)
{
	static const char list[] = "a FETCH 1:* (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)\r\n";
	struct buf first;

	(void)state;
	start();
	buf_init(&first, 100000);
	assert_int_equal(contents_for(list, "* 2 FETCH (UID 2 RFC822.SIZE"), 2);
	buf_put_slice(&first, buf_slice(&f.out));
	assert_true(shared.memo_bytes > 0);
	/* again: the same, of what is kept */
	assert_int_equal(contents_for(list, "* 2 FETCH"), 0);
	assert_true(slice_eq(buf_slice(&first), buf_slice(&f.out)));
	assert_int_equal(contents_for("a FETCH 2 (FLAGS INTERNALDATE BODY)\r\n", "FLAGS"), 0);
	/* what more is wanted, is opened */
	assert_int_equal(contents_for("a FETCH 2 (ENVELOPE BODY.PEEK[1])\r\n", "BODY[1]"), 1);
	assert_int_equal(contents_for("a FETCH 2 (ENVELOPE PREVIEW)\r\n", "PREVIEW"), 1);
	/* from the first page with another one on */
	say_append("INBOX", "", PLAIN);
	EXPECT("a NOOP\r\n", "a OK");
	assert_int_equal(contents_for("a UID FETCH 3:* (ENVELOPE)\r\n", "* 3 FETCH"), 1);
	say_append("INBOX", "", PLAIN);
	EXPECT("a STORE 3 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n", "* 3 EXPUNGE");
	store.page_rows = 1;
	assert_int_equal(contents_for(list, "* 3 FETCH"), 1);
	assert_int_equal(contents_for(list, "* 3 FETCH"), 0);
	store.page_rows = 1000;
	/* who idles holds nothing, nor who left the mailbox */
	EXPECT("a IDLE\r\n", "+ ");
	assert_int_equal(shared.memo_bytes, 0);
	EXPECT("DONE\r\n", "a OK");
	assert_int_equal(contents_for(list, "* 3 FETCH"), 3);
	EXPECT("a UNSELECT\r\n", "a OK");
	assert_int_equal(shared.memo_bytes, 0);
	EXPECT("a SELECT INBOX\r\n", "a OK");
	assert_int_equal(contents_for(list, "* 3 FETCH"), 3);
	/* nor is it good at another store */
	imap_session_on_store_left(f.s);
	imap_session_on_store_joined(f.s);
	EXPECT("a NOOP\r\n", "a OK");
	assert_int_equal(contents_for(list, "* 3 FETCH"), 3);
	assert_int_equal(contents_for(list, "* 3 FETCH"), 0);
	buf_fini(&first);
}

/* Up to the cap of one and of all, and not a byte more. */
static void
test_kept_limits(void **state)
{
	static char text[IMAP_MEMO_BYTES_MAX];
	size_t all = 0, entry;
	struct imap_memo *a = imap_memo_new(&all), *b = imap_memo_new(&all);
	struct imap_memo_text t = { SLICE_LIT("e"), SLICE_LIT("st"), SLICE_LIT("cut") };

	(void)state;
	assert_false(imap_memo_may_have(a, false, 0));
	imap_memo_add_place(a, 3, 30);
	imap_memo_add_place(a, 2, 20);
	assert_true(imap_memo_may_have(a, false, 2) && imap_memo_may_have(a, true, 30));
	assert_false(imap_memo_may_have(a, false, 1) || imap_memo_may_have(a, false, 4));
	assert_false(imap_memo_may_have(a, true, 19) || imap_memo_may_have(a, true, 31));
	imap_memo_add(a, 1, &t);
	entry = all - 6;
	assert_true(slice_eq_str(imap_memo_find(a, 1)->structure, "st"));
	assert_null(imap_memo_find(b, 1));
	imap_memo_add(a, 1, &t);
	assert_int_equal(all, entry + 6);
	t = (struct imap_memo_text){ .envelope = slice_of(text, sizeof(text) - all - entry + 1) };
	imap_memo_add(a, 2, &t);
	assert_null(imap_memo_find(a, 2));
	t.envelope.n--;
	imap_memo_add(a, 2, &t);
	assert_non_null(imap_memo_find(a, 2));
	assert_int_equal(all, IMAP_MEMO_BYTES_MAX);
	all = IMAP_MEMO_SHARED_MAX - entry;
	t.envelope.n = 1;
	imap_memo_add(b, 3, &t);
	assert_null(imap_memo_find(b, 3));
	t.envelope.n = 0;
	imap_memo_add(b, 3, &t);
	assert_non_null(imap_memo_find(b, 3));
	all = IMAP_MEMO_BYTES_MAX + entry;
	imap_memo_free(&a);
	imap_memo_free(&b);
	assert_int_equal(all, 0);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

/* ---- bodies are opened ahead, in threads ---- */

#define AHEAD	40u

/* Of sizes that take some pieces, one, and next to nothing. */
static size_t
ahead_bytes(unsigned i)
{
	static const size_t bytes[] = { 100, 13000, 30000, 60, 200000, 5000, 131072, 131073 };

	return bytes[i % lengthof(bytes)];
}

static void
put_text(struct buf *b, unsigned i)
{
	buf_reset(b);
	buf_printf(b, "Subject: number %u\r\n\r\n", i);
	while (b->n + 2 < ahead_bytes(i))
		buf_put_char(b, (char)('a' + (b->n * 7 + b->n / 91 + i) % 26));
	buf_put_str(b, "\r\n");
}

static void
deliver_ahead(void)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	say_login();
	for (unsigned i = 0; i < AHEAD; i++) {
		put_text(&b, i);
		fake_deliver(&f, "INBOX", buf_slice(&b));
	}
	buf_fini(&b);
	EXPECT("s SELECT INBOX\r\n", "* 40 EXISTS", "s OK");
}

/* All of them, in order, as they were. */
static void
expect_ahead(void)
{
	struct slice rest = buf_slice(&f.out);
	struct buf b, want;

	buf_init(&b, 1u << 20);
	buf_init(&want, 1u << 20);
	for (unsigned i = 0; i < AHEAD; i++) {
		put_text(&b, i);
		buf_reset(&want);
		buf_printf(&want, "* %u FETCH (BODY[] {%zu}\r\n", i + 1, b.n);
		buf_put_slice(&want, buf_slice(&b));
		buf_put_str(&want, ")\r\n");
		assert_true(slice_eq(slice_head(rest, want.n), buf_slice(&want)));
		rest = slice_from(rest, want.n);
	}
	assert_true(slice_starts(rest, "a OK"));
	buf_fini(&b);
	buf_fini(&want);
}

static void
fetch_ahead(const char *command)
{
	buf_reset(&f.out);
	fake_say(&f, command);
}

static void
test_opens_ahead(void **state)
{
	unsigned works;

	(void)state;
	deliver_ahead();
	fetch_ahead("a FETCH 1:* (BODY.PEEK[])\r\n");
	expect_ahead();
	/* A batch at a time, not a message. */
	assert_in_range(f.works, 2, AHEAD / 3);
	works = f.works;
	/* What waits for nobody else is opened where it stands. */
	fetch_ahead("a FETCH 2 (BODY.PEEK[])\r\n");
	fetch_ahead("a FETCH 1:* (BODY.PEEK[HEADER])\r\n");
	fetch_ahead("a FETCH 1:* (BODY.PEEK[]<0.10>)\r\n");
	assert_int_equal(f.works, works);
	f.no_threads = true;
	fetch_ahead("a FETCH 1:* (BODY.PEEK[])\r\n");
	expect_ahead();
	assert_int_equal(f.works, works);
}

/* In pieces, as a client takes them; nor may what it holds grow. */
static void
test_ahead_of_a_slow_client(void **state)
{
	(void)state;
	deliver_ahead();
	f.clog_at = 1000;
	buf_reset(&f.out);
	fake_say(&f, "a FETCH 1:* (BODY.PEEK[])\r\n");
	for (unsigned i = 0; i < 10000 && !says(SLICE_LIT("a OK")); i++) {
		f.clog_at = f.out.n + 1000;
		imap_session_on_drained(f.s);
		fake_run(&f);
	}
	expect_ahead();
	assert_in_range(f.works, 2, AHEAD / 2);
}

/* One that does not open is as if it had been opened where it stands. */
static void
test_ahead_of_damage(void **state)
{
	struct buf *body = &store.contents[9].body;

	(void)state;
	deliver_ahead();
	assert_int_equal(store.content_count, AHEAD);
	buf_data(body)[body->n / 2] ^= 1;
	fetch_ahead("a FETCH 8:12 (BODY.PEEK[])\r\n");
	assert_true(says(SLICE_LIT("* 8 FETCH")) && says(SLICE_LIT("* 9 FETCH")));
	assert_false(says(SLICE_LIT("* 11 FETCH")));
	assert_true(f.works > 0 && f.closed);
}

/* A batch is bounded by messages and by text; one for itself always goes in. */
static void
test_opening_limits(void **state)
{
	static const unsigned char key[SEAL_KEY_BYTES], commitment[SEAL_COMMITMENT_BYTES];
	const struct slice bound = slice_of(commitment, sizeof(commitment));
	struct imap_opening *o = imap_opening_new(&shared);
	struct buf sealed;

	(void)state;
	buf_init(&sealed, 1);
	assert_true(imap_opening_fits(o, IMAP_OPENING_BYTES + 1));
	for (unsigned i = 0; i < IMAP_OPENING_MAX; i++) {
		assert_true(imap_opening_fits(o, 1));
		imap_opening_add(o, i, 1, key, bound, &sealed);
	}
	assert_false(imap_opening_fits(o, 1));
	imap_opening_free(&o);
	o = imap_opening_new(&shared);
	imap_opening_add(o, 0, 1, key, bound, &sealed);
	assert_true(imap_opening_fits(o, IMAP_OPENING_BYTES - 1));
	assert_false(imap_opening_fits(o, IMAP_OPENING_BYTES));
	imap_opening_free(&o);
	buf_fini(&sealed);
}

/* The session ends while threads are at it: they end behind it. */
static void
test_ahead_of_the_end(void **state)
{
	const struct slice say = SLICE_LIT("a FETCH 1:* (BODY.PEEK[])\r\n");

	(void)state;
	deliver_ahead();
	assert_int_equal(fake_give(&f, say), say.n);
	while (f.works < 2 && fake_step(&f))
		;
	assert_int_equal(f.works, 2);
	assert_false(list_is_empty(&f.jobs));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_binary), T(test_binary_large), T(test_preview), T(test_dates_and_ids),
		T(test_partial), T(test_partial_fields), T(test_rev2), T(test_append_literal8), T(test_nul),
		T(test_opens_ahead), T(test_ahead_of_a_slow_client), T(test_ahead_of_damage),
		T(test_ahead_of_the_end), cmocka_unit_test(test_opening_limits),
		T(test_kept), cmocka_unit_test(test_kept_limits),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
