/* SPDX-License-Identifier: ISC */
/*
 * Segments: what is put is read, before and after crashes, in new segments;
 * truncated and flipped files are noticed and hurt nobody else; counters;
 * dead segments go; the checksum.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "store/blob_priv.h"
#include "store/blob_segment.h"
#include "store/blob_sum.h"
#include "store/store_compact.h"
#include "store/store_record.h"
#include "tests/unit/store/store_bed.h"
#include "tests/unit/test.h"

#define BLOBS	60

static struct bed bed;
static struct blob_ref refs[BLOBS];
static char data[70000];

static int
setup(void **state)
{
	(void)state;
	bed_init(&bed, 2);
	/* Small segments: several in each test. */
	bed_close(&bed);
	bed.segment_bytes = 200000;
	bed_open(&bed);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 2);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	bed_fini(&bed);
	return 0;
}

static size_t
size_of(unsigned i)
{
	return i % 5 == 0 ? 60000 : 1 + i * 37;
}

/* A transaction must carry them. */
static void
commit_something(void)
{
	struct kv_key k = record_key_u32(1, 'x', 1);
	struct kv_txn *t;

	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	kv_put(t, &k, SLICE_LIT("v"));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_settle(&bed);
}

static void
put_all(void)
{
	int fd;

	for (unsigned i = 0; i < BLOBS; i++) {
		if (i % 10 == 3) {
			assert_int_equal(fd_memfd_make("b", &fd), ERR_OK);
			assert_int_equal(fd_pwrite_all(fd, data + i, size_of(i), 0), ERR_OK);
			assert_int_equal(blob_put_fd(bed.store.blob, 1, i, BLOB_BODY, fd,
			    size_of(i), SLICE_NONE, &refs[i]), ERR_OK);
		} else {
			assert_int_equal(blob_put(bed.store.blob, 1, i, BLOB_BODY,
			    slice_of(data + i, size_of(i)), SLICE_NONE, &refs[i]), ERR_OK);
		}
		blob_use(bed.store.blob, &refs[i]);
		if (i % 7 == 0)
			commit_something();
	}
	commit_something();
}

static bool
is_good(unsigned i)
{
	struct buf b;
	bool good;

	buf_init(&b, 70000);
	good = blob_check(bed.store.blob, &refs[i], 1, i, BLOB_BODY) == ERR_OK &&
	    blob_read(bed.store.blob, &refs[i], 0, 70000, &b) == ERR_OK &&
	    slice_eq(buf_slice(&b), slice_of(data + i, size_of(i)));
	buf_fini(&b);
	return good;
}

static void
all_good(void)
{
	for (unsigned i = 0; i < BLOBS; i++)
		assert_true(is_good(i));
}

static void
test_put_read(void **state)
{
	struct blob_stat st;
	uint32_t last;
	struct buf b;

	(void)state;
	put_all();
	all_good();
	/* Parts, and past the end. */
	buf_init(&b, 100);
	assert_int_equal(blob_read(bed.store.blob, &refs[20], 10, 5, &b), ERR_OK);
	assert_memory_equal(buf_data(&b), data + 30, 5);
	buf_reset(&b);
	assert_int_equal(blob_read(bed.store.blob, &refs[20], size_of(20) - 2, 50, &b), ERR_OK);
	assert_int_equal(b.n, 2);
	buf_reset(&b);
	assert_int_equal(blob_read(bed.store.blob, &refs[20], UINT64_MAX, 50, &b), ERR_OK);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
	/* Another account, content or kind is not this record. */
	assert_int_equal(blob_check(bed.store.blob, &refs[20], 2, 20, BLOB_BODY), ERR_CORRUPT);
	assert_int_equal(blob_check(bed.store.blob, &refs[20], 1, 21, BLOB_BODY), ERR_CORRUPT);
	assert_int_equal(blob_check(bed.store.blob, &refs[20], 1, 20, BLOB_SUMMARY), ERR_CORRUPT);

	blob_stat(bed.store.blob, &st);
	assert_int_equal(st.records, BLOBS);
	assert_int_equal(st.bytes, st.live_bytes);
	assert_true(st.segments >= 1);
	last = refs[BLOBS - 1].segment;
	bed_crash(&bed);
	bed_open(&bed);
	all_good();
	blob_stat(bed.store.blob, &st);
	assert_int_equal(st.records, BLOBS);
	/* A restarted writer opens a new segment. */
	assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY, SLICE_LIT("x"),
	    SLICE_NONE, &refs[0]), ERR_OK);
	assert_true(refs[0].segment > last);
	commit_something();
	bed_close(&bed);
	bed_open(&bed);
	for (unsigned i = 1; i < BLOBS; i++)
		assert_true(is_good(i));
}

/* One batch after another writes to the descriptor of the first. */
static void
test_kept_open(void **state)
{
	const struct blob_kept *k = &bed.store.blob->kept;
	struct blob_kept first;

	(void)state;
	put_all();
	first = *k;
	assert_int_equal(first.segment, refs[BLOBS - 1].segment);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY, SLICE_LIT("x"),
		    SLICE_NONE, &refs[0]), ERR_OK);
		assert_int_equal(refs[0].segment, first.segment);
		commit_something();
		assert_int_equal(k->fd, first.fd);
		assert_int_equal(k->segment, first.segment);
	}
	for (unsigned i = 1; i < BLOBS; i++)
		assert_true(is_good(i));
}

/* A batch leaves its memory to the next but one, unless it was large. */
static void
test_spare(void **state)
{
	static const char zeros[BLOB_INLINE_MAX];
	const struct blob *b = bed.store.blob;
	const struct blob_batch *first;

	(void)state;
	put_all();
	first = b->spare;
	assert_non_null(first);
	assert_int_equal(first->run_n, 0);
	assert_int_equal(first->bytes.n, 0);
	assert_true(first->bytes.cap > 0);
	assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY, SLICE_LIT("x"), SLICE_NONE,
	    &refs[0]), ERR_OK);
	commit_something();
	assert_ptr_equal(b->pending, first);
	assert_non_null(b->spare);
	for (size_t n = 0; n <= BLOB_SPARE_BYTES; n += sizeof(zeros))
		assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY,
		    slice_of(zeros, sizeof(zeros)), SLICE_NONE, &refs[0]), ERR_OK);
	commit_something();
	assert_true(b->spare == NULL || b->spare->bytes.cap <= BLOB_SPARE_BYTES);
	assert_ptr_not_equal(b->spare, first);
	for (unsigned i = 1; i < BLOBS; i++)
		assert_true(is_good(i));
}

static void
segment_path(char *path, size_t n, uint32_t segment)
{
	snprintf(path, n, "body.%08x", segment);
}

/* The tail of the last segment is lost: the journal has it. */
static void
test_truncated_before_replay(void **state)
{
	char path[40];
	struct stat st;

	(void)state;
	put_all();
	bed_crash(&bed);
	segment_path(path, sizeof(path), refs[BLOBS - 1].segment);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, (off_t)refs[BLOBS - 1].offset), 0);
	bed_open(&bed);
	all_good();
}

/* Damage after the checkpoint is noticed, and only where it is. */
static void
test_damage(void **state)
{
	char path[40], byte;
	struct buf b;
	int fd;

	(void)state;
	put_all();
	bed_close(&bed);
	segment_path(path, sizeof(path), refs[10].segment);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (unsigned where = 0; where < BLOB_HEAD_BYTES + 30; where++) {
		off_t at = (off_t)(refs[10].offset + where);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x20;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		bed_open(&bed);
		assert_false(is_good(10));
		assert_true(is_good(9) && is_good(11));
		bed_crash(&bed);
		byte ^= 0x20;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	segment_path(path, sizeof(path), refs[BLOBS - 1].segment);
	assert_int_equal(truncate(path, (off_t)refs[BLOBS - 1].offset + 50), 0);
	bed_open(&bed);
	buf_init(&b, 70000);
	assert_int_equal(blob_read(bed.store.blob, &refs[BLOBS - 1], 0, 70000, &b), ERR_CORRUPT);
	buf_fini(&b);
	assert_true(is_good(1));
}

static void
test_limits(void **state)
{
	struct blob_ref ref;
	enum err e = ERR_OK;
	unsigned n;
	char *big = calloc(1, BLOB_INLINE_MAX + 1);

	(void)state;
	assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY,
	    slice_of(big, BLOB_INLINE_MAX + 1), SLICE_NONE, &ref), ERR_TOOBIG);
	for (n = 0; n < 1000 && e == ERR_OK; n++)
		e = blob_put(bed.store.blob, 1, n, BLOB_BODY, slice_of(big, BLOB_INLINE_MAX),
		    SLICE_NONE, &ref);
	assert_int_equal(e, ERR_BUSY);
	assert_in_range(n, 60, 66);
	commit_something();
	assert_int_equal(blob_put(bed.store.blob, 1, 1, BLOB_BODY, SLICE_LIT("x"), SLICE_NONE,
	    &ref), ERR_OK);
	commit_something();
	free(big);
}

static void
compact(void)
{
	struct compact_progress p = { .is_forced = true };

	compact_start(&bed.store);
	assert_true(compact_force(&bed.store));
	for (unsigned i = 0; i < 5000 && p.is_forced; i++) {
		bed_turn(&bed);
		compact_progress(&bed.store, &p);
	}
	assert_false(p.is_forced);
	compact_stop(&bed.store);
	bed_settle(&bed);
}

/* A segment in which nothing is alive any more goes, with its record. */
static void
test_dead_segment(void **state)
{
	struct blob_stat before, after;
	char path[40];
	uint32_t first;

	(void)state;
	put_all();
	first = refs[0].segment;
	assert_true(refs[BLOBS - 1].segment > first);
	segment_path(path, sizeof(path), first);
	assert_int_equal(access(path, F_OK), 0);
	blob_stat(bed.store.blob, &before);
	for (unsigned i = 0; i < BLOBS; i++)
		if (refs[i].segment == first)
			blob_free(bed.store.blob, &refs[i]);
	commit_something();
	compact();
	assert_int_not_equal(access(path, F_OK), 0);
	blob_stat(bed.store.blob, &after);
	assert_int_equal(after.segments, before.segments - 1);
	bed_close(&bed);
	bed_open(&bed);
	blob_stat(bed.store.blob, &after);
	assert_int_equal(after.segments, before.segments - 1);
	for (unsigned i = 0; i < BLOBS; i++)
		assert_true(refs[i].segment == first || is_good(i));
}

static uint64_t
sum(const void *p, size_t n, size_t split)
{
	struct blob_sum s;

	blob_sum_init(&s);
	blob_sum_add(&s, p, split);
	blob_sum_add(&s, (const char *)p + split, n - split);
	return blob_sum_end(&s);
}

/* Any split gives the same sum; any flipped bit and any other length another. */
static void
test_sum(void **state)
{
	uint64_t want = sum(data, 200, 0);

	(void)state;
	for (size_t i = 0; i <= 200; i++)
		assert_true(sum(data, 200, i) == want);
	for (size_t i = 0; i < 200; i++)
		assert_true(sum(data, i, 0) != want);
	for (size_t i = 0; i < 1600; i++) {
		data[i / 8] ^= (char)(1 << i % 8);
		assert_true(sum(data, 200, 0) != want);
		data[i / 8] ^= (char)(1 << i % 8);
	}
	/* Zeros at the end count. */
	memset(data, 0, 100);
	assert_true(sum(data, 40, 0) != sum(data, 41, 0));
}

static void
test_head(void **state)
{
	unsigned char bytes[BLOB_HEAD_BYTES] = { 'G', 'W', 'B', '1', 1 };
	struct blob_head h;

	(void)state;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_OK);
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes) - 1)), ERR_CORRUPT);
	assert_int_equal(h.note, 0);
	bytes[4] = BLOB_EPOCH;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_OK);
	bytes[4] = BLOB_EPOCH + 1;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_CORRUPT);
	/* The second form has a note, the first none. */
	bytes[4] = BLOB_BODY;
	bytes[7] = BLOB_NOTE_MAX >> 8;
	bytes[6] = BLOB_NOTE_MAX & 255;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_CORRUPT);
	bytes[3] = '2';
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_OK);
	assert_int_equal(h.note, BLOB_NOTE_MAX);
	bytes[6]++;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_CORRUPT);
	bytes[6] = bytes[7] = 0;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_CORRUPT);
	bytes[3] = '1';
	bytes[4] = 2;
	bytes[5] = 1;
	assert_int_equal(blob_head_read(&h, slice_of(bytes, sizeof(bytes))), ERR_CORRUPT);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_put_read), T(test_kept_open), T(test_spare), T(test_truncated_before_replay), T(test_damage), T(test_limits),
		T(test_dead_segment), T(test_sum), T(test_head),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
