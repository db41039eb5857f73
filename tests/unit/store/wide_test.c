/* SPDX-License-Identifier: ISC */
/*
 * Keywords beyond 24: columns of a wide page against an array, damaged parts,
 * and in the store the limits at limit + 1, narrow pages that stay narrow, and
 * what COPY and a restart keep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_wide.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static uint64_t seed = 99;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

/* ---- columns ---- */

static struct flagset	rows[PAGE_HOT_ROWS];

static void
compare(const struct wide *w, unsigned n)
{
	unsigned char more[STORE_MORE_BYTES];
	struct flagset f;

	for (unsigned i = 0; i < n; i++) {
		f = flagset_of(0, slice_of(more, wide_row(w, i, more)));
		assert_true(flagset_eq(&f, &rows[i]));
	}
}

static void
through_parts(struct wide *w, unsigned n)
{
	struct page_bytes bytes;
	struct wide back = { 0 };
	unsigned parts = wide_part_count(w->n);

	for (unsigned i = 0; i < parts; i++) {
		wide_put(w, i, &bytes);
		assert_true(bytes.n <= PAGE_BYTES_MAX);
		assert_int_equal(wide_read(&back, page_slice(&bytes), n), ERR_OK);
	}
	assert_int_equal(back.n, w->n);
	wide_fini(w);
	*w = back;
}

static void
test_columns(void **state)
{
	struct flagset f;
	struct wide w = { 0 };
	unsigned n = PAGE_HOT_ROWS, at;

	(void)state;
	memset(rows, 0, sizeof(rows));
	assert_false(wide_set_row(&w, 5, SLICE_NONE));
	assert_int_equal(wide_part_count(0), 0);
	for (unsigned i = 0; i < 4000; i++) {
		at = rnd(n);
		f = (struct flagset){ 0 };
		for (unsigned k = rnd(4); k > 0; k--)
			flagset_add(&f, STORE_KEYWORD_COUNT + rnd(i < 2000 ? 40 :
			    WIDE_COLUMNS_MAX));
		assert_int_equal(wide_set_row(&w, at, flagset_more(&f)),
		    !flagset_eq(&f, &rows[at]));
		rows[at] = f;
		if (i % 97 == 0) {
			at = rnd(n);
			wide_remove_row(&w, at);
			memmove(&rows[at], &rows[at + 1], (n - at - 1) * sizeof(rows[0]));
			n--;
		}
		if (i % 50 == 0) {
			compare(&w, n);
			through_parts(&w, n);
			compare(&w, n);
		}
	}
	/* Columns without a row go. */
	while (n-- > 0)
		wide_remove_row(&w, 0);
	assert_int_equal(w.n, 0);
	wide_fini(&w);
}

static void
test_damage(void **state)
{
	struct page_bytes bytes;
	struct wide w = { 0 }, back = { 0 };
	struct flagset f = { 0 };
	char *exact;

	(void)state;
	for (unsigned i = 0; i < WIDE_PART_COLUMNS + 1; i++)
		flagset_add(&f, STORE_KEYWORD_COUNT + i);
	assert_true(wide_set_row(&w, 7, flagset_more(&f)));
	assert_int_equal(wide_part_count(w.n), 2);
	wide_put(&w, 0, &bytes);
	for (size_t n = 0; n < bytes.n; n++) {
		exact = test_malloc(n > 0 ? n : 1);
		memcpy(exact, bytes.b, n);
		assert_int_equal(wide_read(&back, slice_of(exact, n), 8), ERR_CORRUPT);
		test_free(exact);
		back.n = 0;
	}
	assert_int_equal(wide_read(&back, page_slice(&bytes), 7), ERR_CORRUPT);	/* row 7 of 7 */
	back.n = 0;
	assert_int_equal(wide_read(&back, page_slice(&bytes), 8), ERR_OK);
	assert_int_equal(wide_read(&back, page_slice(&bytes), 8), ERR_CORRUPT);	/* twice */
	for (size_t i = 0; i < bytes.n * 8; i++) {
		back.n = 0;
		bytes.b[i / 8] ^= (unsigned char)(1u << i % 8);
		if (wide_read(&back, page_slice(&bytes), 8) == ERR_OK)
			assert_int_equal(back.n, WIDE_PART_COLUMNS);
		bytes.b[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	wide_fini(&w);
	wide_fini(&back);
}

static void
test_gone_rows(void **state)
{
	struct page_gone g = { .n = 0 }, back;
	struct page_gone_row r = { .flags = 1 };
	unsigned char more[STORE_MORE_BYTES];
	static char big[16 + 175 * PAGE_GONE_ROWS];
	struct page_bytes b;
	char *exact;

	(void)state;
	memset(more, 0xff, sizeof(more));
	/* A narrow one first; then as many as fit, and no more. */
	for (r.cold.uid = 1; page_gone_append(&g, &r,
	    r.cold.uid == 1 ? SLICE_NONE : slice_of(more, sizeof(more))); r.cold.uid++)
		;
	assert_in_range(g.n, 10, PAGE_GONE_ROWS - 1);
	page_gone_put(&g, &b);
	assert_in_range(b.n, PAGE_BYTES_MAX - 175, PAGE_BYTES_MAX);
	assert_int_equal(page_gone_read(&back, page_slice(&b)), ERR_OK);
	assert_int_equal(back.n, g.n);
	assert_int_equal(page_gone_more(&back, 0).n, 0);
	assert_true(slice_eq(page_gone_more(&back, 1), slice_of(more, sizeof(more))));
	for (size_t n = 0; n < b.n; n++) {
		exact = test_malloc(n > 0 ? n : 1);
		memcpy(exact, b.b, n);
		assert_int_equal(page_gone_read(&back, slice_of(exact, n)), ERR_CORRUPT);
		test_free(exact);
	}
	/* Rows that are sound, but more than a record holds, as only damage makes them. */
	memset(big, 0, sizeof(big));
	big[0] = 2;
	big[2] = PAGE_GONE_ROWS;
	for (unsigned i = 0; i < PAGE_GONE_ROWS; i++) {
		big[16 + 175 * i] = (char)(i + 1);
		big[16 + 175 * i + 52] = STORE_MORE_BYTES;
	}
	assert_int_equal(page_gone_read(&back, slice_of(big, sizeof(big))), ERR_CORRUPT);
	b.b[16 + 52] = STORE_MORE_BYTES + 1;	/* of the first row */
	assert_int_equal(page_gone_read(&back, page_slice(&b)), ERR_CORRUPT);
}

/* ---- in the store ---- */

static struct ipc_store_flags
flags_request(const char *mailbox, unsigned char set[8], uint32_t first, uint32_t last)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);

	return (struct ipc_store_flags){ .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .op = STORE_ADD,
	    .unchanged_since = UINT64_MAX, .set = world_pair(set, first, last) };
}

/* Adds keywords word<from> to word<to - 1> to UIDs, some in each request. */
static void
add_words(const char *mailbox, uint32_t first, uint32_t last, unsigned from, unsigned to)
{
	unsigned char set[8];
	struct ipc_store_flags m = flags_request(mailbox, set, first, last);
	struct bed_reply *r;
	struct buf names;

	buf_init(&names, 2000);
	while (from < to) {
		buf_reset(&names);
		for (unsigned n = 0; from < to && n < KEYWORDS_GIVEN_MAX; from++, n++) {
			buf_printf(&names, "word%u", from);
			buf_put_char(&names, '\0');
		}
		m.keywords = buf_slice(&names);
		m.resume = 0;
		do {
			r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
			assert_reply(r, store_rows);
			m.resume = r->m.store_rows.resume;
		} while (r->m.store_rows.more);
	}
	buf_fini(&names);
}

/* How many keywords a message has, and all of them named so. */
static unsigned
count_words(const char *mailbox, uint32_t uid)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);
	unsigned char set[8];
	struct ipc_store_fetch m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .set = world_pair(set, uid, uid) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
	struct ipc_reader rd = ipc_reader_of(r->m.store_rows.rows);
	struct ipc_row row;
	struct flagset f;
	unsigned n = 0;

	assert_reply(r, store_rows);
	ipc_row_get(&rd, &row);
	assert_int_equal(row.uid, uid);
	f = flagset_of(row.flags, row.more);
	for (unsigned i = 0; i < STORE_KEYWORDS_MAX; i++)
		n += flagset_has(&f, i);
	return n;
}

static unsigned
count_records(char type)
{
	struct kv_key at = record_key(1, type), found;
	struct kv_txn *t;
	struct slice v;
	unsigned n = 0;

	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	for (; kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; n++)
		at = found;
	kv_end(&t);
	return n;
}

static void
test_keyword_limit(void **state)
{
	unsigned char set[8];
	struct ipc_store_flags m;

	(void)state;
	world_fill("INBOX", 0, 1);
	add_words("INBOX", 1, 1, 0, STORE_KEYWORDS_MAX);
	assert_int_equal(count_words("INBOX", 1), STORE_KEYWORDS_MAX);
	m = flags_request("INBOX", set, 1, 1);
	m.keywords = slice_of("onemore\0", 8);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), ERR_LIMIT);
	/* Case does not matter, and it is there already. */
	m.keywords = slice_of("WORD999\0", 8);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), store_rows);
	/* Removing what nobody ever had adds no name. */
	m.op = STORE_REMOVE;
	m.keywords = slice_of("onemore\0", 8);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), store_rows);
	world_reopen(true);
	assert_int_equal(count_words("INBOX", 1), STORE_KEYWORDS_MAX);
	/* Replaced by none: the page is narrow again. */
	m = flags_request("INBOX", set, 1, 1);
	m.op = STORE_REPLACE;
	assert_int_equal(count_records('I'), wide_part_count(WIDE_COLUMNS_MAX));
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), store_rows);
	assert_int_equal(count_words("INBOX", 1), 0);
	assert_int_equal(count_records('I'), 0);
}

/* The names' bytes have a limit of their own: 100 bytes and a NUL each. */
static void
test_name_bytes(void **state)
{
	unsigned char set[8];
	struct ipc_store_flags m;
	char name[KEYWORD_MAX + 2], many[2 * (KEYWORDS_GIVEN_MAX + 1)];
	unsigned n = 0;
	struct bed_reply *r;

	(void)state;
	world_fill("INBOX", 0, 1);
	m = flags_request("INBOX", set, 1, 1);
	for (;; n++) {
		memset(name, 'x', sizeof(name));
		snprintf(name, sizeof(name), "%03u", n);
		name[3] = 'y';
		name[KEYWORD_MAX] = '\0';
		m.keywords = slice_of(name, KEYWORD_MAX + 1);
		r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
		if (r->type != IPC_MSG_store_rows)
			break;
	}
	assert_fail(r, ERR_LIMIT);
	assert_int_equal(n, STORE_KEYWORD_BYTES_MAX / (KEYWORD_MAX + 1));
	assert_int_equal(world_selected(imapd, h1, "INBOX").keywords.n, n * (KEYWORD_MAX + 1));
	name[KEYWORD_MAX] = 'x';
	name[KEYWORD_MAX + 1] = '\0';
	m.keywords = slice_of(name, KEYWORD_MAX + 2);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), ERR_LIMIT);
	/* Too many in one request. */
	for (unsigned i = 0; i <= KEYWORDS_GIVEN_MAX; i++)
		memcpy(many + 2 * i, "a", 2);
	m.keywords = slice_of(many, 2 * KEYWORDS_GIVEN_MAX);
	m.op = STORE_REMOVE;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), store_rows);
	m.keywords = slice_of(many, sizeof(many));
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_flags, &m), ERR_LIMIT);
}

/* One message among hundreds: one page widens, and costs one more record. */
static void
test_narrow_stays(void **state)
{
	struct ipc_store_copy copy = { .handle = h1, .to = SLICE_LIT("Archive") };
	struct ipc_store_selected s;
	unsigned char set[8];

	(void)state;
	world_fill("INBOX", 0, 2 * PAGE_HOT_ROWS + 1);
	add_words("INBOX", 1, 2 * PAGE_HOT_ROWS + 1, 0, STORE_KEYWORD_COUNT);
	assert_int_equal(count_records('I'), 0);
	add_words("INBOX", 200, 200, STORE_KEYWORD_COUNT, STORE_KEYWORD_COUNT + 50);
	assert_int_equal(count_records('I'), 1);
	assert_int_equal(count_words("INBOX", 200), STORE_KEYWORD_COUNT + 50);
	assert_int_equal(count_words("INBOX", 199), STORE_KEYWORD_COUNT);
	/* Copies have the same words, numbered by their own mailbox. */
	add_words("Archive", 1, 1, 500, 530);
	s = world_selected(imapd, h1, "INBOX");
	copy.mailbox = s.mailbox;
	copy.v = s.modseq;
	copy.uidnext = s.uidnext;
	copy.set = world_pair(set, 200, 201);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &copy), store_copied);
	assert_int_equal(count_words("Archive", 1), STORE_KEYWORD_COUNT + 50);
	assert_int_equal(count_words("Archive", 2), STORE_KEYWORD_COUNT);
	world_reopen(false);
	assert_int_equal(count_words("Archive", 1), STORE_KEYWORD_COUNT + 50);
	/* The row moves up in its page, then leaves it. */
	bed.store.undelete_s = 1000;
	world_expunge("INBOX", 161, 199);
	assert_int_equal(count_words("INBOX", 200), STORE_KEYWORD_COUNT + 50);
	assert_int_equal(count_words("INBOX", 201), STORE_KEYWORD_COUNT);
	world_expunge("INBOX", 200, 200);
	assert_int_equal(count_records('I'), 1);	/* Archive's */
}

/* A removed mailbox takes its columns and all its names along. */
static void
test_removed(void **state)
{
	struct ipc_store_delete d = { h1, SLICE_LIT("Junk") };

	(void)state;
	world_fill("Junk", 0, 3);
	add_words("Junk", 1, 3, 0, 400);
	assert_int_equal(count_records('I'), wide_part_count(400 - STORE_KEYWORD_COUNT));
	assert_true(count_records('K') > 1);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	world_sweep();
	assert_int_equal(count_records('I'), 0);
	assert_int_equal(count_records('K'), 0);
	assert_int_equal(count_records('H'), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_gone_rows),
		WORLD_TEST(test_keyword_limit), WORLD_TEST(test_name_bytes),
		WORLD_TEST(test_narrow_stays), WORLD_TEST(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
