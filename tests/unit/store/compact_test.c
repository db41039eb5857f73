/* SPDX-License-Identifier: ISC */
/*
 * Compaction: bodies, summaries, column blocks and large bodies move and stay
 * what they were, over restarts and between two reads of one message; which
 * segments are due; what is damaged stays; wrong counters lose nothing; a
 * freed large body leaves a hole at once, and one that is in use never.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "store/blob_segment.h"
#include "store/store_compact.h"
#include "store/store_record.h"
#include "store/store_sweep.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define SMALL		120
#define LARGE_BYTES	300000u
#define NOW_S		2000000000u
#define DAY_S		86400u

static char	data[LARGE_BYTES];

static int
setup(void **state)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 2);
	world_setup(state);
	/* Small segments: several in each test. */
	bed.segment_bytes = 200000;
	world_reopen(false);
	return 0;
}

/* ---- mail ---- */

static size_t
size_of(unsigned i)
{
	return 1 + i * 97;
}

/* A message with a summary of its own in the segments. */
static uint32_t
append(unsigned i)
{
	struct ipc_store_append m;
	struct bed_reply *r;

	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.summary = slice_of(data + i, 3000);
	m.body = slice_of(data + i, size_of(i));
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
	assert_reply(r, store_appended);
	return r->m.store_appended.uid;
}

static uint32_t
append_large(void)
{
	struct ipc_store_append m;
	struct bed_reply *r;
	int fd;

	assert_int_equal(fd_memfd_make("b", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, data, sizeof(data), 0), ERR_OK);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = SLICE_NONE;
	r = bed_call_fd(&bed, deliver, IPC_MSG_store_append, &m, fd);
	assert_reply(r, store_appended);
	close(fd);
	return r->m.store_appended.uid;
}

static void
put_block(uint32_t block, struct slice bytes)
{
	static const char commitment[33] = "commitment of thirty-two bytes..", wrapped[60];
	static const char epoch_data[81] = "sealed";
	struct ipc_store_epoch em = { h1, 1 };
	struct ipc_store_put_columns m = {
		.handle = h1, .mailbox = world_selected(imapd, h1, "INBOX").mailbox, .kind = 1,
		.block = block, .generation = 1, .epoch_data = slice_of(epoch_data, 80),
		.commitment = slice_of(commitment, 32), .wrapped = slice_of(wrapped, 60),
		.data = bytes,
	};
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_epoch, &em);

	assert_reply(r, store_epoch_ok);
	m.content = r->m.store_epoch_ok.first_content;
	m.epoch = r->m.store_epoch_ok.epoch;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_put_columns, &m), store_ok);
}

/* ---- the records of account 1 ---- */

#define REFS_MAX	400

static struct blob_ref	refs[REFS_MAX];
static uint64_t		contents[REFS_MAX];

/* Bodies only; with_all: summaries, column blocks and epochs too. */
static unsigned
read_refs(bool with_all)
{
	struct kv_key at = record_key(1, 'X'), columns = record_key(1, 'O'), found;
	struct record_columns o;
	struct record_content c;
	struct record_epoch epoch;
	struct kv_txn *t;
	struct slice v;
	unsigned n = 0;

	bed_settle(&bed);
	assert_int_equal(kv_begin(bed.store.kv, 1, KV_READ, &t), ERR_OK);
	for (; kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; at = found) {
		assert_int_equal(record_content_read(&c, v), ERR_OK);
		assert_true(n + 2 < REFS_MAX);
		contents[n] = dec_be64(found.b + 9);
		refs[n++] = c.body;
		if (with_all && c.summary_ref.segment != 0)
			refs[n++] = c.summary_ref;
	}
	at = columns;
	for (; with_all && kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; at = found) {
		assert_int_equal(record_columns_read(&o, v), ERR_OK);
		refs[n++] = o.data;
	}
	at = record_key(1, 'E');
	for (; with_all && kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; at = found) {
		assert_int_equal(record_epoch_read(&epoch, v), ERR_OK);
		refs[n++] = epoch.place;
	}
	kv_end(&t);
	return n;
}

static bool
is_good(unsigned i)
{
	return blob_check(bed.store.blob, &refs[i], 1, contents[i], BLOB_BODY) == ERR_OK;
}

/* Every body says what it said, by the number that its length tells. */
static unsigned
count_whole(void)
{
	unsigned n = read_refs(false);
	struct buf b;

	buf_init(&b, LARGE_BYTES);
	for (unsigned i = 0; i < n; i++) {
		size_t from = refs[i].bytes == LARGE_BYTES ? 0 : (size_t)(refs[i].bytes - 1) / 97;

		buf_reset(&b);
		assert_int_equal(blob_read(bed.store.blob, &refs[i], 0, LARGE_BYTES, &b), ERR_OK);
		assert_int_equal(b.n, refs[i].bytes);
		assert_memory_equal(buf_data(&b), data + from, b.n);
		assert_true(is_good(i));
	}
	buf_fini(&b);
	return n;
}

/* ---- compaction ---- */

static struct compact_progress
compact(void)
{
	struct compact_progress p;

	compact_start(&bed.store);
	assert_true(compact_force(&bed.store));
	assert_false(compact_force(&bed.store));
	for (unsigned i = 0; i < 5000; i++) {
		compact_progress(&bed.store, &p);
		if (!p.is_forced)
			break;
		bed_turn(&bed);
	}
	assert_false(p.is_forced);
	compact_stop(&bed.store);
	bed_settle(&bed);
	return p;
}

static unsigned
count_files(void)
{
	DIR *dir = opendir(bed.dir);
	struct dirent *d;
	unsigned n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		n += strncmp(d->d_name, "body.", 5) == 0;
	closedir(dir);
	return n;
}

static uint64_t
dead_bytes(void)
{
	struct blob_stat st;

	blob_stat(bed.store.blob, &st);
	assert_true(st.bytes >= st.live_bytes + st.punched_bytes);
	return st.bytes - st.live_bytes - st.punched_bytes;
}

static void
expunge(uint32_t first, uint32_t last)
{
	world_expunge("INBOX", first, last);
	world_sweep();
}

static void
test_moves(void **state)
{
	struct compact_progress p;
	struct blob_stat st;

	(void)state;
	for (unsigned i = 0; i < SMALL; i++) {
		append(i);
		if (i % 30 == 10)
			append_large();
		if (i % 20 == 0)
			put_block(i / 64, slice_of(data, 9000 + i));
	}
	bed_checkpoint(&bed);
	assert_int_equal(read_refs(false), SMALL + 4);
	expunge(3, 20);
	expunge(60, 90);
	assert_true(dead_bytes() > 100000);
	p = compact();
	assert_true(p.segments >= 3 && p.damaged == 0);
	assert_true(p.freed_bytes > p.moved_bytes && p.moved_bytes > LARGE_BYTES);
	assert_int_equal(count_whole(), SMALL + 4 - 18 - 31);
	bed_check(&bed);
	/* What is left is alive, and nothing else is in the directory. */
	blob_stat(bed.store.blob, &st);
	assert_int_equal(dead_bytes(), 0);
	assert_int_equal(st.records, read_refs(true));
	assert_int_equal(count_files(), st.segments);
	/* Nothing to do any more. */
	p = compact();
	assert_int_equal(p.segments, 0);
	world_reopen(true);
	bed_check(&bed);
	assert_int_equal(count_whole(), SMALL + 4 - 18 - 31);
	world_reopen(false);
	bed_check(&bed);
	assert_int_equal(dead_bytes(), 0);
	assert_int_equal(count_files(), st.segments);
}

static struct slice
read_part(uint64_t content, uint64_t offset)
{
	struct ipc_store_read m = { h1, content, offset, 50000, SLICE_NONE, 0 };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_read, &m);

	assert_reply(r, store_data);
	return r->m.store_data.data;
}

/* A session reads a large body while it moves. */
static void
test_read_goes_on(void **state)
{
	struct slice part = SLICE_NONE;
	uint64_t at = 0, content;

	(void)state;
	bed.segment_bytes = 1u << 20;
	world_reopen(false);
	append(100);
	append_large();
	append(101);
	assert_int_equal(read_refs(false), 3);
	content = contents[1];
	for (unsigned rounds = 0; at < LARGE_BYTES; rounds++, at += part.n) {
		if (rounds == 1) {
			expunge(1, 1);
			assert_int_equal(compact().segments, 1);
		}
		part = read_part(content, at);
		assert_true(part.n > 0 && part.n < LARGE_BYTES);
		assert_memory_equal(part.p, data + at, part.n);
	}
}

/* The process ends in the middle: some are here, some there, none is lost. */
static void
test_stopped(void **state)
{
	struct compact_progress p = { 0 };

	(void)state;
	for (unsigned i = 0; i < SMALL; i++)
		append(i);
	expunge(1, 1);
	expunge(50, 50);
	compact_start(&bed.store);
	assert_true(compact_force(&bed.store));
	for (unsigned i = 0; i < 5000 && p.moved_bytes == 0; i++) {
		bed_turn(&bed);
		compact_progress(&bed.store, &p);
	}
	assert_true(p.moved_bytes > 0);
	world_reopen(true);
	assert_int_equal(count_whole(), SMALL - 2);
	bed_check(&bed);
	compact();
	assert_int_equal(count_whole(), SMALL - 2);
	assert_int_equal(dead_bytes(), 0);
}

/* ---- which ---- */

static void
test_due(void **state)
{
	struct blob *b = bed.store.blob;
	struct blob_ref ref[10];
	uint32_t first;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(blob_put(b, 1, i, BLOB_SUMMARY, slice_of(data, 10000),
		    SLICE_NONE, &ref[i]), ERR_OK);
		blob_use(b, &ref[i]);
	}
	first = ref[0].segment;
	assert_int_equal(ref[9].segment, first);
	/* Alive; then the current one; then not written. */
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), 0);
	for (unsigned i = 0; i < 4; i++)
		blob_free(b, &ref[i]);
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), 0);
	blob_rotate(b);
	assert_true(blob_is_settling(b));
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), 0);
	append(1);
	bed_settle(&bed);
	assert_false(blob_is_settling(b));
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), first);
	assert_int_equal(blob_victim(b, first, 0, NOW_S), 0);
	/* 40 of 100 are not over 40. */
	assert_int_equal(blob_victim(b, 0, 39, NOW_S), first);
	assert_int_equal(blob_victim(b, 0, 40, NOW_S), 0);
	/* Dead for seven days: any share. */
	assert_int_equal(blob_victim(b, 0, 95, NOW_S + 7 * DAY_S - 1), 0);
	assert_int_equal(blob_victim(b, 0, 95, NOW_S + 7 * DAY_S), first);
	/* Counted from the first look, over a restart too. */
	append(2);
	world_reopen(true);
	b = bed.store.blob;
	assert_int_equal(blob_victim(b, 0, 95, NOW_S + 7 * DAY_S - 1), 0);
	assert_int_equal(blob_victim(b, 0, 95, NOW_S + 7 * DAY_S), first);
	/* Its transaction may still come. */
	blob_hold(b, &ref[5]);
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), 0);
	blob_release(b, &ref[5]);
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), first);
	/* Nothing alive: whatever the share; and while there is no room to copy. */
	for (unsigned i = 4; i < 10; i++)
		blob_free(b, &ref[i]);
	assert_int_equal(blob_victim(b, 0, 100, 0), first);
	blob_damaged(b, first);
	assert_int_equal(blob_victim(b, 0, 0, NOW_S), 0);
}

/* ---- what is not as it should be ---- */

static void
spoil(uint32_t segment, uint64_t offset)
{
	char path[40], byte;
	int fd;

	snprintf(path, sizeof(path), "body.%08x", segment);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x20;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

/* A header that is none: the segment stays, and the others are compacted. */
static void
test_damaged_header(void **state)
{
	struct compact_progress p;
	struct blob_ref spoilt;
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < SMALL; i++)
		append(i);
	bed_checkpoint(&bed);
	read_refs(false);
	spoilt = refs[10];
	spoil(spoilt.segment, spoilt.offset);
	expunge(1, 1);
	expunge(SMALL - 1, SMALL - 1);
	p = compact();
	assert_int_equal(p.damaged, 1);
	assert_true(p.segments >= 1);
	n = read_refs(false);
	assert_int_equal(n, SMALL - 2);
	for (unsigned i = 0; i < n; i++)
		assert_true(is_good(i) != (refs[i].segment == spoilt.segment &&
		    refs[i].offset == spoilt.offset));
	/* Left alone. */
	assert_int_equal(compact().damaged, 0);
	spoil(spoilt.segment, spoilt.offset);
	world_reopen(false);
	assert_int_equal(compact().damaged, 0);
	assert_int_equal(count_whole(), SMALL - 2);
}

static void
put_byte(const struct blob_ref *ref, unsigned at, char byte)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "body.%08x", ref->segment);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(ref->offset + at)), 1);
	close(fd);
}

/* A head that claims a note where the index knows of none. */
static void
test_damaged_note(void **state)
{
	struct blob_ref spoilt;
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < SMALL; i++) {
		append(i);
		if (i == 90)
			put_block(0, slice_of(data, 9001));
	}
	bed_checkpoint(&bed);
	n = read_refs(false);
	assert_true(read_refs(true) > 2 * n);
	spoilt = refs[2 * n];
	assert_int_equal(spoilt.bytes, 9001);
	put_byte(&spoilt, 3, '2');
	put_byte(&spoilt, 6, 1);
	expunge(90, 92);
	assert_int_equal(compact().damaged, 1);
	put_byte(&spoilt, 3, '1');
	put_byte(&spoilt, 6, 0);
	world_reopen(false);
	assert_int_equal(compact().damaged, 0);
	assert_int_equal(count_whole(), SMALL - 3);
}

/* A spoilt body moves as it is: its checksum must go on telling. */
static void
test_damaged_body(void **state)
{
	unsigned n, bad = 0;

	(void)state;
	append(100);
	append_large();
	append(400);
	append(50);
	bed_checkpoint(&bed);
	assert_int_equal(read_refs(false), 4);
	spoil(refs[1].segment, refs[1].offset + BLOB_HEAD_BYTES + 70000);
	spoil(refs[2].segment, refs[2].offset + BLOB_HEAD_BYTES + 20);
	expunge(1, 1);
	expunge(4, 4);
	assert_int_equal(compact().damaged, 0);
	n = read_refs(false);
	assert_int_equal(n, 2);
	for (unsigned i = 0; i < n; i++)
		bad += !is_good(i);
	assert_int_equal(bad, 2);
	/* So that the end of the test finds nothing. */
	for (unsigned i = 0; i < n; i++)
		spoil(refs[i].segment, refs[i].offset + BLOB_HEAD_BYTES +
		    (refs[i].bytes == LARGE_BYTES ? 70000 : 20));
	assert_int_equal(count_whole(), 2);
}

/* Freed by a transaction that came to nothing: the walk finds them all the same. */
static void
test_wrong_counters(void **state)
{
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < SMALL; i++)
		append(i);
	append_large();
	n = read_refs(true);
	for (unsigned i = 0; i < n; i++)
		blob_free(bed.store.blob, &refs[i]);
	for (unsigned i = 0; i < 4; i++) {
		append(i);
		bed_checkpoint(&bed);
	}
	assert_int_equal(count_whole(), SMALL + 5);
	assert_true(compact().segments > 1);
	assert_int_equal(count_whole(), SMALL + 5);
	assert_int_equal(dead_bytes(), 0);
	bed_check(&bed);
}

/* ---- holes ---- */

static uint64_t
blocks_of(uint32_t segment)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "body.%08x", segment);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void
test_holes(void **state)
{
	struct blob_stat st;
	struct blob_ref first, second;
	struct blob_head h;
	uint64_t before;

	(void)state;
	append_large();
	append_large();
	append(1);
	bed_checkpoint(&bed);
	assert_int_equal(read_refs(false), 3);
	first = refs[0];
	second = refs[1];
	before = blocks_of(first.segment);
	/* Its transaction failed. */
	blob_free(bed.store.blob, &second);
	blob_use(bed.store.blob, &second);
	expunge(1, 1);
	for (unsigned i = 0; i < 3; i++) {
		append(2);
		bed_checkpoint(&bed);
	}
	blob_stat(bed.store.blob, &st);
	assert_in_range(st.punched_bytes, LARGE_BYTES - 8192, LARGE_BYTES);
	assert_true(blocks_of(first.segment) + st.punched_bytes <= before + 8192);
	assert_true(blocks_of(second.segment) >= LARGE_BYTES);
	/* The record can still be walked, and the other is whole. */
	assert_int_equal(blob_head_at(bed.store.blob, first.segment, first.offset, &h), ERR_OK);
	assert_int_equal(h.bytes, LARGE_BYTES);
	assert_int_equal(count_whole(), 5);
	world_reopen(true);
	blob_stat(bed.store.blob, &st);
	assert_in_range(st.punched_bytes, LARGE_BYTES - 8192, LARGE_BYTES);
	assert_int_equal(compact().damaged, 0);
	blob_stat(bed.store.blob, &st);
	assert_int_equal(st.punched_bytes, 0);
	assert_int_equal(count_whole(), 5);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_moves), T(test_read_goes_on), T(test_stopped), T(test_due),
		T(test_damaged_header), T(test_damaged_note), T(test_damaged_body), T(test_wrong_counters),
		T(test_holes),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
