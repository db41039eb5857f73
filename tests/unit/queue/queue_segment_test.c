/* SPDX-License-Identifier: ISC */
/*
 * Segments as files: written, read again, cut at every length and with every
 * byte damaged.  What a crash can leave is a prefix of what was written.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/crypto/cry.h"
#include "queue/queue_scan.h"
#include "tests/unit/queue/spool_dir.h"

#define RECORDS	6
#define NUMBER	7u

struct written {
	struct spool_dir	 dir;
	struct queue_spot	 spots[RECORDS];
	struct queue_record	 records[RECORDS];
};

static char body_bytes[3000];

/* MESSAGE 1, MESSAGE 2, RESULT 1, DONE 1, MESSAGE 3, DONE 3 */
static void
write_six(struct written *w, bool finish)
{
	static const uint8_t types[RECORDS] = { QUEUE_MESSAGE, QUEUE_MESSAGE, QUEUE_RESULT,
	    QUEUE_DONE, QUEUE_MESSAGE, QUEUE_DONE };
	static const uint64_t ids[RECORDS] = { 1, 2, 1, 1, 3, 3 };
	struct queue_segment *s;
	struct slice meta, body;
	int i;

	spool_dir_empty(&w->dir);
	memset(body_bytes, 'b', sizeof(body_bytes));
	assert_int_equal(queue_segment_create(&s, w->dir.fd, NUMBER, 0, 1000), ERR_OK);
	for (i = 0; i < RECORDS; i++) {
		w->records[i] = (struct queue_record){ .type = types[i], .id = ids[i],
		    .aux = NUMBER };
		meta = types[i] == QUEUE_DONE ? SLICE_NONE : SLICE_LIT("sealed envelope");
		body = types[i] == QUEUE_MESSAGE ? slice_of(body_bytes, 40u + 30u * (unsigned)i) :
		    SLICE_NONE;
		assert_int_equal(queue_segment_append(s, &w->records[i], meta, body, &w->spots[i]),
		    ERR_OK);
	}
	queue_segment_sync(s);
	if (finish)
		queue_segment_finish(&s);
	else
		queue_segment_abandon(&s);
}

struct seen {
	unsigned		 count, corrupt;
	struct queue_entry	 entries[RECORDS * 2];
	struct queue_scan	 scan;
};

static void
on_record(void *arg, const struct queue_entry *e)
{
	struct seen *seen = arg;

	assert_true(seen->count < RECORDS * 2);
	seen->entries[seen->count++] = *e;
}

static void
on_corrupt(void *arg, uint64_t off, uint64_t bytes)
{
	struct seen *seen = arg;

	(void)off;
	assert_true(bytes > 0);
	seen->corrupt++;
}

static enum err
scan(struct written *w, struct seen *seen)
{
	struct queue_segment_reader r;
	enum err e;

	*seen = (struct seen){ .scan = { .record = on_record, .corrupt = on_corrupt } };
	seen->scan.arg = seen;
	if ((e = queue_segment_open(&r, w->dir.fd, NUMBER, true)) != ERR_OK)
		return e;
	e = queue_scan_segment(&r, w->dir.fd, &seen->scan);
	queue_segment_close(&r);
	return e;
}

static bool
has_entry(const struct seen *seen, const struct written *w, int i)
{
	unsigned k;

	for (k = 0; k < seen->count; k++)
		if (seen->entries[k].off == w->spots[i].off &&
		    seen->entries[k].record.id == w->records[i].id &&
		    seen->entries[k].record.type == w->records[i].type)
			return true;
	return false;
}

static void
test_reread(void **state)
{
	struct written *w = *state;
	struct queue_segment_reader r;
	struct queue_record rec;
	struct seen seen;
	struct buf meta;
	int finish, i;

	for (finish = 0; finish < 2; finish++) {
		write_six(w, finish);
		assert_int_equal(scan(w, &seen), ERR_OK);
		assert_int_equal(seen.count, RECORDS);
		assert_int_equal(seen.corrupt, 0);
		assert_int_equal(seen.scan.cut_bytes, 0);
		assert_int_equal(seen.scan.has_index, finish);
		assert_int_equal(queue_segment_open(&r, w->dir.fd, NUMBER, false), ERR_OK);
		for (i = 0; i < RECORDS; i++) {
			assert_true(has_entry(&seen, w, i));
			buf_init(&meta, 1000);
			assert_int_equal(queue_segment_get(&r, &w->spots[i], &rec, &meta), ERR_OK);
			assert_int_equal(rec.id, w->records[i].id);
			if (rec.type != QUEUE_DONE)
				assert_slice(buf_slice(&meta), "sealed envelope");
			assert_int_equal(queue_segment_check_body(&r, w->spots[i].off, &rec), ERR_OK);
			buf_fini(&meta);
		}
		queue_segment_close(&r);
	}
}

/* Whatever the length: every whole record comes back, and a second look sees
 * the same without anything left to cut. */
static void
test_every_truncation(void **state)
{
	struct written *w = *state;
	struct seen seen, again;
	char name[QUEUE_SEGMENT_NAME];
	struct buf file;
	uint64_t end;
	unsigned whole;
	size_t n;
	int finish, i;

	queue_segment_name(name, NUMBER);
	for (finish = 0; finish < 2; finish++) {
		write_six(w, finish);
		buf_init(&file, 1u << 20);
		spool_dir_read(&w->dir, name, &file);
		for (n = QUEUE_HEAD_BYTES; n <= file.n; n++) {
			spool_dir_write(&w->dir, name, buf_data(&file), n);
			assert_int_equal(scan(w, &seen), ERR_OK);
			whole = 0;
			for (i = 0; i < RECORDS; i++) {
				end = w->spots[i].off + queue_record_bytes(&w->records[i]);
				if (end <= n) {
					assert_true(has_entry(&seen, w, i));
					whole++;
				}
			}
			assert_int_equal(seen.count, whole);
			assert_int_equal(seen.corrupt, 0);
			assert_int_equal(scan(w, &again), ERR_OK);
			assert_int_equal(again.count, whole);
			assert_int_equal(again.scan.cut_bytes, 0);
		}
		buf_fini(&file);
	}
	assert_int_equal(spool_dir_count(&w->dir, "corrupt-"), 0);
}

/* A head alone, cut: made just before a crash, so it goes. */
static void
test_headless(void **state)
{
	struct written *w = *state;
	char name[QUEUE_SEGMENT_NAME];
	struct seen seen;
	bool kept;
	size_t n;

	queue_segment_name(name, NUMBER);
	for (n = 0; n < QUEUE_HEAD_BYTES; n++) {
		spool_dir_empty(&w->dir);
		spool_dir_write(&w->dir, name, (char[QUEUE_HEAD_BYTES]){ 0 }, n);
		assert_int_equal(scan(w, &seen), ERR_CORRUPT);
		assert_int_equal(queue_segment_discard(w->dir.fd, NUMBER, &kept), ERR_OK);
		assert_false(kept);
		assert_int_equal(spool_dir_count(&w->dir, ""), 0);
	}
	spool_dir_write(&w->dir, name, "something else", 14);
	assert_int_equal(queue_segment_discard(w->dir.fd, NUMBER, &kept), ERR_OK);
	assert_true(kept);
	assert_int_equal(spool_dir_count(&w->dir, "corrupt-segment-"), 1);
}

/* One byte wrong anywhere: all the other records come back, and what was
 * damaged is set aside or (being the last) cut off. */
static void
test_every_byte_damaged(void **state)
{
	struct written *w = *state;
	struct seen seen;
	char name[QUEUE_SEGMENT_NAME];
	struct buf file;
	size_t n;
	int i;

	queue_segment_name(name, NUMBER);
	write_six(w, false);
	buf_init(&file, 1u << 20);
	spool_dir_read(&w->dir, name, &file);
	for (n = 0; n < file.n; n++) {
		spool_dir_empty(&w->dir);
		buf_data(&file)[n] ^= 0x40;
		spool_dir_write(&w->dir, name, buf_data(&file), file.n);
		buf_data(&file)[n] ^= 0x40;
		if (n >= 32 && n < 48) {	/* the salt: nothing passes */
			assert_int_equal(scan(w, &seen), ERR_CORRUPT);
			continue;
		}
		if (n >= 8 && n < 12) {		/* the format */
			assert_int_equal(scan(w, &seen), ERR_VERSION);
			continue;
		}
		assert_int_equal(scan(w, &seen), ERR_OK);
		for (i = 0; i < RECORDS; i++) {
			uint64_t end = w->spots[i].off + queue_record_bytes(&w->records[i]);
			bool hit = n >= w->spots[i].off && n < end;

			assert_int_equal(has_entry(&seen, w, i), !hit);
			if (hit)
				assert_int_equal(spool_dir_count(&w->dir, "corrupt-"), 1);
		}
	}
	buf_fini(&file);
}

/* A damaged index is not believed: the records are read instead. */
static void
test_damaged_index(void **state)
{
	struct written *w = *state;
	char name[QUEUE_SEGMENT_NAME];
	struct seen seen;
	struct buf file;
	uint64_t data_end;
	size_t n;

	queue_segment_name(name, NUMBER);
	write_six(w, true);
	data_end = w->spots[5].off + queue_record_bytes(&w->records[5]);
	buf_init(&file, 1u << 20);
	spool_dir_read(&w->dir, name, &file);
	for (n = (size_t)data_end; n < file.n; n++) {
		buf_data(&file)[n] ^= 1;
		spool_dir_write(&w->dir, name, buf_data(&file), file.n);
		buf_data(&file)[n] ^= 1;
		assert_int_equal(scan(w, &seen), ERR_OK);
		assert_false(seen.scan.has_index);
		assert_int_equal(seen.count, RECORDS);
	}
	buf_fini(&file);
}

static void
test_list_and_unlink(void **state)
{
	struct written *w = *state;
	struct queue_segment *s;
	uint64_t *numbers;
	size_t count;

	spool_dir_empty(&w->dir);
	spool_dir_write(&w->dir, "segment-12", "x", 1);
	spool_dir_write(&w->dir, "other", "x", 1);
	assert_int_equal(queue_segment_create(&s, w->dir.fd, 300, 0, 1), ERR_OK);
	queue_segment_abandon(&s);
	assert_int_equal(queue_segment_create(&s, w->dir.fd, 20, 0, 1), ERR_OK);
	queue_segment_abandon(&s);
	assert_int_equal(queue_segment_create(&s, w->dir.fd, 20, 0, 1), ERR_EXISTS);
	assert_int_equal(queue_segment_list(w->dir.fd, &numbers, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(numbers[0], 20);
	assert_int_equal(numbers[1], 300);
	free(numbers);
	queue_segment_unlink(w->dir.fd, 20);
	assert_int_equal(queue_segment_list(w->dir.fd, &numbers, &count), ERR_OK);
	assert_int_equal(count, 1);
	free(numbers);
}

static int
setup(void **state)
{
	struct written *w = calloc(1, sizeof(*w));

	cry_init();
	spool_dir_make(&w->dir);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct written *w = *state;

	spool_dir_remove(&w->dir);
	free(w);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_truncation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_byte_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_and_unlink, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
