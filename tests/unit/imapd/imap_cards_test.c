/* SPDX-License-Identifier: ISC */
/*
 * Lists of many messages (imap_cards): told from card blocks as from the messages
 * themselves, whatever there is of blocks; and the form of a card.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_card.h"
#include "imapd/imap_cards.h"
#include "tests/unit/imapd/imap_say.h"

#define LIST	"a FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)\r\n"

/* ---- the form ---- */

static void
test_card(void **state)
{
	struct imap_memo_text t = { SLICE_LIT("(envelope)"), SLICE_LIT("(\"text\" \"plain\")"),
	    SLICE_LIT("\1\2") }, back;
	static char big[IMAP_ENTRY_MAX];
	struct slice card;
	struct buf b;

	(void)state;
	buf_init(&b, IMAP_ENTRY_MAX);
	assert_int_equal(imap_card_put(&b, &t), ERR_OK);
	card = buf_slice(&b);
	assert_int_equal(imap_card_get(&back, card), ERR_OK);
	assert_true(slice_eq(back.envelope, t.envelope) && slice_eq(back.structure, t.structure));
	assert_true(slice_eq(back.cuts, t.cuts));
	/* what ends with the structure's bytes is no error: its block has the length */
	for (size_t n = 0; n < 8 + t.cuts.n + t.envelope.n; n++)
		assert_int_equal(imap_card_get(&back, slice_head(card, n)), ERR_CORRUPT);
	buf_data(&b)[0] = 2;
	assert_int_equal(imap_card_get(&back, card), ERR_VERSION);
	buf_reset(&b);
	t = (struct imap_memo_text){ .structure = slice_of(big, sizeof(big) - 8) };
	assert_int_equal(imap_card_put(&b, &t), ERR_OK);
	buf_reset(&b);
	t.cuts = SLICE_LIT("c");
	assert_int_equal(imap_card_put(&b, &t), ERR_TOOBIG);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

/* ---- lists ---- */

static void
deliver(uint32_t from, uint32_t to)
{
	char msg[1000];

	for (uint32_t i = from; i <= to; i++) {
		(void)snprintf(msg, sizeof(msg), "From: \"Name %u\" <u%u@a.example>\r\n"
		    "To: bob@b.example\r\nSubject: subject %u\r\nMessage-ID: <%u@a.example>\r\n"
		    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		    "--b\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\nhay %u\r\n"
		    "--b\r\nContent-Type: image/png; name=\"%u.png\"\r\n"
		    "Content-Disposition: attachment\r\n\r\npng\r\n--b--\r\n",
		    i % 7, i, i, i, i, i);
		fake_deliver(&f, "INBOX", slice_str(msg));
	}
}

static void
again(void)
{
	fake_fini(&f);
	fake_init(&f, &shared, &store, true);
	say_login();
	EXPECT("s SELECT INBOX\r\n", "s OK");
}

/* The list, by the blocks and without them: the same, in the same order. */
static void
compare(const char *list)
{
	struct buf with;

	say_expect(list, (const char *const[]){ "a OK" }, 1);
	buf_init(&with, 1u << 20);
	buf_put_slice(&with, buf_slice(&f.out));
	store.no_columns = true;
	say_expect(list, (const char *const[]){ "a OK" }, 1);
	assert_string_equal(buf_cstr(&with), buf_cstr(&f.out));
	store.no_columns = false;
	buf_fini(&with);
}

static void
list(unsigned contents, unsigned blocks)
{
	store.contents_given = store.columns_read = 0;
	EXPECT(LIST, "* 1 FETCH (UID 1 ", "a OK Fetch completed");
	assert_int_equal(store.contents_given, contents);
	assert_int_equal(store.columns_read, blocks);
}

static void
test_lists(void **state)
{
	static const char *const lists[] = {
		LIST, "a FETCH 1:* ENVELOPE\r\n", "a FETCH 1:* (BODY)\r\n",
		"a UID FETCH 30:120,140:* (ENVELOPE INTERNALDATE)\r\n",
		"a UID FETCH 1:* (BODYSTRUCTURE) (CHANGEDSINCE 1)\r\n",
		"a UID FETCH 1:* (ENVELOPE) (PARTIAL -1:-80)\r\n",
	};

	(void)state;
	say_login();
	deliver(1, 200);
	EXPECT("s SELECT INBOX\r\n", "* 200 EXISTS", "s OK");
	/* the first list opens all and makes the blocks: those of UIDs 0 to 255 */
	list(200, 0);
	assert_int_equal(store.column_count, 4);
	/* another session opens blocks, and no message */
	again();
	list(0, 4);
	EXPECT("a ENABLE CONDSTORE\r\n", "a OK");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		compare(lists[i]);
	/* so does the same one: nothing of so much is kept in memory */
	list(0, 4);
	assert_int_equal(shared.memo_bytes, 0);
	store.column_page = 1;
	store.page_rows = 11;
	compare(LIST);
	again();
	list(0, 4);
}

/* Few messages are opened themselves: each would need a block, and its key. */
static void
test_few(void **state)
{
	(void)state;
	say_login();
	deliver(1, IMAP_CARDS_MIN);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	EXPECT("a FETCH 2:* ENVELOPE\r\n", "a OK");
	assert_int_equal(store.column_count, 0);
	EXPECT("a FETCH 1:* ENVELOPE\r\n", "a OK");
	assert_int_equal(store.column_count, 1);
	store.columns_read = 0;
	EXPECT("a UID FETCH 2:999999 ENVELOPE\r\n", "a OK");
	EXPECT("a FETCH 2:* ENVELOPE\r\n", "a OK");
	assert_int_equal(store.columns_read, 0);
}

static void
test_grows(void **state)
{
	(void)state;
	say_login();
	deliver(1, 100);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	list(100, 0);
	/* what came since is opened, and not worth a block yet */
	deliver(101, 104);
	again();
	list(4, 2);
	list(4, 2);
	deliver(105, 140);
	again();
	/* the old block is completed, the next one begun */
	list(40, 2);
	again();
	list(0, 3);
	compare(LIST);
	/* a block that does not open, and one that is no block, are made again */
	buf_data(&store.columns[1].data)[100] ^= 1;
	again();
	list(64, 3);
	again();
	list(0, 3);
	/* a hole: its messages come last, and each comes once */
	buf_data(&store.columns[0].data)[100] ^= 1;
	again();
	EXPECT(LIST, "* 64 FETCH", "* 140 FETCH", "* 1 FETCH", "* 63 FETCH", "a OK");
	again();
	EXPECT(LIST, "* 1 FETCH", "* 64 FETCH", "* 140 FETCH", "a OK");
}

/* Messages that do not open are left out, and the answer says so. */
static void
test_damaged(void **state)
{
	(void)state;
	say_login();
	deliver(1, 70);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	store.contents[9].wrapped[20] ^= 1;
	EXPECT(LIST, "* 9 FETCH", "* 11 FETCH", "* 70 FETCH", "a NO [CORRUPTION]");
	assert_false(say_has("* 10 FETCH"));
	store.contents[9].wrapped[20] ^= 1;
	/* the block lacks it: it alone is opened, and seven that are not worth one */
	again();
	store.contents_given = 0;
	EXPECT(LIST, "* 9 FETCH", "* 63 FETCH", "* 10 FETCH", "* 64 FETCH", "a OK");
	assert_int_equal(store.contents_given, 8);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_card), T(test_lists), T(test_few), T(test_grows),
		T(test_damaged),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
