/* SPDX-License-Identifier: ISC */
/*
 * A mailbox of several directory pages against an array: finding by UID and
 * by position, flags, removals; sets; how much a one-flag STORE writes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_walk.h"
#include "tests/unit/store/store_bed.h"
#include "tests/unit/test.h"

#define COUNT	45000		/* three directory pages */

static struct bed bed;
static uint64_t seed = 4242;
static uint32_t *live, live_n;
static uint64_t modseq;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

static struct box *
open_box(enum kv_mode mode, bool make)
{
	struct box *b = malloc(sizeof(*b));
	struct kv_txn *t;

	assert_int_equal(kv_begin(bed.store.kv, 1, mode, &t), ERR_OK);
	if (make) {
		box_make(b, t, 1, 3);
		b->rec.uidnext = 1;
	} else {
		assert_int_equal(box_open(b, t, 1, 3), ERR_OK);
	}
	return b;
}

static void
close_box(struct box *b, bool submit)
{
	struct kv_txn *t = b->txn;

	if (submit) {
		assert_int_equal(box_flush(b), ERR_OK);
		assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
		bed_settle(&bed);
	}
	kv_end(&t);
	box_close(b);
	free(b);
}

static void
fill(void)
{
	struct page_cold_row cold = { .size = 10, .content = 5 };
	struct page_hot_row hot = { 0 };
	struct box *b = NULL;

	live = malloc(COUNT * sizeof(*live));
	for (uint32_t i = 0; i < COUNT; i++) {
		if (b == NULL)
			b = open_box(KV_WRITE, i == 0);
		modseq++;
		hot = (struct page_hot_row){ b->rec.uidnext, i % 3 ? STORE_SEEN : 0, modseq };
		cold.uid = b->rec.uidnext++;
		cold.created = b->rec.modseq = modseq;
		assert_int_equal(box_append(b, &hot, SLICE_NONE, &cold), ERR_OK);
		live[live_n++] = cold.uid;
		if (i % 5000 == 4999) {
			close_box(b, true);
			b = NULL;
		}
	}
	bed_checkpoint(&bed);
}

static void
compare_all(void)
{
	struct box *b = open_box(KV_READ, false);
	struct page_cold_row cold;
	struct box_pos p;
	uint32_t i, uid, rank;

	assert_int_equal(b->rec.exists, live_n);
	assert_int_equal(box_seek_uid(b, 1, &p), ERR_OK);
	for (i = 0; !p.is_end; i++) {
		assert_int_equal(p.hot.uid, live[i]);
		assert_int_equal(p.before, i);
		if (i % 7 == 0) {
			assert_int_equal(box_cold(b, live[i], &cold), ERR_OK);
			assert_int_equal(cold.uid, live[i]);
		}
		assert_int_equal(box_next(b, &p), ERR_OK);
	}
	assert_int_equal(i, live_n);
	for (unsigned k = 0; k < 2000; k++) {
		i = rnd(live_n);
		assert_int_equal(box_seek_rank(b, i, &p), ERR_OK);
		assert_int_equal(p.hot.uid, live[i]);
		uid = 1 + rnd(COUNT + 5);
		assert_int_equal(box_seek_uid(b, uid, &p), ERR_OK);
		assert_true(p.is_end || (p.hot.uid >= uid && p.hot.uid == live[p.before]));
		assert_true(p.before == 0 || live[p.before - 1] < uid);
		assert_int_equal(box_rank(b, uid, &rank), ERR_OK);
		assert_true(rank == 0 || live[rank - 1] <= uid);
		assert_true(rank == live_n || live[rank] > uid);
	}
	assert_int_equal(box_seek_rank(b, live_n, &p), ERR_OK);
	assert_true(p.is_end);
	close_box(b, false);
}

static void
test_big(void **state)
{
	struct box *b;
	uint32_t n, i;

	(void)state;
	fill();
	compare_all();
	/* Thin it out: whole pages go, among them a whole directory page. */
	for (unsigned round = 0; round < 30; round++) {
		b = open_box(KV_WRITE, false);
		modseq++;
		n = 0;
		for (i = 0; i < live_n; ) {
			bool whole = live[i] > 19300 && live[i] < 38600;

			if (n < BOX_GONE_GROUP && (whole || rnd(40) == 0)) {
				assert_int_equal(box_remove(b, live[i], modseq, 1, 0), ERR_OK);
				memmove(&live[i], &live[i + 1], (--live_n - i) * sizeof(*live));
				n++;
			} else {
				i++;
			}
		}
		b->rec.modseq = modseq;
		close_box(b, true);
		if (round % 5 == 0)
			compare_all();
	}
	bed_checkpoint(&bed);
	compare_all();
}

/* CHANGEDSINCE touches changed pages only, and finds all. */
static void
test_skip(void **state)
{
	struct box *b = open_box(KV_WRITE, false);
	uint64_t since = b->rec.modseq;
	struct flagset flags = { .bits = STORE_FLAGGED };
	uint32_t changed[40], found = 0;
	struct walk_item it;
	struct view view;
	struct box_pos p;
	struct walk w;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		changed[i] = live[i * (live_n / 40)];
		assert_int_equal(box_seek_uid(b, changed[i], &p), ERR_OK);
		assert_int_equal(box_set_flags(b, &p, &flags, ++modseq), ERR_OK);
	}
	b->rec.modseq = modseq;
	b->is_dirty = true;
	close_box(b, true);
	b = open_box(KV_READ, false);
	view_init(&view, b->rec.uidnext);
	walk_init_all(&w, b, &view, 0);
	w.since = since;
	while (walk_next(&w, &it) == ERR_OK) {
		assert_true(found < 40);
		assert_int_equal(it.uid, changed[found]);
		assert_int_equal(it.seq, found * (live_n / 40) + 1);
		assert_int_equal(it.flags, STORE_FLAGGED);
		found++;
	}
	assert_int_equal(found, 40);
	/* A changed page and the one behind it, and each directory page once. */
	assert_true(b->reads <= 2 * 40 + b->dir_n);
	walk_fini(&w);
	close_box(b, false);
}

/* DESIGN 5: a one-flag STORE writes at most 28 KiB. */
static void
test_one_flag_bytes(void **state)
{
	struct flagset flags = { .bits = STORE_SEEN | STORE_DRAFT };
	struct commit_stat before, after;
	struct box_pos p;
	struct box *b;

	(void)state;
	commit_stat(bed.store.commit, &before);
	b = open_box(KV_WRITE, false);
	assert_int_equal(box_seek_rank(b, live_n / 2, &p), ERR_OK);
	assert_int_equal(box_set_flags(b, &p, &flags, ++modseq), ERR_OK);
	b->rec.modseq = modseq;
	close_box(b, true);
	commit_stat(bed.store.commit, &after);
	assert_int_equal(after.batches - before.batches, 1);
	assert_true(after.journal_bytes - before.journal_bytes <= 8192);
}

/* What the pages say together is asked for while they change. */
static void
test_sums_follow(void **state)
{
	struct flagset flags = { .bits = STORE_SEEN };
	struct box *b = open_box(KV_WRITE, false);
	uint32_t before, last = 0, found = 0;
	uint64_t since = modseq;
	struct box_pos p;

	(void)state;
	while (found < 500 && box_first_unseen(b, &before) == ERR_OK) {
		assert_true(found++ == 0 || before > last);
		last = before;
		assert_int_equal(box_seek_rank(b, before, &p), ERR_OK);
		assert_false(p.hot.flags & STORE_SEEN);
		assert_int_equal(box_set_flags(b, &p, &flags, ++modseq), ERR_OK);
		assert_int_equal(box_seek_rank(b, 0, &p), ERR_OK);
		assert_int_equal(box_skip_older(b, &p, modseq - 1), ERR_OK);
		assert_true(!p.is_end && p.before <= before);
	}
	assert_int_equal(found, 500);
	assert_int_equal(modseq, since + 500);
	b->rec.modseq = modseq;
	close_box(b, true);
	b = open_box(KV_READ, false);
	assert_int_equal(box_first_unseen(b, &before), ERR_OK);
	assert_true(before > last);
	close_box(b, false);
}

static enum err
set_of(struct view_set *s, const uint32_t *pairs, unsigned n, uint32_t star)
{
	unsigned char *wire = malloc(8 * n + 1);
	enum err e;

	for (unsigned i = 0; i < 2 * n; i++)
		enc_le32(wire + 4 * i, pairs[i]);
	e = view_set_read(s, slice_of(wire, 8 * n), star);
	free(wire);
	return e;
}

static void
test_sets(void **state)
{
	static const uint32_t mixed[] = { 9, 12, 1, 3, 4, 4, 11, 20, 30, STORE_STAR };
	static const uint32_t star[] = { STORE_STAR, STORE_STAR };
	static const uint32_t zero[] = { 0, 5 }, turned[] = { 7, 5 };
	uint32_t *many = malloc((STORE_SET_MAX + 1) * 8);
	struct view_set s;

	(void)state;
	assert_int_equal(set_of(&s, mixed, 5, 25), ERR_OK);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ranges[0].last, 4);
	assert_int_equal(s.ranges[1].first, 9);
	assert_int_equal(s.ranges[1].last, 20);
	/* 30:* with 25 as the highest is 25:30. */
	assert_int_equal(s.ranges[2].first, 25);
	assert_true(view_set_has(&s, 12) && !view_set_has(&s, 5) && view_set_has(&s, 30));
	view_set_fini(&s);
	assert_int_equal(set_of(&s, star, 1, 25), ERR_OK);
	assert_true(s.n == 1 && s.ranges[0].first == 25 && s.ranges[0].last == 25);
	view_set_fini(&s);
	assert_int_equal(set_of(&s, star, 1, 0), ERR_OK);
	assert_int_equal(s.n, 0);
	view_set_fini(&s);
	assert_int_equal(set_of(&s, zero, 1, 25), ERR_VIOLATION);
	assert_int_equal(set_of(&s, turned, 1, 25), ERR_VIOLATION);
	assert_int_equal(view_set_read(&s, SLICE_LIT("1234567"), 25), ERR_VIOLATION);
	for (uint32_t i = 0; i <= STORE_SET_MAX; i++)
		many[2 * i] = many[2 * i + 1] = 2 * i + 1;
	assert_int_equal(set_of(&s, many, STORE_SET_MAX, 25), ERR_OK);
	assert_int_equal(s.n, STORE_SET_MAX);
	view_set_fini(&s);
	assert_int_equal(set_of(&s, many, STORE_SET_MAX + 1, 25), ERR_VIOLATION);
	free(many);
}

/* Pages that contradict each other are noticed. */
static void
test_contradictions(void **state)
{
	struct kv_key at = record_key_u32(1, 'H', 3), found;
	struct page_hot *h = malloc(sizeof(*h));
	struct page_bytes bytes;
	struct kv_txn *t;
	struct box_pos p;
	struct slice v;
	struct box *b;

	(void)state;
	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	assert_int_equal(kv_find(t, KV_GT, &at, 13, &found, &v), ERR_OK);
	assert_int_equal(page_hot_read(h, v), ERR_OK);
	page_hot_remove(h, 0);
	page_hot_put(h, &bytes);
	kv_put(t, &found, page_slice(&bytes));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_settle(&bed);
	b = open_box(KV_READ, false);
	assert_int_equal(box_seek_uid(b, 1, &p), ERR_CORRUPT);
	close_box(b, false);
	free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_one_flag_bytes), cmocka_unit_test(test_sums_follow),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_contradictions),
	};
	int rc;

	bed_init(&bed, 1);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	bed_fini(&bed);
	free(live);
	return rc;
}
