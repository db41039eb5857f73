/* SPDX-License-Identifier: ISC */
/*
 * The embedded engine's own (the rest is in engine_test.c): what is seen before
 * and after checkpoints and restarts, limits and the journal; random
 * transactions against a sorted array with restarts and crashes; a torn
 * journal; a foreign format.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/db/db.h"
#include "store/store_journal.h"
#include "store/store_record.h"
#include "tests/unit/store/store_kv_bed.h"
#include "tests/unit/test.h"

#define KEYS	300

static void
test_visibility(void **state)
{
	struct kv_key k = record_key_u32(7, 'x', 1);
	struct kv_txn *t;
	struct slice v;

	(void)state;
	kv_bed_put(7, 1, "a");
	/* Submitted is seen by writers only, durable by all. */
	assert_true(kv_bed_sees(7, 1, KV_WRITE, "a"));
	assert_false(kv_bed_sees(7, 1, KV_READ, "a"));
	bed_settle(&bed);
	assert_true(kv_bed_sees(7, 1, KV_READ, "a"));

	kv_bed_put(7, 1, "b");
	assert_true(kv_bed_sees(7, 1, KV_READ, "a"));
	assert_true(kv_bed_sees(7, 1, KV_WRITE, "b"));

	/* Given up: nothing happened. */
	assert_int_equal(kv_begin(bed.store.kv, 7, KV_WRITE, &t), ERR_OK);
	kv_put(t, &k, SLICE_LIT("c"));
	kv_put(t, &k, SLICE_LIT("d"));
	assert_int_equal(kv_get(t, &k, &v), ERR_OK);
	assert_slice(v, "d");
	kv_del(t, &k);
	assert_int_equal(kv_get(t, &k, &v), ERR_NOTFOUND);
	kv_end(&t);
	assert_true(kv_bed_sees(7, 1, KV_WRITE, "b"));
	bed_checkpoint(&bed);
	assert_true(kv_bed_sees(7, 1, KV_READ, "b"));
	/* The index file itself has it. */
	bed_close(&bed);
	bed_open(&bed);
	assert_true(kv_bed_sees(7, 1, KV_READ, "b"));
}

static void
test_limits(void **state)
{
	char big[KV_VALUE_MAX];
	struct kv_key k;
	struct kv_txn *t;
	uint32_t n = 0;
	enum err e;

	(void)state;
	memset(big, 'x', sizeof(big));
	/* One transaction over its limit leaves nothing behind. */
	assert_int_equal(kv_begin(bed.store.kv, 9, KV_WRITE, &t), ERR_OK);
	for (n = 0; n * sizeof(big) <= KV_TXN_BYTES_MAX; n++) {
		k = record_key_u32(9, 'x', n);
		kv_put(t, &k, slice_of(big, sizeof(big)));
	}
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_LIMIT);
	assert_int_equal(kv_begin(bed.store.kv, 9, KV_WRITE, &t), ERR_OK);
	k = record_key_u32(9, 'x', 0);
	kv_expect_absent(t, &k);
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);

	/* Much pending at once: busy, then through. */
	for (n = 0; n < 100000; n++) {
		if ((e = kv_begin(bed.store.kv, 9, KV_WRITE, &t)) != ERR_OK)
			break;
		k = record_key_u32(9, 'y', n);
		kv_put(t, &k, slice_of(big, sizeof(big)));
		assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	}
	assert_int_equal(e, ERR_BUSY);
	/* The first COMMIT_OPS_MAX are on their way already. */
	assert_in_range(n, KV_PENDING_BYTES_MAX / 2100,
	    KV_PENDING_BYTES_MAX / 2000 + COMMIT_OPS_MAX);
	bed_settle(&bed);
	assert_int_equal(kv_begin(bed.store.kv, 9, KV_WRITE, &t), ERR_OK);
	kv_end(&t);
	/* The journal changes its file many times. */
	for (unsigned round = 0; round < 12; round++) {
		for (n = 0; n < 1500; n++) {
			assert_int_equal(kv_begin(bed.store.kv, 9, KV_WRITE, &t), ERR_OK);
			k = record_key_u32(9, 'z', kv_bed_rnd(5000));
			kv_put(t, &k, slice_of(big, sizeof(big)));
			assert_int_equal(kv_submit(&t, KV_LAZY, NULL, NULL), ERR_OK);
		}
		kv_bed_put(9, 1, "now");
		bed_settle(&bed);
	}
}

/* ---- random ---- */

struct model {
	bool		 is_there[KEYS];
	uint32_t	 value[KEYS];
};
static struct model now, durable;

static void
on_durable(void *arg, enum err e)
{
	struct model *m = arg;

	assert_int_equal(e, ERR_OK);
	durable = *m;
	free(m);
}

static void
random_transaction(void)
{
	struct model *after = malloc(sizeof(*after));
	unsigned n = 1 + kv_bed_rnd(8), i;
	bool give_up = kv_bed_rnd(6) == 0;
	unsigned char value[40];
	struct kv_txn *t;
	struct kv_key k;

	*after = now;
	assert_int_equal(kv_begin(bed.store.kv, 3, KV_WRITE, &t), ERR_OK);
	while (n-- > 0) {
		i = kv_bed_rnd(KEYS);
		k = record_key_u32(3, 'x', i);
		after->is_there[i] = kv_bed_rnd(4) != 0;
		after->value[i] = kv_bed_rnd(UINT32_MAX);
		memset(value, 0, sizeof(value));
		enc_le32(value, after->value[i]);
		if (after->is_there[i])
			kv_put(t, &k, slice_of(value, 4 + after->value[i] % 36));
		else
			kv_del(t, &k);
	}
	if (give_up) {
		kv_end(&t);
		free(after);
		return;
	}
	now = *after;
	assert_int_equal(kv_submit(&t, kv_bed_rnd(3) == 0 ? KV_LAZY : KV_NOW, on_durable, after), ERR_OK);
}

static void
compare_model(const struct model *m, enum kv_mode mode)
{
	struct kv_key at = record_key(3, 'x'), found;
	struct kv_txn *t;
	struct slice v;
	uint32_t i = 0, n;

	assert_int_equal(kv_begin(bed.store.kv, 3, mode, &t), ERR_OK);
	while (kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK) {
		n = dec_be32(found.b + 9);
		for (; i < n; i++)
			assert_false(m->is_there[i]);
		assert_true(m->is_there[n]);
		assert_int_equal(dec_le32(v.p), m->value[n]);
		assert_int_equal(v.n, 4 + m->value[n] % 36);
		at = found;
		i = n + 1;
	}
	for (; i < KEYS; i++)
		assert_false(m->is_there[i]);
	/* And down again. */
	at = record_key(3, 'y');
	for (i = KEYS; kv_find(t, KV_LT, &at, 8, &found, &v) == ERR_OK; at = found) {
		n = dec_be32(found.b + 9);
		assert_true(n < i && m->is_there[n]);
		i = n;
	}
	kv_end(&t);
}

static void
test_random(void **state)
{
	(void)state;
	memset(&now, 0, sizeof(now));
	memset(&durable, 0, sizeof(durable));
	for (unsigned step = 1; step <= 12000; step++) {
		random_transaction();
		if (kv_bed_rnd(20) == 0)
			bed_turn(&bed);
		if (kv_bed_rnd(50) == 0) {
			compare_model(&now, KV_WRITE);
			compare_model(&durable, KV_READ);
		}
		if (kv_bed_rnd(400) == 0)
			commit_checkpoint(bed.store.commit);
		if (kv_bed_rnd(1500) == 0) {
			/* Crash: exactly what was called durable is there, or more. */
			bed_settle(&bed);
			bed_crash(&bed);
			bed_open(&bed);
			compare_model(&durable, KV_READ);
			now = durable;
		}
		if (kv_bed_rnd(1500) == 0) {
			bed_close(&bed);
			bed_open(&bed);
			durable = now;
			compare_model(&now, KV_READ);
		}
	}
	bed_settle(&bed);
	compare_model(&now, KV_READ);
}

/* ---- damage ---- */

static size_t
journal_used(const char *name, struct buf *bytes)
{
	struct journal_batch b;
	size_t offset = 0, last = 0;
	uint64_t after = 0;
	int fd = open(name, O_RDONLY);
	char *p;

	assert_true(fd >= 0);
	buf_init(bytes, JOURNAL_BYTES);
	p = buf_reserve(bytes, JOURNAL_BYTES);
	buf_commit(bytes, (size_t)read(fd, p, JOURNAL_BYTES));
	close(fd);
	while (journal_next(buf_slice(bytes), &offset, after, &b) == ERR_OK) {
		after = b.number;
		last = offset;
	}
	return last;
}

/* Ten batches; the last is cut or flipped: nine are there, no more. */
static void
torn(bool flip, unsigned at)
{
	struct buf bytes;
	char value[8];
	size_t used;
	int fd;

	for (uint32_t i = 0; i < 10; i++) {
		snprintf(value, sizeof(value), "v%u", i);
		kv_bed_put(4, i, value);
		bed_settle(&bed);
	}
	bed_crash(&bed);
	used = journal_used("journal.0", &bytes);
	assert_true(used > 10 * JOURNAL_ALIGN - 1);
	fd = open("journal.0", O_RDWR);
	if (flip) {
		char byte = (char)(buf_data(&bytes)[used - JOURNAL_ALIGN + at] ^ 0x10);

		assert_int_equal(pwrite(fd, &byte, 1, (off_t)(used - JOURNAL_ALIGN + at)), 1);
	} else {
		char zeros[JOURNAL_ALIGN] = { 0 };

		assert_int_equal(pwrite(fd, zeros, JOURNAL_ALIGN - at,
		    (off_t)(used - JOURNAL_ALIGN + at)), JOURNAL_ALIGN - at);
	}
	close(fd);
	buf_fini(&bytes);
	bed_open(&bed);
	for (uint32_t i = 0; i < 9; i++) {
		snprintf(value, sizeof(value), "v%u", i);
		assert_true(kv_bed_sees(4, i, KV_READ, value));
	}
	assert_false(kv_bed_sees(4, 9, KV_READ, "v9"));
	/* And it goes on. */
	kv_bed_put(4, 9, "again");
	bed_settle(&bed);
	assert_true(kv_bed_sees(4, 9, KV_READ, "again"));
}

static void
test_torn_tail(void **state)
{
	(void)state;
	torn(false, 20);
}

static void
test_flipped_head(void **state)
{
	(void)state;
	torn(true, 4);
}

static void
test_flipped_body(void **state)
{
	(void)state;
	torn(true, 40);
}

static void
test_foreign_format(void **state)
{
	struct kv_key vk = record_key(0, 'V');
	unsigned char rec[20] = "GWSTORE";
	struct commit *c;
	struct db_txn *t;
	struct buf why;
	struct db *db;

	(void)state;
	bed_close(&bed);
	assert_int_equal(db_open(&db, "index.1", 0), ERR_OK);
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	enc_le32(rec + 8, 2);
	enc_le32(rec + 12, 1);
	enc_le32(rec + 16, 3);
	assert_int_equal(db_put(t, slice_of(vk.b, vk.n), slice_of(rec, 20)), ERR_OK);
	assert_int_equal(db_commit(&t), ERR_OK);
	db_close(&db);

	buf_init(&why, 500);
	bed.dir_fd = open(bed.dir, O_PATH | O_DIRECTORY);
	bed.loop = loop_new();
	assert_int_equal(commit_open(&c, bed.loop, bed.dir_fd, 3, 1 << 20, &why), ERR_VERSION);
	assert_null(c);
	assert_string_equal(buf_cstr(&why),
	    "index.1 has format 2, this program knows format 1 only");
	loop_free(&bed.loop);
	close(bed.dir_fd);

	/* Put right again for the end of the test. */
	enc_le32(rec + 8, 1);
	assert_int_equal(db_open(&db, "index.1", 0), ERR_OK);
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	assert_int_equal(db_put(t, slice_of(vk.b, vk.n), slice_of(rec, 20)), ERR_OK);
	assert_int_equal(db_commit(&t), ERR_OK);
	db_close(&db);
	buf_fini(&why);
	bed_open(&bed);
}

/* The number of shards is fixed when the store is made. */
static void
test_shards_stay(void **state)
{
	(void)state;
	kv_bed_put(7, 1, "a");
	bed_close(&bed);
	bed.shards = 8;
	bed_open(&bed);
	assert_int_equal(kv_shard_count(bed.store.kv), 3);
	assert_true(kv_bed_sees(7, 1, KV_READ, "a"));
}

/* Almost as much as may be pending, in one batch. */
static void
fill(uint32_t first, unsigned blobs)
{
	static char value[KV_VALUE_MAX];
	struct blob_ref ref;
	struct kv_txn *t;

	for (unsigned i = 0; i < blobs; i++)
		assert_int_equal(blob_put(bed.store.blob, 1, first + i, BLOB_BODY,
		    slice_of(value, sizeof(value)), SLICE_NONE, &ref), ERR_OK);
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
		for (uint32_t i = 0; i < 1950; i++) {
			struct kv_key k = record_key_u32(1, 'x', first + n * 1950 + i);

			kv_put(t, &k, slice_of(value, sizeof(value)));
		}
		assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	}
	bed_settle(&bed);
}

/* The journal is not half full, and the next batch larger than what is left. */
static void
test_batch_larger_than_the_rest(void **state)
{
	struct commit_stat st;

	(void)state;
	fill(1, 0);
	fill(10000, 1900);
	commit_stat(bed.store.commit, &st);
	/* One at least: on a busy machine the time for another may have come. */
	assert_true(st.checkpoints > 0 && st.journal_bytes > JOURNAL_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_visibility, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_limits, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_random, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_head, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_flipped_body, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_foreign_format, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_shards_stay, kv_bed_setup, kv_bed_teardown),
		cmocka_unit_test_setup_teardown(test_batch_larger_than_the_rest, kv_bed_setup, kv_bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
