/* SPDX-License-Identifier: ISC */
/*
 * Mail that came sealed by CMTP: its first reading, its trace before the text
 * wherever the text is read, and objects that do not open.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/seal/seal_arrival.h"
#include "tests/unit/imapd/imap_say.h"
#include "tests/unit/seal/travelling.h"

#define TRACE	"Return-Path: <b@x.example>\r\nX-Way: sealed\r\n"		/* 43 bytes */
#define TEXT	"From: Bob <b@x.example>\r\nSubject: hidden heron\r\n" \
	"Message-ID: <1@x.example>\r\nMIME-Version: 1.0\r\n" \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n" \
	"--b\r\n\r\nan egret\r\n" \
	"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n"
#define WHOLE	TRACE TEXT

static size_t
arrive_text(struct slice trace, struct slice text)
{
	struct buf object;
	size_t content;

	buf_init(&object, 8u << 20);
	travelling_put(&object, store.public_key, 1, 2, text);
	content = fake_arrive(&f, "INBOX", trace, buf_slice(&object));
	buf_fini(&object);
	return content;
}

static size_t
start(void)
{
	size_t content;

	say_login();
	content = arrive_text(SLICE_LIT(TRACE), SLICE_LIT(TEXT));
	EXPECT("s SELECT INBOX\r\n", "* 1 EXISTS\r\n", "s OK [READ-WRITE]");
	return content;
}

static bool
is_arrival(size_t content)
{
	return seal_arrival_is(buf_slice(&store.contents[content].summary));
}

static void
expect_whole(const char *item)
{
	char say[100], want[20];

	(void)snprintf(say, sizeof(say), "a FETCH 1 %s\r\n", item);
	(void)snprintf(want, sizeof(want), " {%zu}\r\n", strlen(WHOLE));
	f.out.n = 0;
	fake_say(&f, say);
	assert_true(say_has(want));
	assert_true(say_has(WHOLE));
	assert_true(say_has("a OK"));
}

/* Everything twice: as it arrived, and when the summary was made. */
static void
tell_all(void)
{
	EXPECT("a FETCH 1 (RFC822.SIZE ENVELOPE)\r\n", "RFC822.SIZE 254",
	    "ENVELOPE (NIL \"hidden heron\" ((\"Bob\" NIL \"b\" \"x.example\"))", "a OK");
	expect_whole("BODY.PEEK[]");
	expect_whole("RFC822");
	expect_whole("BINARY.PEEK[]");
	/* over the seam, before it, behind it, past the end */
	EXPECT("a FETCH 1 BODY.PEEK[]<36.14>\r\n", "BODY[]<36> {14}\r\nealed\r\nFrom: B)\r\na OK");
	EXPECT("a FETCH 1 BODY.PEEK[]<0.6>\r\n", "{6}\r\nReturn)");
	EXPECT("a FETCH 1 BODY.PEEK[]<43.4>\r\n", "{4}\r\nFrom)");
	EXPECT("a FETCH 1 BODY.PEEK[]<42.1>\r\n", "{1}\r\n\n)");
	EXPECT("a FETCH 1 BODY.PEEK[]<252.9>\r\n", "{2}\r\n\r\n)");
	EXPECT("a FETCH 1 BODY.PEEK[]<254.9>\r\n", "{0}\r\n)");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS (X-Way Subject)]\r\n",
	    "X-Way: sealed\r\nSubject: hidden heron\r\n\r\n)");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER]\r\n", TRACE "From: Bob");
	EXPECT("a FETCH 1 BODY.PEEK[1]\r\n", "BODY[1] {8}\r\nan egret)");
	EXPECT("a FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])\r\n", "BINARY.SIZE[2] 3 BINARY[2] ~{3}");
	EXPECT("a FETCH 1 BODYSTRUCTURE\r\n", "BODYSTRUCTURE ((\"text\" \"plain\"", "\"mixed\"");
	EXPECT("a FETCH 1 PREVIEW\r\n", "PREVIEW \"an egret\"");
	EXPECT("a SEARCH TEXT egret\r\n", "* SEARCH 1\r\n");
	EXPECT("a SEARCH TEXT \"X-Way: sealed\"\r\n", "* SEARCH 1\r\n");
	EXPECT("a SEARCH HEADER X-Way sealed\r\n", "* SEARCH 1\r\n");
	EXPECT("a SEARCH BODY sealed\r\n", "* SEARCH\r\n");
	EXPECT("a SEARCH FROM bob SUBJECT heron\r\n", "* SEARCH 1\r\n");
	EXPECT("a SORT (SUBJECT) UTF-8 ALL\r\n", "* SORT 1\r\n");
	EXPECT("a THREAD REFERENCES UTF-8 ALL\r\n", "* THREAD (1)\r\n");
}

static void
test_first_reading(void **state)
{
	size_t content = start();

	(void)state;
	assert_true(is_arrival(content));
	tell_all();
	assert_false(is_arrival(content));
	assert_true(store.contents[content].summary.n > 0);
	tell_all();
}

/* Whatever comes first reads it whole, and the same comes out. */
static void
test_each_alone_first(void **state)
{
	static const char *const items[] = { "BODY.PEEK[]", "BODY.PEEK[TEXT]", "ENVELOPE",
		"BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BINARY.SIZE[2]", "PREVIEW" };
	char say[100];

	(void)state;
	(void)start();
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		size_t content = arrive_text(SLICE_LIT(TRACE), SLICE_LIT(TEXT));

		EXPECT("n NOOP\r\n", "EXISTS\r\n", "n OK");
		(void)snprintf(say, sizeof(say), "a FETCH * (%s)\r\n", items[i]);
		EXPECT(say, "FETCH (", "a OK");
		assert_false(is_arrival(content));
	}
	EXPECT("a FETCH 1:7 BODY.PEEK[]<20.12>\r\n", "* 1 FETCH (BODY[]<20> {12}\r\nample>\r\nX-Wa)",
	    "* 2 FETCH", "ample>\r\nX-Wa)", "* 7 FETCH", "ample>\r\nX-Wa)", "a OK");
}

/* A lazy preview reads nothing; what needs no text neither. */
static void
test_not_read(void **state)
{
	size_t content = start();

	(void)state;
	EXPECT("a FETCH 1 (PREVIEW (LAZY))\r\n", "PREVIEW NIL", "a OK");
	EXPECT("a FETCH 1 (FLAGS UID RFC822.SIZE INTERNALDATE EMAILID)\r\n", "RFC822.SIZE 254", "a OK");
	EXPECT("a STORE 1 +FLAGS (\\Flagged)\r\n", "a OK");
	EXPECT("a CREATE Sent\r\n", "a OK");
	EXPECT("a COPY 1 Sent\r\n", "a OK [COPYUID");
	assert_true(is_arrival(content));
}

static void
test_catenate_and_append(void **state)
{
	(void)state;
	(void)start();
	say_append("INBOX", "", "Subject: ours\r\n\r\nplain\r\n");
	EXPECT("a APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\" TEXT {3}\r\n", "+ ");
	EXPECT("x\r\n)\r\n", "a OK [APPENDUID");
	EXPECT("a FETCH 3 BODY.PEEK[]\r\n", "{257}\r\n" WHOLE "x\r\n)\r\na OK");
	/* ours beside it are told as ever */
	EXPECT("a FETCH 1:3 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n", "* 1 FETCH", "hidden heron",
	    "* 2 FETCH", "Subject: ours", "* 3 FETCH", "hidden heron", "a OK");
}

/* Frames and chunks beyond what is in memory at once. */
static void
test_large(void **state)
{
	struct buf text;
	char want[60];

	(void)state;
	say_login();
	buf_init(&text, 8u << 20);
	buf_put_str(&text, "Subject: large\r\n\r\n");
	for (unsigned i = 0; text.n < 1500000; i++)
		buf_printf(&text, "%u %u\r\n", i * 2654435761u, i);
	(void)arrive_text(SLICE_LIT(TRACE), buf_slice(&text));
	EXPECT("s SELECT INBOX\r\n", "* 1 EXISTS\r\n");
	for (unsigned pass = 0; pass < 2; pass++) {
		f.out.n = 0;
		fake_say(&f, "a FETCH 1 BODY.PEEK[]\r\n");
		(void)snprintf(want, sizeof(want), "BODY[] {%zu}\r\n", strlen(TRACE) + text.n);
		assert_true(say_has(want));
		assert_true(say_has(TRACE "Subject: large"));
		assert_true(slice_search(buf_slice(&f.out), buf_slice(&text)) < f.out.n);
	}
	/* a partial far behind opens what it needs */
	(void)snprintf(want, sizeof(want), "{10}\r\n%.10s)", buf_data(&text) + 1000000);
	EXPECT("a FETCH 1 BODY.PEEK[]<1000043.10>\r\n", "BODY[]<1000043>", "a OK");
	assert_true(say_has(want));
	buf_fini(&text);
}

/* Made by whom it may: it is told with its trace, and harms nothing else. */
static void
expect_unopened(void)
{
	EXPECT("a FETCH 1:2 (BODY.PEEK[])\r\n", "* 1 FETCH", TRACE "Subject: [A message that cannot",
	    "does not open with your key", "* 2 FETCH", "plain\r\n)\r\n", "a OK");
	assert_false(say_has("egret"));
	EXPECT("a FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW BODY.PEEK[TEXT]<0.4>)\r\n",
	    "[A message that cannot be opened]", "\"text\" \"plain\"", "{4}\r\nThis)", "a OK");
	EXPECT("a SEARCH BODY plain\r\n", "* SEARCH 2\r\n", "a OK");
	assert_false(f.closed);
}

static void
test_wrong_objects(void **state)
{
	size_t content = start();
	struct fake_content *ct = &store.contents[content];
	size_t last = ct->body.n - 1;
	static const size_t head[] = { 0, 4, 6, 8, 15, 16, 47, 49, 50 };

	(void)state;
	say_append("INBOX", "", "Subject: ours\r\n\r\nplain\r\n");
	/* header, commitment, count, first chunk; the last tag */
	for (size_t i = 0; i <= sizeof(head) / sizeof(head[0]); i++) {
		size_t at = i < sizeof(head) / sizeof(head[0]) ? head[i] : last;

		buf_data(&ct->body)[at] ^= 0x40;
		expect_unopened();
		assert_true(is_arrival(content));
		buf_data(&ct->body)[at] ^= 0x40;
	}
	/* The key is not the one that the object commits to. */
	ct->wrapped[15] ^= 1;
	expect_unopened();
	ct->wrapped[15] ^= 1;
	/* Shorter than it says. */
	ct->body.n--;
	expect_unopened();
	ct->body.n++;
	expect_whole("BODY.PEEK[]");
}

/* One whose arrival is damaged has no trace; nothing is put over what stands there. */
static void
test_damaged_arrival(void **state)
{
	size_t content = start();
	struct fake_content *ct = &store.contents[content];
	char *last = buf_data(&ct->summary) + ct->summary.n - 1;

	(void)state;
	*last ^= 1;
	EXPECT("a FETCH 1 (ENVELOPE BODY.PEEK[]<0.9>)\r\n", "hidden heron", "{9}\r\nFrom: Bob)", "a OK");
	assert_true(is_arrival(content));
	*last ^= 1;
	tell_all();
}

/* What repair left: no summary at all. */
static void
test_without_trace(void **state)
{
	size_t content = start();

	(void)state;
	buf_reset(&store.contents[content].summary);
	for (unsigned i = 0; i < 2; i++)
		EXPECT("a FETCH 1 (ENVELOPE BODY.PEEK[]<0.9>)\r\n", "hidden heron",
		    "{9}\r\nFrom: Bob)", "a OK");
}

/* Each brings an epoch, and its arrival one more. */
static void
test_many(void **state)
{
	(void)state;
	say_login();
	for (unsigned i = 0; i < 60; i++)
		(void)arrive_text(SLICE_LIT(TRACE), SLICE_LIT(TEXT));
	EXPECT("s SELECT INBOX\r\n", "* 60 EXISTS\r\n");
	EXPECT("a FETCH 1:* BODY.PEEK[HEADER.FIELDS (X-Way)]\r\n", "* 1 FETCH", "X-Way: sealed",
	    "* 60 FETCH", "X-Way: sealed", "a OK");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn)	cmocka_unit_test_setup_teardown(fn, say_setup, say_teardown)
		T(test_first_reading),
		T(test_each_alone_first),
		T(test_not_read),
		T(test_catenate_and_append),
		T(test_large),
		T(test_wrong_objects),
		T(test_damaged_arrival),
		T(test_without_trace),
		T(test_many),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
