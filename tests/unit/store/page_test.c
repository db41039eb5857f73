/* SPDX-License-Identifier: ISC */
/*
 * Pages and records: what is put is read, limits at limit + 1, and damaged
 * bytes give ERR_CORRUPT, not a crash.
 */
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_page.h"
#include "store/store_note.h"
#include "store/store_record.h"
#include "tests/unit/test.h"

static void
fill_hot(struct page_hot *h)
{
	struct page_hot_row r;

	memset(h, 0, sizeof(*h));
	for (uint32_t i = 0; i < PAGE_HOT_ROWS; i++) {
		r = (struct page_hot_row){ 10 + 3 * i, i % 2 ? STORE_SEEN : 1u << 31, 5000 + i };
		assert_true(page_hot_append(h, &r));
	}
	r.uid = 100000;
	assert_false(page_hot_append(h, &r));	/* limit + 1 */
}

static void
test_hot(void **state)
{
	struct page_hot h, back;
	struct page_bytes b;
	struct page_dir_row d;

	(void)state;
	fill_hot(&h);
	page_hot_put(&h, &b);
	assert_true(b.n <= PAGE_BYTES_MAX);
	assert_int_equal(page_hot_read(&back, page_slice(&b)), ERR_OK);
	assert_int_equal(back.n, h.n);
	assert_memory_equal(back.rows, h.rows, sizeof(h.rows));
	assert_int_equal(page_hot_at(&h, 10), 0);
	assert_int_equal(page_hot_at(&h, 11), 1);
	assert_int_equal(page_hot_at(&h, 13), 1);
	assert_int_equal(page_hot_at(&h, 99999), PAGE_HOT_ROWS);
	page_dir_row_of(&d, 10, &h);
	assert_int_equal(d.count, PAGE_HOT_ROWS);
	assert_int_equal(d.unseen, PAGE_HOT_ROWS / 2);
	assert_int_equal(d.max_modseq, 5000 + PAGE_HOT_ROWS - 1);
	page_hot_remove(&h, 0);
	assert_int_equal(h.rows[0].uid, 13);
	assert_int_equal(h.n, PAGE_HOT_ROWS - 1);
	/* UIDs ascend. */
	h.n = 1;
	assert_false(page_hot_append(&h, &h.rows[0]));
}

/* A difference beyond 32 bits moves the old one up, never down. */
static void
test_hot_far_modseqs(void **state)
{
	struct page_hot h = { 0 };
	struct page_hot_row r = { 1, 0, 7 };
	struct page_bytes b;

	(void)state;
	assert_true(page_hot_append(&h, &r));
	r = (struct page_hot_row){ 2, 0, 7 + (3ull << 32) };
	assert_true(page_hot_append(&h, &r));
	page_hot_put(&h, &b);
	assert_int_equal(page_hot_read(&h, page_slice(&b)), ERR_OK);
	assert_true(h.rows[1].modseq == 7 + (3ull << 32));
	assert_true(h.rows[0].modseq > 7 && h.rows[0].modseq < h.rows[1].modseq);
}

static void
test_cold(void **state)
{
	struct page_cold c = { 0 }, back;
	struct page_cold_row r;
	struct page_bytes b;

	(void)state;
	for (uint32_t i = 0; i < PAGE_COLD_ROWS; i++) {
		r = (struct page_cold_row){ i + 1, i, UINT64_MAX - i, i, 1ull << 40, i, i };
		assert_true(page_cold_append(&c, &r));
	}
	r.uid++;
	assert_false(page_cold_append(&c, &r));
	page_cold_put(&c, &b);
	assert_true(b.n <= PAGE_BYTES_MAX);
	assert_int_equal(page_cold_read(&back, page_slice(&b)), ERR_OK);
	assert_int_equal(back.n, c.n);
	assert_memory_equal(back.rows, c.rows, sizeof(c.rows));
	page_cold_remove(&c, PAGE_COLD_ROWS - 1);
	assert_int_equal(page_cold_at(&c, PAGE_COLD_ROWS), PAGE_COLD_ROWS - 1);
}

static void
test_dir(void **state)
{
	struct page_dir d = { 0 }, back;
	struct page_dir_sum sum;
	struct page_dir_row r;
	struct page_bytes b;

	(void)state;
	for (uint32_t i = 0; i < PAGE_DIR_ROWS; i++) {
		r = (struct page_dir_row){ 1 + 200 * i, 160, 3, 100 + i };
		assert_true(page_dir_append(&d, &r));
	}
	r.first++;
	assert_false(page_dir_append(&d, &r));
	page_dir_put(&d, &b);
	assert_true(b.n <= PAGE_BYTES_MAX);
	assert_int_equal(page_dir_read(&back, page_slice(&b)), ERR_OK);
	assert_memory_equal(back.rows, d.rows, sizeof(d.rows));
	assert_int_equal(page_dir_read_sum(&sum, page_slice(&b)), ERR_OK);
	assert_int_equal(sum.count, 160 * PAGE_DIR_ROWS);
	assert_int_equal(sum.unseen, 3 * PAGE_DIR_ROWS);
	assert_int_equal(sum.max_modseq, 100 + PAGE_DIR_ROWS - 1);
	assert_int_equal(page_dir_at(&d, 0), PAGE_DIR_ROWS);
	assert_int_equal(page_dir_at(&d, 1), 0);
	assert_int_equal(page_dir_at(&d, 200), 0);
	assert_int_equal(page_dir_at(&d, 201), 1);
	assert_int_equal(page_dir_at(&d, UINT32_MAX), PAGE_DIR_ROWS - 1);
	/* Sums that lie are noticed. */
	b.b[4] ^= 1;
	assert_int_equal(page_dir_read(&back, page_slice(&b)), ERR_CORRUPT);
}

static void
test_gone(void **state)
{
	struct page_gone g = { .gone_s = 77 }, back;
	struct page_bytes b;

	(void)state;
	for (g.n = 0; g.n < PAGE_GONE_ROWS; g.n++)
		g.rows[g.n] = (struct page_gone_row){ { .uid = g.n + 1u, .content = 9 }, 1u << 30 };
	page_gone_put(&g, &b);
	assert_true(b.n <= PAGE_BYTES_MAX);
	assert_int_equal(page_gone_read(&back, page_slice(&b)), ERR_OK);
	assert_true(back.gone_s == 77 && back.n == g.n);
	assert_int_equal(back.rows[35].cold.uid, 36);
	assert_int_equal(back.rows[35].flags, 1u << 30);
}

/* Every length, and every flipped bit: no crash, and no read past the end. */
static void
test_damage(void **state)
{
	struct page_bytes b;
	struct page_hot h;
	struct page_cold c;
	struct page_dir d;
	struct page_gone g;
	char *exact;

	(void)state;
	fill_hot(&h);
	page_hot_put(&h, &b);
	for (size_t n = 0; n < b.n; n++) {
		exact = test_malloc(n > 0 ? n : 1);
		memcpy(exact, b.b, n);
		assert_int_equal(page_hot_read(&h, slice_of(exact, n)), ERR_CORRUPT);
		assert_int_not_equal(page_cold_read(&c, slice_of(exact, n)), ERR_OK);
		assert_int_not_equal(page_dir_read(&d, slice_of(exact, n)), ERR_OK);
		assert_int_not_equal(page_gone_read(&g, slice_of(exact, n)), ERR_OK);
		test_free(exact);
	}
	for (size_t i = 0; i < b.n * 8; i++) {
		b.b[i / 8] ^= (unsigned char)(1u << i % 8);
		if (page_hot_read(&h, page_slice(&b)) == ERR_OK)
			assert_int_equal(h.n, PAGE_HOT_ROWS);
		b.b[i / 8] ^= (unsigned char)(1u << i % 8);
	}
}

static void
test_records(void **state)
{
	struct record_account a = { .key_generation = 3, .sealing = 1, .is_enabled = true,
	    .modseq = 99, .next_content = 1ull << 50, .address = SLICE_LIT("a@b.example") }, a2;
	struct record_content c = { .body = { 1, 2, 3 }, .epoch = 4, .commitment = SLICE_LIT("c"),
	    .wrapped = SLICE_LIT("w") }, c2;
	static char big[RECORD_SUMMARY_INLINE + 1];
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_BYTES_MAX);
	record_account_put(&a, &b);
	assert_int_equal(record_account_read(&a2, buf_slice(&b)), ERR_OK);
	assert_true(a2.modseq == 99 && a2.next_content == 1ull << 50 && a2.is_enabled);
	assert_slice(a2.address, "a@b.example");
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(record_account_read(&a2, slice_head(buf_slice(&b), n)),
		    ERR_CORRUPT);

	/* Form 1 ended before the bytes of metadata. */
	buf_truncate(&b, b.n - 8);
	*buf_data(&b) = 1;
	a2.metadata_bytes = 7;
	assert_int_equal(record_account_read(&a2, buf_slice(&b)), ERR_OK);
	assert_true(a2.modseq == 99 && a2.metadata_bytes == 0);
	assert_slice(a2.address, "a@b.example");

	buf_reset(&b);
	c.summary = slice_of(big, RECORD_SUMMARY_INLINE);
	record_content_put(&c, &b);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(record_content_read(&c2, buf_slice(&b)), ERR_OK);
	assert_int_equal(c2.summary.n, RECORD_SUMMARY_INLINE);
	assert_true(c2.body.bytes == 3);
	for (size_t n = 0; n < b.n; n += 7)
		assert_int_equal(record_content_read(&c2, slice_head(buf_slice(&b), n)),
		    ERR_CORRUPT);
	buf_reset(&b);
	c.summary = slice_of(big, sizeof(big));
	record_content_put(&c, &b);
	assert_int_equal(buf_err(&b), ERR_FULL);
	buf_fini(&b);
}

/* What stood on disk before there were notes and places is read. */
static void
test_old_forms(void **state)
{
	struct record_content c = { .body = { 1, 2, 3, 77 }, .epoch = 4,
	    .commitment = SLICE_LIT("c"), .wrapped = SLICE_LIT("w") }, c2;
	struct record_epoch e = { .place = { 5, 6, 7, 0 }, .generation = 8, .form = 1,
	    .data = SLICE_LIT("sealed") }, e2;
	struct buf b, old;

	(void)state;
	buf_init(&b, RECORD_BYTES_MAX);
	buf_init(&old, RECORD_BYTES_MAX);
	record_content_put(&c, &b);
	assert_int_equal(record_content_read(&c2, buf_slice(&b)), ERR_OK);
	assert_int_equal(c2.body.note, 77);
	buf_put(&old, "\1", 1);
	buf_put(&old, buf_data(&b) + 1, 20);
	buf_put(&old, buf_data(&b) + 23, b.n - 23);
	assert_int_equal(record_content_read(&c2, buf_slice(&old)), ERR_OK);
	assert_int_equal(c2.body.note, 0);
	assert_true(c2.body.bytes == 3 && c2.epoch == 4);
	*buf_data(&old) = 3;
	assert_int_equal(record_content_read(&c2, buf_slice(&old)), ERR_CORRUPT);

	buf_reset(&b);
	buf_reset(&old);
	record_epoch_put(&e, &b);
	assert_int_equal(record_epoch_read(&e2, buf_slice(&b)), ERR_OK);
	assert_true(e2.place.segment == 5 && e2.place.offset == 6 && e2.place.bytes == 7);
	buf_put(&old, "\1", 1);
	buf_put(&old, buf_data(&b) + 21, b.n - 21 - 8);
	assert_int_equal(record_epoch_read(&e2, buf_slice(&old)), ERR_OK);
	assert_true(e2.place.segment == 0 && e2.generation == 8);
	assert_slice(e2.data, "sealed");
	/* A key that is not the one that was put is noticed. */
	for (size_t i = 21; i < b.n; i++) {
		buf_data(&b)[i] ^= 4;
		assert_int_equal(record_epoch_read(&e2, buf_slice(&b)), ERR_CORRUPT);
		buf_data(&b)[i] ^= 4;
	}
	buf_fini(&old);
	buf_fini(&b);
}

static void
test_removals(void **state)
{
	static char big[RECORD_NAME_MAX + 1];
	struct record_removal r = { 100, 50, 3, slice_of(big, RECORD_NAME_MAX),
	    SLICE_LIT("mailbox") }, r2;
	struct buf b;

	(void)state;
	buf_init(&b, RECORD_BYTES_MAX);
	record_removal_put(&r, &b);
	assert_int_equal(record_removal_read(&r2, buf_slice(&b)), ERR_OK);
	assert_true(r2.due_s == 100 && r2.removed_s == 50 && r2.special == 3);
	assert_int_equal(r2.name.n, RECORD_NAME_MAX);
	assert_slice(r2.mailbox, "mailbox");
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(record_removal_read(&r2, slice_head(buf_slice(&b), i)),
		    ERR_CORRUPT);
	/* Before there was a window: at once. */
	assert_int_equal(record_removal_read(&r2, SLICE_LIT("\1")), ERR_OK);
	assert_true(r2.due_s == 0);
	buf_reset(&b);
	r.name = slice_of(big, sizeof(big));
	record_removal_put(&r, &b);
	assert_int_equal(buf_err(&b), ERR_FULL);
	buf_fini(&b);
}

static void
test_notes(void **state)
{
	static char big[256];
	struct note_body n = { .mailbox = 7, .epoch = 8, .generation = 9, .message_id = 10,
	    .internal_s = 11, .created_s = 12, .size = 13, .flags = 14,
	    .commitment = SLICE_LIT("commitment"), .wrapped = SLICE_LIT("wrapped"),
	    .references = slice_of(big, 8 * (NOTE_REFERENCES_MAX + 1)),
	    .name = slice_of(big, RECORD_NAME_MAX) }, n2;
	struct record_content c = { .epoch = 8, .generation = 9,
	    .commitment = SLICE_LIT("commitment"), .wrapped = SLICE_LIT("wrapped") };
	struct note_epoch e = { 3, 1, SLICE_LIT("sealed"), slice_of(big, RECORD_SALT_BYTES) }, e2;
	struct buf b;

	(void)state;
	big[8] = 1;
	buf_init(&b, BLOB_NOTE_MAX);
	note_body_put(&n, &b);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(note_body_read(&n2, buf_slice(&b)), ERR_OK);
	assert_true(n2.mailbox == 7 && n2.epoch == 8 && n2.generation == 9 && n2.message_id == 10);
	assert_true(n2.internal_s == 11 && n2.created_s == 12 && n2.size == 13 && n2.flags == 14);
	assert_slice(n2.wrapped, "wrapped");
	assert_int_equal(n2.name.n, RECORD_NAME_MAX);
	/* Of too many references the nearest. */
	assert_int_equal(n2.references.n, 8 * NOTE_REFERENCES_MAX);
	assert_int_equal(n2.references.p[0], 1);
	assert_true(note_agrees(&n2, &c));
	c.generation++;
	assert_false(note_agrees(&n2, &c));
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(note_body_read(&n2, slice_head(buf_slice(&b), i)), ERR_CORRUPT);
	buf_reset(&b);
	n.name = slice_of(big, sizeof(big));
	note_body_put(&n, &b);
	assert_int_equal(buf_err(&b), ERR_FULL);

	buf_reset(&b);
	note_epoch_put(&e, &b);
	assert_int_equal(note_epoch_read(&e2, buf_slice(&b)), ERR_OK);
	assert_true(e2.generation == 3 && e2.form == 1 && e2.salt.n == RECORD_SALT_BYTES);
	assert_slice(e2.data, "sealed");
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(note_epoch_read(&e2, slice_head(buf_slice(&b), i)), ERR_CORRUPT);
	buf_fini(&b);
}

/* Order of keys is order of numbers; none is longer than allowed. */
static void
test_keys(void **state)
{
	struct kv_key a, b;

	(void)state;
	a = record_key_page(5, 'H', 1, 255);
	b = record_key_page(5, 'H', 1, 256);
	assert_true(a.n == b.n && a.n == 17 && memcmp(a.b, b.b, a.n) < 0);
	a = record_key_gone(5, 1, 255, 255);
	b = record_key_gone(5, 1, 256, 0);
	assert_true(a.n == 23 && memcmp(a.b, b.b, a.n) < 0);
	a = record_key_delivered(1, 2, 3);
	b = record_key_delivered(1, 3, 2);
	assert_int_equal(a.n, KV_KEY_MAX);
	assert_memory_not_equal(a.b, b.b, a.n);
	a = record_key_removal(5, 6);
	assert_int_equal(a.n, 21);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot),
		cmocka_unit_test(test_hot_far_modseqs),
		cmocka_unit_test(test_cold),
		cmocka_unit_test(test_dir),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_old_forms),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
