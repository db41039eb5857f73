/* SPDX-License-Identifier: ISC */
/* CATENATE (RFC 4469): messages put together from texts and parts of others. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_append_text.h"
#include "imapd/imap_draft.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define HEAD "Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
#define PARTS HEAD "--b\r\nX-A: 1\r\n\r\none\r\n--b\r\nX-A: 2\r\n\r\ntwo\r\n--b--\r\n"

static void
start(void)
{
	say_login();
	EXPECT("c CREATE Drafts\r\n", "c OK");
	say_append("Drafts", "", PARTS);
}

/* The last message of the mailbox is this text. */
static void
last_is(const char *box, const char *text)
{
	const struct fake_box *b = fake_box(&store, box);
	struct buf want;
	char say[100];
	const char *wants[1];

	assert_true(b->count > 0);
	(void)snprintf(say, sizeof(say), "le EXAMINE %s\r\nlf FETCH %zu (RFC822.SIZE BODY.PEEK[])\r\n", box, b->count);
	buf_init(&want, 1u << 20);
	buf_printf(&want, "* %zu FETCH (RFC822.SIZE %zu BODY[] {%zu}\r\n%s)\r\nlf OK", b->count,
	    strlen(text), strlen(text), text);
	wants[0] = buf_cstr(&want);
	say_expect(say, wants, 1);
	EXPECT("lu UNSELECT\r\n", "lu OK");
	buf_fini(&want);
}

/* RFC 4469 example 1, with both of the boundaries that are left. */
#define ALL_OF_IT "a APPEND Drafts (\\Seen $W) \"02-Jan-2024 10:00:00 +0000\" CATENATE " \
	"(URL \"/Drafts;UIDVALIDITY=1000/;UID=1/;section=HEADER\" TEXT {5}\r\n--b\r\n" \
	" URL \"/Drafts;UIDVALIDITY=1000/;UID=1/;section=1.MIME\" " \
	"URL \"/Drafts/;UID=1/;section=1\" TEXT {12}\r\n\r\n--b\r\n\r\nnew URL {14}\r\n/Drafts/;UID=1" \
	" TEXT {9}\r\n\r\n--b--\r\n)\r\n"
#define ALL_MADE HEAD "--b\r\nX-A: 1\r\n\r\none\r\n--b\r\n\r\nnew" PARTS "\r\n--b--\r\n"

static void
test_parts(void **state)
{
	const struct fake_box *b;

	(void)state;
	start();
	EXPECT(ALL_OF_IT, "+ OK\r\n", "+ OK\r\n", "+ OK\r\n", "+ OK\r\n", "a OK [APPENDUID 1000 2] ");
	b = fake_box(&store, "Drafts");
	assert_int_equal(b->m[1].flags, STORE_SEEN | 256);
	assert_int_equal(b->m[1].internal_s, 1704189600);
	assert_int_equal(b->m[0].flags, 0);
	last_is("Drafts", ALL_MADE);
}

/* The same however the bytes come. */
static void
test_split(void **state)
{
	struct slice all = SLICE_LIT(ALL_OF_IT);

	(void)state;
	start();
	for (size_t i = 0; i < all.n; i++)
		fake_say_bytes(&f, slice_of(all.p + i, 1));
	assert_true(say_has("a OK [APPENDUID 1000 2] "));
	last_is("Drafts", ALL_MADE);
	for (size_t i = 1; i < all.n; i++) {
		fake_box(&store, "Drafts")->count = 1;
		fake_say_bytes(&f, slice_head(all, i));
		buf_reset(&f.out);
		fake_say_bytes(&f, slice_from(all, i));
		assert_true(say_has("a OK [APPENDUID 1000 "));
		last_is("Drafts", ALL_MADE);
	}
}

static void
test_urls(void **state)
{
	(void)state;
	start();
	EXPECT("c CREATE Drafts/Sub\r\n", "c OK");
	say_append("Drafts/Sub", "", "S: x\r\n\r\nsub\r\n");
	/* without a literal; nothing is selected */
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1/;SECTION=HEADER)\r\n", "a OK [APPENDUID 1000 1]");
	last_is("INBOX", HEAD);
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/Sub/;UID=1/;PARTIAL=2.2 URL Drafts/Sub/;UID=1/;PARTIAL=8)\r\n",
	    "a OK");
	last_is("INBOX", " xsub\r\n");
	EXPECT("a APPEND INBOX CATENATE (URL \"/Drafts/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)\" "
	    "URL /Drafts/;UID=1/;SECTION=2)\r\n", "a OK");
	last_is("INBOX", "Subject: parts\r\n\r\ntwo");
	/* relative to the selected mailbox */
	EXPECT("s SELECT Drafts/Sub\r\na APPEND INBOX CATENATE (URL ;UID=1 URL ./x/;UID=1)\r\n", "a NO [BADURL ./x/;UID=1]");
	EXPECT("a APPEND INBOX CATENATE (URL ;UIDVALIDITY=1000/;UID=1 URL Sub/;UID=1 URL ../drafts/;UID=1)\r\n",
	    "a NO [BADURL ../drafts/;UID=1]");
	EXPECT("a APPEND INBOX CATENATE (URL ;UIDVALIDITY=1000/;UID=1 URL Sub/;UID=1 URL ../Drafts/;UID=1/;SECTION=1)\r\n",
	    "a OK [APPENDUID 1000 4]");
	last_is("INBOX", "S: x\r\n\r\nsub\r\nS: x\r\n\r\nsub\r\none");
	/* \Seen is not set */
	assert_int_equal(fake_box(&store, "Drafts")->m[0].flags, 0);
}

static void
test_bad_urls(void **state)
{
	static const char *const urls[] = {
		"/Drafts/;UID=2", "/Drafts/;UID=1/;SECTION=3", "/Drafts/;UID=1/;SECTION=1.", "/Drafts/;UID=1/;SECTION=FOO",
		"/Drafts;UIDVALIDITY=999/;UID=1", "/None/;UID=1", "/Drafts", ";UID=1", "Drafts", "http://h/",
		"imap://mx.example/Drafts/;UID=1", "imap://alice@mx.example/Drafts/;UID=1", "//mx.example/Drafts/;UID=1",
		"/Drafts/;UID=1;URLAUTH=anonymous:internal:00000000000000000000000000000000", "/Drafts/;UID=0",
		"/Drafts?TEXT", "/a%25b/;UID=1", "/a%2F%2Fb/;UID=1",
	};
	char say[300], want[300];
	const char *wants[] = { want, "b OK" };

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		/* what follows is swallowed */
		(void)snprintf(say, sizeof(say), "a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL \"%s\" TEXT {4+}\r\n) x\r\n)\r\n"
		    "b NOOP\r\n", urls[i]);
		(void)snprintf(want, sizeof(want), "a NO [BADURL %s] ", urls[i]);
		say_expect(say, wants, 2);
		/* or was not sent yet */
		(void)snprintf(say, sizeof(say), "a APPEND INBOX CATENATE (URL \"%s\" TEXT {4}\r\nb NOOP\r\n", urls[i]);
		say_expect(say, wants, 2);
		assert_false(say_has("+ OK"));
	}
	EXPECT("a APPEND INBOX CATENATE (URL \"]\\\\\\\"\" TEXT {4}\r\nb NOOP\r\n", "a NO [BADURL %5D%5C%22] ", "b OK");
	EXPECT("a APPEND INBOX CATENATE (URL {2+}\r\n\r\n)\r\n", "a NO [BADURL %0D%0A] ");
	EXPECT("a APPEND INBOX CATENATE (URL \"\")\r\n", "a NO [BADURL /] ");
	EXPECT("a APPEND None CATENATE (URL /Drafts/;UID=1)\r\n", "a NO [TRYCREATE]");
	assert_int_equal(fake_box(&store, "INBOX")->count, 0);
}

static void
test_syntax(void **state)
{
	static const char *const texts[] = {
		"()", "(", "(URL /Drafts/;UID=1", "(URL /Drafts/;UID=1 )", "( URL /Drafts/;UID=1)", "(URL /Drafts/;UID=1) x",
		"(URL /Drafts/;UID=1)x", "(URL  /Drafts/;UID=1)", "(OTHER x)", "(TEXT abc)", "(TEXT {3+}\r\nabc",
		"(TEXT {3+}\r\nabc))", "(TEXT {3+}\r\nabcURL x)", "(TEXT {3+}\r\nabc URL)", "(TEXT {3+}\r\nabc OTHER {3+}\r\nabc)",
		"(TEXT {3+}\r\nabc) {3+}\r\nabc)", "(TEXT {3+}\r\nabc {3+}\r\nabc)", "(UTF8 (~{3+}\r\nabc))", "(UTF8 ({3+}\r\nabc))",
		"({3+}\r\nabc)",
	};
	char say[300];
	static const char *const wants[] = { "a BAD", "b OK" };

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)snprintf(say, sizeof(say), "a APPEND INBOX CATENATE %s\r\nb NOOP\r\n", texts[i]);
		f.s->errors = 0;
		say_expect(say, wants, 2);
	}
	/* a URL that is too long is not waited for */
	f.s->errors = 0;
	EXPECT("a APPEND INBOX CATENATE (TEXT {3+}\r\nabc URL {8193}\r\nb NOOP\r\n", "a BAD URL too long", "b OK");
	assert_int_equal(fake_box(&store, "INBOX")->count, 0);
}

static void
test_several(void **state)
{
	(void)state;
	start();
	EXPECT("a APPEND INBOX {5+}\r\nA: 1\n (\\Draft) CATENATE (TEXT {5+}\r\nB: 2\n URL /Drafts/;UID=1/;SECTION=1) "
	    "{5+}\r\nC: 3\n CATENATE (URL /Drafts/;UID=1/;SECTION=1) (\\Seen) CATENATE (URL /Drafts/;UID=1/;SECTION=2)\r\n",
	    "a OK [APPENDUID 1000 1:5]");
	last_is("INBOX", "two");
	assert_int_equal(fake_box(&store, "INBOX")->m[1].flags, STORE_DRAFT);
	assert_int_equal(fake_box(&store, "INBOX")->m[2].flags, 0);
	assert_int_equal(fake_box(&store, "INBOX")->m[4].flags, STORE_SEEN);
	EXPECT("s SELECT INBOX\r\nf FETCH 1:* BODY.PEEK[]\r\n", "{5}\r\nA: 1\n)", "{8}\r\nB: 2\none)", "{5}\r\nC: 3\n)",
	    "{3}\r\none)", "{3}\r\ntwo)");
	/* all or none */
	EXPECT("a APPEND INBOX {5+}\r\nA: 1\n CATENATE (URL /Drafts/;UID=9)\r\n", "a NO [BADURL /Drafts/;UID=9]");
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1) CATENATE (URL /Drafts/;UID=9)\r\n", "a NO [BADURL");
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1) {0+}\r\n\r\n", "a NO [CANNOT]");
	assert_int_equal(fake_box(&store, "INBOX")->count, 5);
	assert_int_equal(store.staged_count, 0);
}

/* A draft becomes the next one. */
static void
test_replace(void **state)
{
	(void)state;
	start();
	EXPECT("s SELECT Drafts\r\na REPLACE 1 Drafts (\\Draft) CATENATE (TEXT {8}\r\n", "+ OK");
	EXPECT("X: new\r\n URL ;UID=1)\r\n", "* OK [APPENDUID 1000 2] ", "* 1 EXPUNGE\r\n", "a OK Replace");
	last_is("Drafts", "X: new\r\n" PARTS);
	EXPECT("s SELECT Drafts\r\na UID REPLACE 2 Drafts CATENATE (URL ;UID=1)\r\n", "a NO [BADURL ;UID=1]");
	EXPECT("a UID REPLACE 2 Drafts CATENATE (URL ;UID=2) CATENATE (URL ;UID=2)\r\n", "a BAD REPLACE takes one");
	EXPECT("a UID REPLACE 2 Drafts CATENATE (URL ;UID=2/;SECTION=HEADER)\r\n", "[APPENDUID 1000 3]", "a OK");
}

static void
test_sizes(void **state)
{
	(void)state;
	start();
	shared.message_max = 3 * strlen(PARTS);
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1 URL /Drafts/;UID=1 URL /Drafts/;UID=1)\r\n", "a OK");
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1 URL /Drafts/;UID=1 URL /Drafts/;UID=1 TEXT {1+}\r\nx)\r\n"
	    "b NOOP\r\n", "a NO [TOOBIG]", "b OK");
	EXPECT("a APPEND INBOX CATENATE (URL /Drafts/;UID=1 URL /Drafts/;UID=1 TEXT {1+}\r\nx URL /Drafts/;UID=1)\r\n"
	    "b NOOP\r\n", "a NO [TOOBIG]", "b OK");
	/* nothing at all */
	EXPECT("a APPEND INBOX CATENATE (TEXT {0+}\r\n)\r\n", "a NO [CANNOT]");
	EXPECT("a APPEND INBOX CATENATE (TEXT {0+}\r\n URL /Drafts/;UID=1/;PARTIAL=999 TEXT {0}\r\n", "+ OK");
	EXPECT(")\r\n", "a NO [CANNOT]");
	EXPECT("a APPEND INBOX CATENATE (TEXT {0+}\r\n TEXT {1+}\r\nx)\r\n", "a OK");
	last_is("INBOX", "x");
}

static void
test_part_limit(void **state)
{
	(void)state;
	start();
	for (int over = 0; over < 2; over++) {
		buf_reset(&f.out);
		fake_say(&f, "a APPEND INBOX CATENATE (URL /Drafts/;UID=1/;SECTION=1");
		for (int i = 1; i < IMAP_CATENATE_PARTS_MAX + over; i++)
			fake_say(&f, " TEXT {1+}\r\nx");
		fake_say(&f, ")\r\nb NOOP\r\n");
		assert_true(say_has(over ? "a BAD Too many parts" : "a OK [APPENDUID"));
		assert_true(say_has("b OK"));
	}
}

/* What does not stay in memory: the draft's file, and that of the sealed bytes. */
static void
test_large(void **state)
{
	size_t n = IMAP_DRAFT_MEMORY + 70000;
	char *text = malloc(n + 1), *all = malloc(4 * n + 100);

	(void)state;
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i * i % 23);
	memcpy(text, "S: x\r\n\r\n", 8);
	text[n] = '\0';
	shared.message_max = 4u << 20;
	start();
	say_append("Drafts", "", text);
	(void)sprintf(all, "a APPEND INBOX CATENATE (URL /Drafts/;UID=2 TEXT {%zu+}\r\n%s URL /Drafts/;UID=2) "
	    "CATENATE (URL /Drafts/;UID=1)\r\n", n, text);
	buf_reset(&f.out);
	fake_say(&f, all);
	assert_true(say_has("a OK [APPENDUID 1000 1:2]"));
	EXPECT("s SELECT INBOX\r\n", "s OK");
	buf_reset(&f.out);
	fake_say(&f, "f FETCH 1 BODY.PEEK[]\r\n");
	(void)sprintf(all, "{%zu}\r\n%s%s%s)\r\nf OK", 3 * n, text, text, text);
	assert_true(say_has(all));
	/* a literal alone */
	(void)sprintf(all, "a APPEND INBOX CATENATE (TEXT {%zu+}\r\n%s)\r\n", n, text);
	buf_reset(&f.out);
	fake_say(&f, all);
	assert_true(say_has("a OK [APPENDUID 1000 3]"));
	/* cut off in the middle */
	all[n] = '\0';
	fake_say(&f, all);
	free(text);
	free(all);
}

static void
test_eight_bit(void **state)
{
	(void)state;
	start();
	EXPECT("a APPEND INBOX CATENATE (TEXT {10+}\r\nS: \xc3\xa4\r\n\r\nx)\r\nb NOOP\r\n", "a NO [CANNOT]", "b OK");
	EXPECT("e ENABLE UTF8=ACCEPT\r\na APPEND INBOX CATENATE (UTF8 (~{10+}\r\nS: \xc3\xa4\r\n\r\nx) URL /Drafts/;UID=1)\r\n",
	    "a OK");
	last_is("INBOX", "S: \xc3\xa4\r\n\r\nx" PARTS);
	fake_say_bytes(&f, SLICE_LIT("a APPEND INBOX CATENATE (TEXT {3+}\r\na\0b)\r\nc NOOP\r\n"));
	assert_true(say_has("a BAD NUL") && say_has("c OK"));
	fake_say_bytes(&f, SLICE_LIT("d APPEND INBOX CATENATE (TEXT ~{3+}\r\na\0b)\r\ne NOOP\r\n"));
	assert_true(say_has("d NO [UNKNOWN-CTE]") && say_has("e OK"));
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_parts), T(test_split), T(test_urls), T(test_bad_urls), T(test_syntax), T(test_several),
		T(test_replace), T(test_sizes), T(test_part_limit), T(test_large), T(test_eight_bit),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
