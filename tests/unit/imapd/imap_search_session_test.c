/* SPDX-License-Identifier: ISC */
/* SEARCH and its relatives in whole sessions. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "imapd/imap_fresh.h"
#include "imapd/imap_saved.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG(from, subject, date, body) "From: " from "\r\nSubject: " subject "\r\nDate: " date \
	"\r\n\r\n" body "\r\n"

static void
start(void)
{
	say_login();
	say_append("INBOX", "(\\Flagged) ", MSG("Ann <ann@a.example>", "one",
	    "Tue, 2 Jan 2024 10:00:00 +0000", "needle"));
	say_append("INBOX", "", MSG("Eve <eve@a.example>", "two",
	    "Wed, 3 Jan 2024 10:00:00 +0000", "hay"));
	say_append("INBOX", "(\\Flagged) ", MSG("Bob <bob@a.example>", "three",
	    "Mon, 1 Jan 2024 10:00:00 +0000", "needle"));
	EXPECT("s SELECT INBOX\r\n", "* 3 EXISTS", "s OK");
}

/* RFC 4731 s3.1; RFC 9051 s6.4.4: no SEARCH response. */
static void
test_esearch(void **state)
{
	(void)state;
	start();
	EXPECT("a SEARCH RETURN (MIN COUNT) FLAGGED\r\n",
	    "* ESEARCH (TAG \"a\") MIN 1 COUNT 2\r\na OK");
	EXPECT("a UID SEARCH RETURN (ALL) BODY needle\r\n",
	    "* ESEARCH (TAG \"a\") UID ALL 1,3\r\na OK");
	fake_unheard(&f);
	EXPECT("a SEARCH RETURN (PARTIAL -1:-2) ALL\r\n",
	    "* ESEARCH (TAG \"a\") PARTIAL (-1:-2 2:3)\r\na OK");
	EXPECT("a SEARCH RETURN (ALL) CHARSET KOI8-R ALL\r\n", "a NO [BADCHARSET");
	EXPECT("a SEARCH RETURN (NO) ALL\r\n", "a BAD");
	EXPECT("a SEARCH RETURN (ALL)\r\n", "a BAD");
	f.s->enabled |= IMAP_EN_REV2;
	EXPECT("a SEARCH FLAGGED\r\n", "* ESEARCH (TAG \"a\") ALL 1,3\r\na OK");
	EXPECT("a SEARCH DELETED\r\n", "* ESEARCH (TAG \"a\")\r\na OK");
	f.s->enabled |= IMAP_EN_UTF8;
	EXPECT("a SEARCH CHARSET UTF-8 ALL\r\n", "a BAD");
}

/* RFC 5182 */
static void
test_saved(void **state)
{
	(void)state;
	start();
	/* nothing is saved yet */
	EXPECT("a FETCH $ UID\r\n", "");
	assert_false(say_has("* "));
	assert_true(say_has("a OK"));
	EXPECT("a UID EXPUNGE $\r\n", "a OK");
	assert_false(say_has("EXPUNGE\r\n"));
	EXPECT("a SEARCH RETURN (SAVE) FLAGGED\r\n", "a OK");
	assert_false(say_has("* "));
	EXPECT("a FETCH $ UID\r\n", "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\na OK");
	EXPECT("a SEARCH $ SUBJECT three\r\n", "* SEARCH 3\r\na OK");
	EXPECT("a UID SEARCH NOT $\r\n", "* SEARCH 2\r\na OK");
	EXPECT("a SEARCH UID $\r\n", "* SEARCH 1 3\r\na OK");
	EXPECT("a STORE $ +FLAGS (\\Deleted)\r\n", "* 1 FETCH (FLAGS", "* 3 FETCH (FLAGS", "a OK");
	EXPECT("a CREATE x\r\nb COPY $ x\r\n", "b OK [COPYUID 1000 1,3 1,2]");
	/* a search of what was saved, saved in its place */
	EXPECT("a SEARCH RETURN (SAVE MIN) $\r\n", "* ESEARCH (TAG \"a\") MIN 1\r\na OK");
	/* those that are gone are no longer in it: s2.1 */
	EXPECT("a UID EXPUNGE 1\r\n", "* 1 EXPUNGE\r\n", "a OK");
	EXPECT("a FETCH $ UID\r\n", "a OK");
	assert_false(say_has("* "));
	/* BAD keeps it, NO empties it */
	EXPECT("a SEARCH RETURN (SAVE) SUBJECT two\r\n", "a OK");
	EXPECT("a SEARCH RETURN (SAVE) FOO\r\n", "a BAD");
	EXPECT("a FETCH $ UID\r\n", "* 1 FETCH (UID 2)\r\na OK");
	EXPECT("a SEARCH RETURN (SAVE) CHARSET KOI8-R ALL\r\n", "a NO");
	EXPECT("a UID FETCH $ FLAGS\r\n", "a OK");
	assert_false(say_has("* "));
	/* another mailbox: s2.1 */
	EXPECT("a SEARCH RETURN (SAVE) ALL\r\n", "a OK");
	EXPECT("a SELECT INBOX\r\nb FETCH $ UID\r\n", "b OK");
	assert_false(say_has("FETCH (UID"));
	EXPECT("a FETCH 1,$ UID\r\n", "a BAD");
}

/* As many ranges as a set may have, and one more. */
static void
test_saved_limit(void **state)
{
	struct imap_return r = { .is_given = true, .opts = IMAP_RETURN_SAVE };
	struct imap_found found;
	struct imap_cmd c = { .s = f.s };

	(void)state;
	imap_found_init(&found, IMAP_FOUND_MAX);
	for (uint32_t i = 0; i < STORE_SET_MAX; i++)
		imap_found_add(&found, 2 * i + 1, 2 * i + 1, 1);
	assert_true(imap_saved_keep(&c, &r, &found));
	assert_int_equal(f.s->view.saved_bytes, 8 * STORE_SET_MAX);
	/* neighbours in the view are one range */
	imap_found_add(&found, 3 * STORE_SET_MAX, 2 * STORE_SET_MAX, 1);
	assert_true(imap_saved_keep(&c, &r, &found));
	imap_found_add(&found, 4 * STORE_SET_MAX, 3 * STORE_SET_MAX, 1);
	assert_false(imap_saved_keep(&c, &r, &found));
	assert_string_equal(c.code, "NOTSAVED");
	assert_int_equal(f.s->view.saved_bytes, 0);
	imap_found_fini(&found);
}

/* RFC 5256, RFC 5267, RFC 5957 */
static void
test_sort(void **state)
{
	(void)state;
	start();
	EXPECT("a SORT (DATE) UTF-8 ALL\r\n", "* SORT 3 1 2\r\na OK");
	EXPECT("a UID SORT (REVERSE SUBJECT) US-ASCII FLAGGED\r\n", "* SORT 3 1\r\na OK");
	EXPECT("a SORT (DISPLAYFROM) UTF-8 BODY needle\r\n", "* SORT 1 3\r\na OK");
	EXPECT("a SORT (SIZE) UTF-8 DELETED\r\n", "* SORT\r\na OK");
	EXPECT("a SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 ALL\r\n",
	    "* ESEARCH (TAG \"a\") MIN 3 MAX 2 COUNT 3 ALL 3,1:2\r\na OK");
	EXPECT("a UID SORT RETURN (PARTIAL -1:-1) (DATE) UTF-8 ALL\r\n",
	    "* ESEARCH (TAG \"a\") UID PARTIAL (-1:-1 2)\r\na OK");
	EXPECT("a SORT RETURN (SAVE) (DATE) UTF-8 FLAGGED\r\nb FETCH $ UID\r\n",
	    "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\nb OK");
	EXPECT("a SORT (DATE) KOI8-R ALL\r\n", "a NO [BADCHARSET (US-ASCII UTF-8)]");
	EXPECT("a SORT (DATE) UTF-8\r\n", "a BAD");
	EXPECT("a SORT DATE UTF-8 ALL\r\n", "a BAD");
	EXPECT("a SORT () UTF-8 ALL\r\n", "a BAD");
}

static void
test_thread(void **state)
{
	(void)state;
	start();
	say_append("INBOX", "", "Subject: re: ONE\r\nDate: Fri, 5 Jan 2024 10:00:00 +0000\r\n\r\n");
	EXPECT("a NOOP\r\n", "a OK");
	EXPECT("a THREAD REFERENCES UTF-8 ALL\r\n", "* THREAD (3)(1 4)(2)\r\na OK");
	EXPECT("a UID THREAD ORDEREDSUBJECT UTF-8 NOT SUBJECT two\r\n",
	    "* THREAD (3)(1 4)\r\na OK");
	EXPECT("a THREAD REFS US-ASCII ALL\r\n", "* THREAD (1)(2)(3)(4)\r\na OK");
	EXPECT("a THREAD REFS UTF-8 DELETED\r\n", "* THREAD\r\na OK");
	EXPECT("a THREAD OTHER UTF-8 ALL\r\n", "a BAD");
	EXPECT("a THREAD REFS ALL\r\n", "a BAD");
}

/* RFC 9394 s3.3 */
static void
test_fetch_page(void **state)
{
	(void)state;
	start();
	EXPECT("a UID FETCH 1:* (FLAGS) (PARTIAL 1:2)\r\n", "* 1 FETCH (UID 1 ", "* 2 FETCH (UID 2 ",
	    "a OK");
	assert_false(say_has("* 3 FETCH"));
	EXPECT("a UID FETCH 1:* (ENVELOPE) (PARTIAL -1:-1)\r\n", "* 3 FETCH (UID 3 ENVELOPE", "a OK");
	assert_false(say_has("* 2 FETCH"));
	EXPECT("a UID FETCH 2:3 UID (PARTIAL -2:-5)\r\n", "* 2 FETCH (UID 2)\r\na OK");
	EXPECT("a UID FETCH 1,3 (BODY[TEXT]) (PARTIAL 2:9)\r\n", "* 3 FETCH (UID 3 BODY[TEXT]", "a OK");
	EXPECT("a SEARCH UNSEEN\r\n", "* SEARCH 1 2\r\n");
	EXPECT("a UID FETCH 1:* FLAGS (PARTIAL 4:9)\r\n", "a OK");
	assert_false(say_has("FETCH ("));
	EXPECT("a SEARCH RETURN (SAVE) FLAGGED\r\nb UID FETCH $ UID (PARTIAL -1:-1)\r\n",
	    "* 3 FETCH (UID 3)\r\nb OK");
	EXPECT("a UID FETCH 1:* FLAGS (PARTIAL 1:2 PARTIAL 1:2)\r\n", "a BAD");
	EXPECT("a UID FETCH 1:* FLAGS (PARTIAL 0:2)\r\n", "a BAD");
	EXPECT("a UID FETCH 1:* FLAGS (PARTIAL -1:2)\r\n", "a BAD");
}

/* A search for mod-sequences enables them (RFC 7162 s3.1), and the answer has one. */
static void
test_modseq(void **state)
{
	(void)state;
	start();
	EXPECT("a SEARCH MODSEQ 1\r\n", "[HIGHESTMODSEQ ", "* SEARCH 1 2 3 (MODSEQ ", ")\r\na OK");
	EXPECT("a SEARCH RETURN (COUNT) MODSEQ 1\r\n", "* ESEARCH (TAG \"a\") COUNT 3 MODSEQ ", "a OK");
	EXPECT("a SORT (DATE) UTF-8 MODSEQ 1\r\n", "* SORT 3 1 2 (MODSEQ ", "a OK");
	EXPECT("a SEARCH MODSEQ 9999\r\n", "* SEARCH\r\na OK");
}

/* ---- column blocks ---- */

static void
append_mails(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i <= to; i++) {
		char msg[400];

		(void)snprintf(msg, sizeof(msg), "From: \"Name %u\" <user%u@a.example>\r\n"
		    "To: bob@b.example\r\nSubject: %ssubject %u\r\n"
		    "Date: %u Jan 2024 10:00:%02u +0000\r\nMessage-ID: <%u@a.example>\r\n"
		    "References: <%u@a.example>\r\nX-Number: %u\r\n\r\n%s\r\n", i % 7, i, i % 2 ? "Re: " : "",
		    i % 10, 1 + i % 28, i % 60, i, i / 2, i, i % 9 ? "hay" : "needle");
		say_append("INBOX", i % 5 ? "" : "(\\Flagged) ", msg);
	}
}

/* Without blocks for them. */
static void
append_many(uint32_t from, uint32_t to)
{
	store.no_columns = true;
	append_mails(from, to);
	store.no_columns = false;
}

static const char *const queries[] = {
	"a SEARCH SUBJECT \"subject 3\"\r\n", "a UID SEARCH NOT FROM user1\r\n",
	"a SEARCH FLAGGED TO bob BODY needle\r\n", "a SEARCH SENTON 3-Jan-2024\r\n",
	"a SEARCH OR SUBJECT 7 HEADER X-Number 12\r\n", "a SEARCH HEADER Message-ID 13@\r\n",
	"a SEARCH 5:9,60:70,140:* SUBJECT re:\r\n", "a SEARCH UNFLAGGED UID 1,3,64,65,150 SUBJECT e\r\n",
	"a SORT (REVERSE SUBJECT FROM) UTF-8 ALL\r\n", "a SORT (DISPLAYFROM DATE) UTF-8 FLAGGED\r\n",
	"a THREAD REFERENCES UTF-8 ALL\r\n", "a THREAD ORDEREDSUBJECT UTF-8 SUBJECT 4\r\n",
	"a SEARCH CC nobody\r\n",
};

/* Each query, by the blocks and without them. */
static void
compare_all(void)
{
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct buf with;

		store.no_columns = false;
		say_expect(queries[i], (const char *const[]){ "a OK" }, 1);
		buf_init(&with, 1u << 20);
		buf_put_slice(&with, buf_slice(&f.out));
		store.no_columns = true;
		say_expect(queries[i], (const char *const[]){ "a OK" }, 1);
		assert_string_equal(buf_cstr(&with), buf_cstr(&f.out));
		buf_fini(&with);
	}
	store.no_columns = false;
}

static void
test_columns(void **state)
{
	(void)state;
	say_login();
	append_many(1, 150);
	EXPECT("s SELECT INBOX\r\n", "* 150 EXISTS", "s OK");
	/* the first search makes the blocks, the second asks for nothing else */
	EXPECT("a SEARCH SUBJECT \"subject 3\"\r\n", "* SEARCH 3 13 23", " 143\r\na OK");
	assert_int_equal(store.column_count, 3);
	assert_int_equal(store.columns_read, 0);
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT \"subject 3\"\r\n", "* SEARCH 3 13 23", " 143\r\na OK");
	EXPECT("a SORT (FROM) UTF-8 SUBJECT \"subject 3\"\r\n", "a OK");
	EXPECT("a THREAD REFS UTF-8 ALL\r\n", "a OK");
	assert_int_equal(store.contents_given, 0);
	assert_int_equal(store.columns_read, 9);
	/* only blocks that rows leave open */
	store.columns_read = 0;
	EXPECT("a SEARCH UID 70 SUBJECT x\r\n", "* SEARCH\r\na OK");
	EXPECT("a SEARCH UNFLAGGED FLAGGED SUBJECT x\r\n", "* SEARCH\r\na OK");
	assert_int_equal(store.columns_read, 1);
	compare_all();
	store.column_page = 1;
	store.page_rows = 11;
	compare_all();
	/* what is wanted besides is read of those that columns leave open */
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT \"subject 3\" BODY needle\r\n", "* SEARCH 63\r\na OK");
	assert_int_equal(store.contents_given, 15);
}

/* They come another way, and the session hears of it. */
static void
deliver_many(uint32_t from, uint32_t to)
{
	char msg[200];

	for (uint32_t i = from; i <= to; i++) {
		(void)snprintf(msg, sizeof(msg), "Subject: subject %u\r\n\r\nhay\r\n", i % 10);
		fake_deliver(&f, "INBOX", slice_str(msg));
	}
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
}

/* Mail comes while the session idles: whole blocks are made, the rest is left. */
static void
test_columns_ahead(void **state)
{
	(void)state;
	say_login();
	append_many(1, 70);
	EXPECT("s SELECT INBOX\r\na IDLE\r\n", "* 70 EXISTS", "+ idling");
	deliver_many(71, 126);
	assert_int_equal(store.column_count, 0);
	deliver_many(127, 130);
	/* block 0, of mail that was there, too; and not one message told of */
	assert_int_equal(store.column_count, 2);
	assert_false(say_has("SEARCH"));
	EXPECT("DONE\r\n", "a OK");
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT \"subject 3\"\r\n", "* SEARCH 3 13 23", " 113 123\r\na OK");
	assert_int_equal(store.contents_given, 3);
}

static void
test_columns_grow(void **state)
{
	(void)state;
	say_login();
	append_many(1, 60);
	EXPECT("s SELECT INBOX\r\na SEARCH SUBJECT 5\r\n", "* SEARCH 5 15 ", "a OK");
	assert_int_equal(store.column_count, 1);
	/* a few more: not worth a block */
	append_many(61, 67);
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT 5\r\n", "* SEARCH 5 15 ", " 65\r\na OK");
	assert_int_equal(store.contents_given, 7);
	EXPECT("a SEARCH SUBJECT 5\r\n", " 65\r\na OK");
	assert_int_equal(store.contents_given, 14);
	/* then both: the old block is completed, the new one begun */
	append_many(68, 75);
	EXPECT("a NOOP\r\na SEARCH SUBJECT 5\r\n", " 65 75\r\na OK");
	assert_int_equal(store.column_count, 2);
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT 5\r\n", " 65 75\r\na OK");
	assert_int_equal(store.contents_given, 3);
	compare_all();
	/* a block that does not open is made again */
	buf_data(&store.columns[0].data)[100] ^= 1;
	EXPECT("a SEARCH SUBJECT 5\r\n", "* SEARCH 5 15 ", " 75\r\na OK");
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT 5\r\n", "* SEARCH 5 15 ", " 75\r\na OK");
	assert_int_equal(store.contents_given, 0);
	/* of another message: its key does not fit */
	store.columns[1].content++;
	compare_all();
}

/* ---- blocks of what was appended ---- */

static void
test_fresh(void **state)
{
	char all[20000];
	size_t n;

	(void)state;
	say_login();
	append_mails(1, 62);
	assert_int_equal(store.column_count, 0);
	append_mails(63, 130);
	assert_int_equal(store.column_count, 4);
	EXPECT("s SELECT INBOX\r\n", "* 130 EXISTS", "s OK");
	/* the first list and search open those of the third block alone */
	store.contents_given = 0;
	EXPECT("a FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n", "* 1 FETCH", "* 130 FETCH", "a OK");
	assert_int_equal(store.contents_given, 3);
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT \"subject 9\"\r\n", "* SEARCH 9 19 ", " 129\r\na OK");
	assert_int_equal(store.contents_given, 3);
	/* MULTIAPPEND, and another mailbox */
	EXPECT("a CREATE x\r\n", "a OK");
	n = (size_t)snprintf(all, sizeof(all), "a APPEND x");
	for (int i = 0; i < 8; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, " {30+}\r\nSubject: several %d\r\n\r\nbody..\r\n", i);
	(void)snprintf(all + n, sizeof(all) - n, "\r\n");
	for (int i = 0; i < 8; i++)
		say_expect(all, (const char *const[]){ "a OK" }, 1);
	assert_int_equal(store.column_count, 6);
	assert_true(shared.fresh_bytes > 0);
	EXPECT("s SELECT x\r\n", "* 64 EXISTS", "s OK");
	assert_int_equal(shared.fresh_bytes, 0);
	store.contents_given = 0;
	EXPECT("a SEARCH SUBJECT \"several 3\"\r\n", "* SEARCH 4 12 20 28 36 44 52 60\r\na OK");
	assert_int_equal(store.contents_given, 1);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	compare_all();
}

/* A block has to come in one go: nothing is written of one that did not. */
static void
test_fresh_not(void **state)
{
	(void)state;
	say_login();
	append_mails(1, 30);
	assert_true(shared.fresh_bytes > 0);
	f.now_ms += IMAP_FRESH_MS;
	append_mails(31, 40);
	f.now_ms += IMAP_FRESH_MS + 1;
	append_mails(41, 70);
	assert_int_equal(store.column_count, 0);
	/* the second block from its beginning on */
	append_mails(71, 127);
	assert_int_equal(store.column_count, 2);
	append_mails(128, 150);
	EXPECT("a CREATE x\r\na APPEND x {10+}\r\nA: b\r\n\r\nhi\r\n", "a OK", "a OK");
	append_mails(151, 191);
	append_mails(192, 200);
	EXPECT("a IDLE\r\n", "+ idling");
	assert_int_equal(shared.fresh_bytes, 0);
	EXPECT("DONE\r\n", "a OK");
	append_mails(201, 255);
	assert_int_equal(store.column_count, 2);
	/* one that is refused; one of a header alone, which search opens otherwise */
	append_mails(256, 260);
	store.no_epoch = 1;
	EXPECT("a APPEND INBOX {10+}\r\nA: b\r\n\r\nhi\r\n", "a NO");
	assert_int_equal(shared.fresh_bytes, 0);
	append_mails(261, 319);
	assert_int_equal(store.column_count, 2);
	append_mails(320, 320);
	EXPECT("a APPEND INBOX {8+}\r\nA: b\r\n\r\n\r\n", "a OK");
	append_mails(322, 383);
	assert_int_equal(store.column_count, 2);
	append_mails(384, 447);
	assert_int_equal(store.column_count, 4);
	/* from the middle of a block to the beginning of another mailbox, and back */
	append_mails(448, 450);
	EXPECT("a CREATE y\r\n", "a OK");
	for (int i = 1; i <= 63; i++)
		say_append("y", "", "Subject: s\r\n\r\nbody\r\n");
	assert_int_equal(store.column_count, 6);
}

/* The entry has the subject twice. */
static void
append_long(int subject_bytes, int id_bytes)
{
	char msg[2200];

	(void)snprintf(msg, sizeof(msg), "Subject: %0*d\r\nMessage-ID: <%0*d@x>\r\n\r\nbody\r\n",
	    subject_bytes, 1, id_bytes, 1);
	say_append("INBOX", "", msg);
}

static void
test_fresh_limits(void **state)
{
	(void)state;
	say_login();
	/* a block of them is under the limit, and over it */
	for (int i = 0; i < 63; i++)
		append_long(990, 1);
	assert_int_equal(store.column_count, 2);
	for (int i = 0; i < 64; i++)
		append_long(990, 200);
	assert_int_equal(store.column_count, 2);
	shared.fresh_bytes = IMAP_FRESH_SHARED_MAX;
	for (int i = 0; i < 64; i++)
		append_long(1, 1);
	assert_int_equal(shared.fresh_bytes, IMAP_FRESH_SHARED_MAX);
	assert_int_equal(store.column_count, 2);
	shared.fresh_bytes = IMAP_FRESH_SHARED_MAX - 1;
	append_long(1, 1);
	assert_true(shared.fresh_bytes > IMAP_FRESH_SHARED_MAX);
	append_long(1, 1);
	assert_int_equal(shared.fresh_bytes, IMAP_FRESH_SHARED_MAX - 1);
	shared.fresh_bytes = 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(x)	cmocka_unit_test_setup_teardown(x, say_setup, say_teardown)
		T(test_esearch), T(test_saved), T(test_saved_limit), T(test_sort), T(test_thread), T(test_fetch_page), T(test_modseq),
		T(test_columns), T(test_columns_ahead), T(test_columns_grow),
		T(test_fresh), T(test_fresh_not), T(test_fresh_limits),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
