/* SPDX-License-Identifier: ISC */
/*
 * What every engine behind kv.h and blob.h does: linked once with each.  What
 * transactions see, compares, order and pages, limits, who is told when;
 * random transactions against a sorted array; blobs and their notes, counted,
 * held, freed, walked and moved.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/sys/fd.h"
#include "store/blob_walk.h"
#include "store/store_record.h"
#include "tests/unit/store/store_kv_bed.h"
#include "tests/unit/test.h"

#define KEYS	200

/* ---- kv ---- */

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

	/* Its own writes, the last of each key; given up: nothing happened. */
	t = kv_bed_begin(7, KV_WRITE);
	kv_put(t, &k, SLICE_LIT("c"));
	kv_put(t, &k, SLICE_LIT("d"));
	assert_int_equal(kv_get(t, &k, &v), ERR_OK);
	assert_slice(v, "d");
	kv_del(t, &k);
	assert_int_equal(kv_get(t, &k, &v), ERR_NOTFOUND);
	kv_end(&t);
	kv_end(&t);		/* NULL is legal */
	assert_true(kv_bed_sees(7, 1, KV_WRITE, "b"));
	bed_settle(&bed);
	assert_true(kv_bed_sees(7, 1, KV_READ, "b"));

	/* Gone for writers, there for readers until that is durable. */
	t = kv_bed_begin(7, KV_WRITE);
	kv_del(t, &k);
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	assert_false(kv_bed_sees(7, 1, KV_WRITE, "b"));
	assert_true(kv_bed_sees(7, 1, KV_READ, "b"));
	bed_settle(&bed);
	assert_false(kv_bed_sees(7, 1, KV_READ, "b"));
	kv_bed_put(7, 1, "again");
	bed_checkpoint(&bed);
	assert_true(kv_bed_sees(7, 1, KV_READ, "again"));
}

static void
test_compares(void **state)
{
	struct kv_key k = record_key_u32(7, 'x', 1), k2 = record_key_u32(7, 'x', 2);
	struct kv_txn *t;

	(void)state;
	kv_bed_put(7, 1, "a");
	t = kv_bed_begin(7, KV_WRITE);
	kv_expect_absent(t, &k);
	kv_put(t, &k2, SLICE_LIT("no"));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_CONFLICT);
	assert_null(t);
	assert_false(kv_bed_sees(7, 2, KV_WRITE, "no"));

	t = kv_bed_begin(7, KV_WRITE);
	kv_expect(t, &k, SLICE_LIT("a"));
	kv_expect_absent(t, &k2);
	kv_put(t, &k2, SLICE_LIT("yes"));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	assert_true(kv_bed_sees(7, 2, KV_WRITE, "yes"));

	t = kv_bed_begin(7, KV_WRITE);
	kv_expect(t, &k, SLICE_LIT("b"));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_CONFLICT);
	k = record_key_u32(7, 'x', 3);
	t = kv_bed_begin(7, KV_WRITE);
	kv_expect(t, &k, SLICE_LIT(""));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_CONFLICT);
}

static void
test_limits(void **state)
{
	char big[KV_VALUE_MAX];
	struct kv_key k;
	struct kv_txn *t;
	uint32_t n;
	enum err e;

	(void)state;
	memset(big, 'x', sizeof(big));
	/* One transaction over its limit leaves nothing behind. */
	t = kv_bed_begin(9, KV_WRITE);
	for (n = 0; n * sizeof(big) <= KV_TXN_BYTES_MAX; n++) {
		k = record_key_u32(9, 'x', n);
		kv_put(t, &k, slice_of(big, sizeof(big)));
	}
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_LIMIT);
	t = kv_bed_begin(9, KV_WRITE);
	for (n = 0; n * sizeof(big) <= KV_TXN_BYTES_MAX; n++) {
		k = record_key_u32(9, 'x', n);
		kv_expect_absent(t, &k);
	}
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);

	/* Much pending at once: writers are turned away, readers are not. */
	for (n = 0; n < 100000; n++) {
		if ((e = kv_begin(bed.store.kv, 9, KV_WRITE, &t)) != ERR_OK)
			break;
		k = record_key_u32(9, 'y', n);
		kv_put(t, &k, slice_of(big, sizeof(big)));
		assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	}
	assert_int_equal(e, ERR_BUSY);
	assert_null(t);
	assert_int_equal(kv_begin_shard(bed.store.kv, 0, KV_WRITE, &t), ERR_BUSY);
	assert_in_range(n, KV_PENDING_BYTES_MAX / 2100,
	    KV_PENDING_BYTES_MAX / 2000 + COMMIT_OPS_MAX);
	t = kv_bed_begin(9, KV_READ);
	kv_end(&t);
	bed_settle(&bed);
	t = kv_bed_begin(9, KV_WRITE);
	k = record_key_u32(9, 'y', n - 1);
	kv_expect(t, &k, slice_of(big, sizeof(big)));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
}

static uint32_t
found_at(struct kv_txn *t, enum kv_dir dir, uint32_t n, const char *value)
{
	struct kv_key k = record_key_u32(5, 'x', n), found;
	struct slice v;

	if (kv_find(t, dir, &k, 9, &found, &v) != ERR_OK)
		return UINT32_MAX;
	assert_int_equal(found.n, 13);
	assert_true(slice_eq_str(v, value));
	return dec_be32(found.b + 9);
}

static void
test_order(void **state)
{
	struct kv_key k, found;
	struct kv_txn *t;
	struct slice v;

	(void)state;
	/* Neighbours that are none of it; even numbers old, odd ones new, some gone. */
	kv_bed_put(4, 1000, "other");
	kv_bed_put(6, 0, "other");
	for (uint32_t i = 0; i < 20; i += 2)
		kv_bed_put(5, i, "old");
	bed_checkpoint(&bed);
	for (uint32_t i = 1; i < 20; i += 2)
		kv_bed_put(5, i, "new");
	t = kv_bed_begin(5, KV_WRITE);
	for (uint32_t i = 8; i < 12; i++) {
		k = record_key_u32(5, 'x', i);
		kv_del(t, &k);
	}
	assert_int_equal(found_at(t, KV_GT, 7, "old"), 12);
	assert_int_equal(found_at(t, KV_LT, 12, "new"), 7);
	assert_int_equal(found_at(t, KV_LE, 10, "new"), 7);
	assert_int_equal(found_at(t, KV_GE, 10, "old"), 12);
	assert_int_equal(found_at(t, KV_LE, 12, "old"), 12);
	assert_int_equal(found_at(t, KV_GE, 19, "new"), 19);
	assert_int_equal(found_at(t, KV_GT, 19, ""), UINT32_MAX);
	assert_int_equal(found_at(t, KV_LT, 0, ""), UINT32_MAX);
	/* A shorter prefix is the whole account; none at all the whole shard. */
	k = record_key(5, 'a');
	assert_int_equal(kv_find(t, KV_GE, &k, 8, &found, &v), ERR_OK);
	assert_int_equal(dec_be32(found.b + 9), 0);
	assert_int_equal(kv_find(t, KV_GE, &k, 9, &found, &v), ERR_NOTFOUND);
	kv_end(&t);
	/* What was given up is there again. */
	assert_true(kv_bed_sees(5, 10, KV_WRITE, "old"));
	assert_true(kv_bed_sees(5, 9, KV_WRITE, "new"));
	t = kv_bed_begin(5, KV_READ);
	assert_int_equal(found_at(t, KV_GT, 0, "old"), 2);
	kv_end(&t);
}

/* Ranges go in pages: each a transaction, from the last key on. */
static void
test_pages(void **state)
{
	struct kv_key at = record_key(5, 'x'), found;
	struct kv_txn *t;
	struct slice v;
	uint32_t next = 0;
	bool more = true;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		kv_bed_put(5, i, "v");
	bed_settle(&bed);
	while (more) {
		t = kv_bed_begin(5, KV_READ);
		for (unsigned n = 0; more && n < 7; n++) {
			more = kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK;
			if (!more)
				break;
			assert_int_equal(dec_be32(found.b + 9), next++);
			at = found;
		}
		kv_end(&t);
		/* What goes and comes meanwhile is no matter. */
		if (more && next < 90) {
			t = kv_bed_begin(5, KV_WRITE);
			kv_del(t, &at);
			assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
			bed_settle(&bed);
		}
	}
	assert_int_equal(next, 100);
}

static void
test_shards(void **state)
{
	struct kv_key k = { 9, { 0 } };
	struct kv_txn *t;
	struct slice v;
	unsigned shard = kv_shard_of(bed.store.kv, 77);

	(void)state;
	assert_int_equal(kv_shard_count(bed.store.kv), 3);
	assert_in_range(shard, 0, 2);
	assert_int_equal(kv_shard_of(bed.store.kv, 77), shard);
	/* An account's transaction also changes what the shard itself has, and whole. */
	k.b[8] = 'x';
	t = kv_bed_begin(77, KV_WRITE);
	kv_put(t, &k, SLICE_LIT("system"));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_settle(&bed);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(kv_begin_shard(bed.store.kv, i, KV_READ, &t), ERR_OK);
		assert_int_equal(kv_get(t, &k, &v), i == shard ? ERR_OK : ERR_NOTFOUND);
		kv_end(&t);
	}
}

/* ---- who is told ---- */

static unsigned told, told_in_callback;

static void
on_done(void *arg, enum err e)
{
	assert_int_equal(e, ERR_OK);
	assert_int_equal((uintptr_t)arg, ++told);
	/* Durable by now, with all before it. */
	assert_true(kv_bed_sees(3, (uint32_t)told, KV_READ, "v"));
}

static void
on_inner(void *arg, enum err e)
{
	(void)arg;
	assert_int_equal(e, ERR_OK);
	told_in_callback++;
}

static void
on_outer(void *arg, enum err e)
{
	struct kv_key k = record_key_u32(3, 'y', 1);
	struct kv_txn *t = kv_bed_begin(3, KV_WRITE);

	(void)arg;
	assert_int_equal(e, ERR_OK);
	kv_put(t, &k, SLICE_LIT("from a callback"));
	assert_int_equal(kv_submit(&t, KV_NOW, on_inner, NULL), ERR_OK);
	assert_int_equal(told_in_callback, 0);
}

static void
submit_told(uint32_t n, enum kv_urgency urgency)
{
	struct kv_key k = record_key_u32(3, 'x', n);
	struct kv_txn *t = kv_bed_begin(3, KV_WRITE);

	kv_put(t, &k, SLICE_LIT("v"));
	assert_int_equal(kv_submit(&t, urgency, on_done, (void *)(uintptr_t)n), ERR_OK);
}

static void
test_told(void **state)
{
	struct kv_txn *t;
	uint64_t begun;

	(void)state;
	told = told_in_callback = 0;
	/* In the order of kv_submit, never from within it; what is lazy rides along. */
	for (uint32_t i = 1; i <= 30; i++)
		submit_told(i, i % 3 == 0 ? KV_NOW : KV_LAZY);
	assert_int_equal(told, 0);
	bed_settle(&bed);
	assert_int_equal(told, 30);
	/* Alone it waits, but not for ever. */
	submit_told(31, KV_LAZY);
	begun = loop_now(bed.loop);
	bed_turn(&bed);
	assert_int_equal(told, 30);
	while (told < 31 && loop_now(bed.loop) < begun + 20 * COMMIT_LAZY_MS)
		bed_turn(&bed);
	assert_int_equal(told, 31);
	/* A transaction without writes is told too, and one may submit when told. */
	t = kv_bed_begin(3, KV_WRITE);
	assert_int_equal(kv_submit(&t, KV_NOW, on_outer, NULL), ERR_OK);
	bed_settle(&bed);
	bed_settle(&bed);
	assert_int_equal(told_in_callback, 1);
}

/* ---- changes ---- */

static unsigned	changed[4];	/* by account */

static void
on_changed(void *arg, uint64_t account)
{
	assert_ptr_equal(arg, changed);
	assert_in_range(account, 1, 3);
	/* Nobody sees it yet, nor heard of it. */
	assert_false(kv_bed_sees(account, 1, KV_READ, "new"));
	assert_int_equal(told, 0);
	changed[account]++;
}

static void
on_heard(void *arg, enum err e)
{
	(void)arg;
	assert_int_equal(e, ERR_OK);
	told++;
}

static void
test_changed(void **state)
{
	struct kv_key k = record_key_u32(3, 'x', 1), shards = { 9, { 0 } };
	struct kv_txn *t;

	(void)state;
	told = 0;
	kv_on_change(bed.store.kv, on_changed, changed);
	kv_bed_put(1, 1, "new");
	kv_bed_put(2, 1, "newer");
	kv_bed_put(2, 1, "new");
	/* Given up; of the shard alone. */
	t = kv_bed_begin(3, KV_WRITE);
	kv_put(t, &k, SLICE_LIT("new"));
	kv_end(&t);
	t = kv_bed_begin(3, KV_WRITE);
	shards.b[8] = 'x';
	kv_put(t, &shards, SLICE_LIT("new"));
	assert_int_equal(kv_submit(&t, KV_NOW, on_heard, NULL), ERR_OK);
	assert_int_equal(changed[1] + changed[2], 0);
	bed_settle(&bed);
	assert_int_equal(told, 1);
	assert_true(changed[1] > 0 && changed[2] > 0);
	assert_int_equal(changed[3], 0);
	assert_true(kv_bed_sees(1, 1, KV_READ, "new"));
	assert_true(kv_bed_sees(2, 1, KV_READ, "new"));
	/* What is taken away. */
	told = 0;
	t = kv_bed_begin(3, KV_WRITE);
	kv_del(t, &k);
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_checkpoint(&bed);
	assert_true(changed[3] > 0);
	kv_on_change(bed.store.kv, NULL, NULL);
	kv_bed_put(1, 1, "unheard");
	bed_settle(&bed);
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
	assert_int_equal(e, ERR_OK);
	durable = *(struct model *)arg;
	free(arg);
}

static void
random_transaction(void)
{
	struct model *after = malloc(sizeof(*after));
	struct kv_txn *t = kv_bed_begin(3, KV_WRITE);
	unsigned char value[4];
	struct kv_key k;
	unsigned i;

	*after = now;
	for (unsigned n = 1 + kv_bed_rnd(8); n > 0; n--) {
		i = kv_bed_rnd(KEYS);
		k = record_key_u32(3, 'z', i);
		after->is_there[i] = kv_bed_rnd(3) != 0;
		after->value[i] = kv_bed_rnd(UINT32_MAX);
		enc_le32(value, after->value[i]);
		if (after->is_there[i])
			kv_put(t, &k, slice_of(value, sizeof(value)));
		else
			kv_del(t, &k);
	}
	if (kv_bed_rnd(6) == 0) {
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
	struct kv_key up = record_key(3, 'z'), found;
	struct kv_txn *t = kv_bed_begin(3, mode);
	struct slice v;
	uint32_t i = 0, n;

	while (kv_find(t, KV_GT, &up, 9, &found, &v) == ERR_OK) {
		n = dec_be32(found.b + 9);
		for (; i < n; i++)
			assert_false(m->is_there[i]);
		assert_true(m->is_there[n]);
		assert_int_equal(v.n, 4);
		assert_int_equal(dec_le32(v.p), m->value[n]);
		i = n + 1;
		up = found;
	}
	for (; i < KEYS; i++)
		assert_false(m->is_there[i]);
	/* And downwards. */
	up = record_key_u32(3, 'z', KEYS);
	for (i = KEYS; kv_find(t, KV_LT, &up, 9, &found, &v) == ERR_OK; up = found) {
		n = dec_be32(found.b + 9);
		while (--i > n)
			assert_false(m->is_there[i]);
	}
	kv_end(&t);
}

static void
test_random(void **state)
{
	(void)state;
	memset(&now, 0, sizeof(now));
	memset(&durable, 0, sizeof(durable));
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 20; i++)
			random_transaction();
		compare_model(&now, KV_WRITE);
		compare_model(&durable, KV_READ);
		if (round % 3 == 0)
			bed_turn(&bed);
		if (round % 20 == 19)
			bed_checkpoint(&bed);
	}
	bed_settle(&bed);
	compare_model(&now, KV_READ);
}

/* ---- blobs ---- */

#define BLOBS	40

static struct blob_ref refs[BLOBS];
static char data[70000];

static struct blob *
blob(void)
{
	return bed.store.blob;
}

static int
setup_blobs(void **state)
{
	(void)kv_bed_setup(state);
	/* Small segments: several in each test. */
	bed_close(&bed);
	bed.segment_bytes = 200000;
	bed_open(&bed);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 2);
	return 0;
}

static void
commit_something(void)
{
	kv_bed_put(1, 1, "v");
	bed_settle(&bed);
}

static size_t
size_of(unsigned i)
{
	return i % 5 == 0 ? 60000 : i % 7 == 0 ? 0 : 1 + i * 37;
}

static struct slice
note_of(unsigned i)
{
	return slice_of(data + 9 * i, i % 3 == 0 ? 0 : i % 4 == 0 ? BLOB_NOTE_MAX : 5 * i + 1);
}

static void
put_one(unsigned i)
{
	int fd;

	if (i % 10 == 3) {
		assert_int_equal(fd_memfd_make("b", &fd), ERR_OK);
		assert_int_equal(fd_pwrite_all(fd, data + i, size_of(i), 0), ERR_OK);
		assert_int_equal(blob_put_fd(blob(), 1, i, BLOB_BODY, fd, size_of(i),
		    note_of(i), &refs[i]), ERR_OK);
	} else {
		assert_int_equal(blob_put(blob(), 1, i, BLOB_BODY,
		    slice_of(data + i, size_of(i)), note_of(i), &refs[i]), ERR_OK);
	}
	assert_int_not_equal(refs[i].segment, 0);
	assert_int_equal(refs[i].bytes, size_of(i));
	assert_int_equal(refs[i].note, note_of(i).n);
	blob_use(blob(), &refs[i]);
}

static void
put_all(void)
{
	for (unsigned i = 0; i < BLOBS; i++) {
		put_one(i);
		if (i % 7 == 0)
			commit_something();
	}
	commit_something();
}

static bool
reads(const struct blob_ref *ref, unsigned i)
{
	struct buf b, note;
	bool good;

	buf_init(&b, 70000);
	buf_init(&note, BLOB_NOTE_MAX);
	good = blob_check(blob(), ref, 1, i, BLOB_BODY) == ERR_OK &&
	    blob_read(blob(), ref, 0, 70000, &b) == ERR_OK &&
	    slice_eq(buf_slice(&b), slice_of(data + i, size_of(i))) &&
	    blob_note(blob(), ref, &note) == ERR_OK &&
	    slice_eq(buf_slice(&note), note_of(i));
	buf_fini(&b);
	buf_fini(&note);
	return good;
}

static void
test_blobs(void **state)
{
	struct blob_stat st;
	struct buf b;

	(void)state;
	put_all();
	for (unsigned i = 0; i < BLOBS; i++)
		assert_true(reads(&refs[i], i));
	blob_stat(blob(), &st);
	assert_int_equal(st.records, BLOBS);
	assert_true(st.segments > 1);
	assert_int_equal(st.live_bytes, st.bytes);
	/* Stretches; what lies behind the end is not there, nor is the note. */
	buf_init(&b, 1000);
	assert_int_equal(blob_read(blob(), &refs[5], 59990, 100, &b), ERR_OK);
	assert_int_equal(b.n, 10);
	assert_memory_equal(buf_data(&b), data + 5 + 59990, 10);
	assert_int_equal(blob_read(blob(), &refs[5], 60000, 100, &b), ERR_OK);
	assert_int_equal(blob_read(blob(), &refs[5], UINT64_MAX, 100, &b), ERR_OK);
	assert_int_equal(b.n, 10);
	assert_int_equal(blob_read(blob(), &refs[5], 0, 2000, &b), ERR_FULL);
	buf_fini(&b);
	/* Is it what the index says? */
	assert_int_equal(blob_check(blob(), &refs[5], 2, 5, BLOB_BODY), ERR_CORRUPT);
	assert_int_equal(blob_check(blob(), &refs[5], 1, 6, BLOB_BODY), ERR_CORRUPT);
	assert_int_equal(blob_check(blob(), &refs[5], 1, 5, BLOB_SUMMARY), ERR_CORRUPT);
	refs[5].bytes--;
	assert_int_equal(blob_check(blob(), &refs[5], 1, 5, BLOB_BODY), ERR_CORRUPT);
	refs[5].segment = 77777;
	assert_int_equal(blob_check(blob(), &refs[5], 1, 5, BLOB_BODY), ERR_NOTFOUND);
}

static void
test_blob_limits(void **state)
{
	static char big[BLOB_INLINE_MAX + 1];
	struct blob_ref ref;
	enum err e = ERR_OK;
	unsigned n;

	(void)state;
	assert_int_equal(blob_put(blob(), 1, 1, BLOB_BODY, slice_of(big, sizeof(big)),
	    SLICE_NONE, &ref), ERR_TOOBIG);
	for (n = 0; n < 1000 && e == ERR_OK; n++)
		e = blob_put(blob(), 1, n, BLOB_BODY, slice_of(big, BLOB_INLINE_MAX),
		    slice_of(data, BLOB_NOTE_MAX), &ref);
	assert_int_equal(e, ERR_BUSY);
	assert_in_range(n, BLOB_PENDING_BYTES_MAX / BLOB_INLINE_MAX - 2,
	    BLOB_PENDING_BYTES_MAX / BLOB_INLINE_MAX + 2);
	commit_something();
	assert_int_equal(blob_put(blob(), 1, n, BLOB_BODY, SLICE_LIT("x"), SLICE_NONE, &ref),
	    ERR_OK);
}

/* All records, once, in the order in which they were put. */
static void
test_walk(void **state)
{
	struct blob_found f;
	uint64_t offset;
	unsigned i = 0;
	enum err e;

	(void)state;
	put_all();
	for (uint32_t s = refs[0].segment; s <= refs[BLOBS - 1].segment; s++) {
		offset = 0;
		while ((e = blob_walk(blob(), s, &offset, &f)) == ERR_OK) {
			assert_int_equal(f.head.kind, BLOB_BODY);
			assert_int_equal(f.head.account, 1);
			assert_int_equal(f.head.content, i);
			assert_true(blob_ref_eq(&f.ref, &refs[i]));
			assert_true(reads(&f.ref, i));
			i++;
		}
		assert_int_equal(e, ERR_END);
	}
	assert_int_equal(i, BLOBS);
	offset = 0;
	assert_int_equal(blob_walk(blob(), refs[BLOBS - 1].segment + 1, &offset, &f), ERR_END);
}

static void
test_hold(void **state)
{
	uint32_t first;

	(void)state;
	put_all();
	first = refs[0].segment;
	assert_int_equal(blob_victim(blob(), 0, 0, 1000), 0);
	for (unsigned i = 0; refs[i].segment == first; i++)
		blob_free(blob(), &refs[i]);
	assert_int_equal(blob_victim(blob(), 0, 40, 1000), first);
	assert_int_equal(blob_victim(blob(), first, 40, 1000), 0);
	/* Held: stays until it is given up. */
	blob_hold(blob(), &refs[0]);
	assert_int_equal(blob_victim(blob(), 0, 40, 1000), 0);
	blob_release(blob(), &refs[0]);
	assert_int_equal(blob_victim(blob(), 0, 40, 1000), first);
	/* A little dead: when that much is asked for, or after seven days. */
	blob_use(blob(), &refs[0]);
	blob_use(blob(), &refs[1]);
	assert_int_equal(blob_victim(blob(), 0, 99, 2000), 0);
	assert_int_equal(blob_victim(blob(), 0, 0, 2000), first);
	assert_int_equal(blob_victim(blob(), 0, 99, 1000 + 7 * 86400), first);
	blob_damaged(blob(), first);
	assert_int_equal(blob_victim(blob(), 0, 0, 2000), 0);
}

/* Copies first, then the news that it is empty, then it goes. */
static void
test_move(void **state)
{
	struct blob_ref to[BLOBS];
	uint32_t first;
	struct blob_found f;
	uint64_t offset = 0;
	unsigned n = 0;

	(void)state;
	put_all();
	first = refs[0].segment;
	while (blob_walk(blob(), first, &offset, &f) == ERR_OK) {
		assert_int_equal(blob_move(blob(), &f, &to[n]), ERR_OK);
		blob_moved(blob(), &f.ref, &to[n]);
		n++;
	}
	assert_true(n > 1);
	commit_something();
	for (unsigned i = 0; i < n; i++) {
		assert_true(reads(&refs[i], i));
		assert_true(reads(&to[i], i));
	}
	blob_emptied(blob(), first);
	assert_true(blob_is_settling(blob()));
	commit_something();
	bed_checkpoint(&bed);
	bed_checkpoint(&bed);
	assert_int_equal(blob_check(blob(), &refs[0], 1, 0, BLOB_BODY), ERR_NOTFOUND);
	for (unsigned i = 0; i < BLOBS; i++)
		assert_true(reads(i < n ? &to[i] : &refs[i], i));
}

#define T(name)	cmocka_unit_test_setup_teardown(name, kv_bed_setup, kv_bed_teardown)
#define B(name)	cmocka_unit_test_setup_teardown(name, setup_blobs, kv_bed_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_visibility), T(test_compares), T(test_limits), T(test_order),
		T(test_pages), T(test_shards), T(test_told), T(test_changed), T(test_random),
		B(test_blobs), B(test_blob_limits), B(test_walk), B(test_hold), B(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
