/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "queue/queue_record.h"

static const unsigned char salt[QUEUE_SALT_BYTES] = "0123456789abcde";
static const unsigned char other[QUEUE_SALT_BYTES] = "0123456789abcdf";

static void
test_segment_head(void **state)
{
	const struct queue_segment_head h = { .flags = QUEUE_SEGMENT_SINGLE,
	    .number = 0x123456789abcull, .created_ms = 77, .salt = "saltsaltsaltsal" };
	struct queue_segment_head got;
	unsigned char b[QUEUE_HEAD_BYTES];
	size_t n;

	(void)state;
	queue_record_put_segment(b, &h);
	assert_int_equal(queue_record_get_segment(slice_of(b, sizeof(b)), &got), ERR_OK);
	assert_int_equal(got.flags, h.flags);
	assert_int_equal(got.number, h.number);
	assert_int_equal(got.created_ms, h.created_ms);
	assert_memory_equal(got.salt, h.salt, sizeof(got.salt));
	for (n = 0; n < sizeof(b); n++)
		assert_int_equal(queue_record_get_segment(slice_of(b, n), &got), ERR_SHORT);
	for (n = 0; n < sizeof(b) * 8; n++) {
		b[n / 8] ^= (unsigned char)(1u << n % 8);
		assert_int_not_equal(queue_record_get_segment(slice_of(b, sizeof(b)), &got),
		    ERR_OK);
		b[n / 8] ^= (unsigned char)(1u << n % 8);
	}
	b[8] = QUEUE_FORMAT + 1;
	assert_int_equal(queue_record_get_segment(slice_of(b, sizeof(b)), &got), ERR_VERSION);
}

static const struct queue_record records[] = {
	{ .type = QUEUE_MESSAGE, .flags = QUEUE_ALL_REMOTE, .key_id = 3, .meta_bytes = 500,
	  .id = 0x0123456789abcdefull, .body_bytes = 4112, .aux = 4096, .meta_sum = 1,
	  .body_sum = 2 },
	{ .type = QUEUE_RESULT, .attempts = 7, .next_ms = 1780000000000ull, .meta_bytes = 90,
	  .id = 5, .aux = 9, .meta_sum = 4 },
	{ .type = QUEUE_DONE, .id = 6, .aux = 8 },
	{ .type = QUEUE_INDEX, .meta_bytes = 10 * QUEUE_ENTRY_BYTES },
};

static void
assert_same(const struct queue_record *a, const struct queue_record *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->key_id, b->key_id);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->meta_bytes, b->meta_bytes);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->body_bytes, b->body_bytes);
	assert_int_equal(a->next_ms, b->next_ms);
	assert_int_equal(a->aux, b->aux);
}

static void
test_record_heads(void **state)
{
	unsigned char b[QUEUE_HEAD_BYTES];
	struct queue_record got;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		queue_record_put(b, &records[i], salt);
		assert_int_equal(queue_record_get(slice_of(b, sizeof(b)), &got, salt), ERR_OK);
		assert_same(&got, &records[i]);
		assert_int_equal(got.meta_sum, records[i].meta_sum);
		assert_int_equal(got.body_sum, records[i].body_sum);
		assert_int_equal(queue_record_get(slice_of(b, sizeof(b)), &got, other), ERR_CORRUPT);
		for (n = 0; n < sizeof(b); n++)
			assert_int_equal(queue_record_get(slice_of(b, n), &got, salt), ERR_SHORT);
		for (n = 0; n < sizeof(b) * 8; n++) {
			b[n / 8] ^= (unsigned char)(1u << n % 8);
			assert_int_equal(queue_record_get(slice_of(b, sizeof(b)), &got, salt),
			    ERR_CORRUPT);
			b[n / 8] ^= (unsigned char)(1u << n % 8);
		}
	}
}

static void
test_limits(void **state)
{
	static const struct queue_record bad[] = {
		{ .type = 0 }, { .type = 5 }, { .type = 255 },
		{ .type = QUEUE_MESSAGE, .meta_bytes = QUEUE_META_MAX + 1 },
		{ .type = QUEUE_MESSAGE, .body_bytes = QUEUE_BODY_MAX + 1 },
		{ .type = QUEUE_RESULT, .meta_bytes = QUEUE_META_MAX + 1 },
		{ .type = QUEUE_DONE, .meta_bytes = 1 },
		{ .type = QUEUE_INDEX, .meta_bytes = QUEUE_ENTRY_BYTES + 1 },
		{ .type = QUEUE_INDEX, .meta_bytes = (QUEUE_INDEX_MAX + 1) * QUEUE_ENTRY_BYTES },
	};
	unsigned char b[QUEUE_HEAD_BYTES];
	struct queue_record got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		queue_record_put(b, &bad[i], salt);
		assert_int_equal(queue_record_get(slice_of(b, sizeof(b)), &got, salt), ERR_CORRUPT);
	}
}

static void
test_entries_and_tail(void **state)
{
	unsigned char tail[QUEUE_TAIL_BYTES];
	struct queue_entry e, got;
	struct slice s;
	struct buf b;
	uint64_t off;
	size_t i;

	(void)state;
	buf_init(&b, 10000);
	for (i = 0; i < 4; i++) {
		e.record = records[i];
		e.off = 1000 * i;
		queue_record_put_entry(&b, &e);
	}
	s = buf_slice(&b);
	for (i = 0; i < 4; i++) {
		assert_int_equal(queue_record_get_entry(&s, &got), ERR_OK);
		assert_same(&got.record, &records[i]);
		assert_int_equal(got.off, 1000 * i);
	}
	assert_int_equal(queue_record_get_entry(&s, &got), ERR_END);
	s = slice_head(buf_slice(&b), QUEUE_ENTRY_BYTES - 1);
	assert_int_equal(queue_record_get_entry(&s, &got), ERR_CORRUPT);
	queue_record_put_tail(tail, 4711, salt);
	assert_int_equal(queue_record_get_tail(slice_of(tail, sizeof(tail)), &off, salt), ERR_OK);
	assert_int_equal(off, 4711);
	tail[9] ^= 1;
	assert_int_equal(queue_record_get_tail(slice_of(tail, sizeof(tail)), &off, salt),
	    ERR_CORRUPT);
	assert_int_equal(queue_record_get_tail(slice_of(tail, 23), &off, salt), ERR_SHORT);
	buf_fini(&b);
}

static void
test_resync(void **state)
{
	unsigned char b[300] = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i + QUEUE_HEAD_BYTES <= sizeof(b); i++) {
		memset(b, 0, sizeof(b));
		queue_record_put(b + i, &records[0], salt);
		assert_int_equal(queue_record_resync(slice_of(b, sizeof(b))), i);
	}
	memset(b, 0, sizeof(b));
	/* The last three bytes may be the start of one. */
	assert_int_equal(queue_record_resync(slice_of(b, sizeof(b))), sizeof(b) - 3);
	assert_int_equal(queue_record_resync(slice_of(b, 3)), 3);
}

static void
test_body_sum(void **state)
{
	static unsigned char big[3 * QUEUE_PIECE_BYTES];
	uint64_t a, b;

	(void)state;
	assert_int_equal(queue_record_sum_body(salt, SLICE_NONE), 0);
	a = queue_record_sum_body(salt, slice_of(big, sizeof(big)));
	b = queue_record_sum_body(salt, slice_of(big, sizeof(big) - QUEUE_PIECE_BYTES));
	assert_int_not_equal(a, b);
	big[QUEUE_PIECE_BYTES] = 1;
	assert_int_not_equal(a, queue_record_sum_body(salt, slice_of(big, sizeof(big))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_head),
		cmocka_unit_test(test_record_heads),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_entries_and_tail),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_body_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
