/* SPDX-License-Identifier: ISC */
/*
 * What a client that was away is told (QRESYNC, RFC 7162): exact ranges within
 * the undelete window, whatever is missing behind it; sets, the limit of one
 * answer, and what belongs to the view instead.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_vanished.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static struct ipc_store_vanished
request(const char *mailbox, uint64_t since)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);

	return (struct ipc_store_vanished){ .handle = h1, .mailbox = s.mailbox, .since = since,
	    .v = s.modseq, .uidnext = s.uidnext };
}

static void
assert_ranges(const struct ipc_store_vanished *m, bool exact, unsigned n, const uint32_t *want)
{
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_vanished, m);
	struct ipc_store_vanished_reply *v = &r->m.store_vanished_reply;

	assert_reply(r, store_vanished_reply);
	assert_int_equal(v->exact, exact);
	assert_false(v->more);
	assert_int_equal(v->ranges.n, n * 8);
	for (unsigned i = 0; i < 2 * n; i++)
		assert_int_equal(dec_le32(v->ranges.p + 4 * i), want[i]);
}
#define RANGES(m, exact, ...) do {					\
	const uint32_t want_[] = { __VA_ARGS__ };			\
	assert_ranges(m, exact, sizeof(want_) / 8, want_);		\
} while (0)

static void
test_exact(void **state)
{
	struct ipc_store_vanished m;
	unsigned char set[16];
	uint64_t before, between;

	(void)state;
	bed.store.undelete_s = 1000;
	world_fill("INBOX", 0, 30);
	before = world_selected(imapd, h1, "INBOX").modseq;
	world_expunge("INBOX", 3, 5);
	between = world_selected(imapd, h1, "INBOX").modseq;
	world_expunge("INBOX", 6, 6);
	world_expunge("INBOX", 20, 20);
	world_expunge("INBOX", 30, 30);
	m = request("INBOX", before);
	RANGES(&m, true, 3, 6, 20, 20, 30, 30);
	m.since = between;
	RANGES(&m, true, 6, 6, 20, 20, 30, 30);
	m.since = m.v;
	assert_ranges(&m, true, 0, NULL);
	/* A client from the future, and one that knew nothing. */
	m.since = UINT64_MAX;
	assert_ranges(&m, true, 0, NULL);
	m.since = 0;
	RANGES(&m, true, 3, 6, 20, 20, 30, 30);
	/* Of a set; "*" is the last UID that was, not the last that is. */
	m.uid_set = world_pair(set, 4, 20);
	RANGES(&m, true, 4, 6, 20, 20);
	enc_le32(set + 4, STORE_STAR);
	RANGES(&m, true, 4, 6, 20, 20, 30, 30);
	m.resume = 6;
	RANGES(&m, true, 20, 20, 30, 30);
	m.resume = 30;
	assert_ranges(&m, true, 0, NULL);
	/* What went after the view began is for store_sync to tell. */
	m.resume = 0;
	world_expunge("INBOX", 10, 11);
	RANGES(&m, true, 4, 6, 20, 20, 30, 30);
	/* Nor does it speak of what the view does not know yet. */
	world_fill("INBOX", 0, 2);
	world_expunge("INBOX", 31, 31);
	m.v = world_selected(imapd, h1, "INBOX").modseq;
	RANGES(&m, true, 4, 6, 10, 11, 20, 20, 30, 30);
}

static void
test_window_over(void **state)
{
	struct ipc_store_vanished m;
	unsigned char set[24];
	uint64_t before, floor;

	(void)state;
	world_fill("INBOX", 0, 30);
	before = world_selected(imapd, h1, "INBOX").modseq;
	world_expunge("INBOX", 3, 5);
	world_expunge("INBOX", 29, 30);
	world_sweep();
	m = request("INBOX", before);
	RANGES(&m, false, 3, 5, 29, 30);
	m.uid_set = slice_of(set, 24);
	(void)world_pair(set, 1, 2);
	(void)world_pair(set + 8, 4, 10);
	(void)world_pair(set + 16, 29, 29);
	RANGES(&m, false, 4, 5, 29, 29);
	m.resume = 4;
	RANGES(&m, false, 5, 5, 29, 29);
	m.resume = 0;
	/* Pending in the view: it will hear of them as EXPUNGE. */
	bed.store.undelete_s = 1000;
	floor = m.v;
	world_expunge("INBOX", 8, 9);
	RANGES(&m, false, 4, 5, 29, 29);
	m = request("INBOX", before);
	RANGES(&m, false, 3, 5, 8, 9, 29, 30);
	/* What is left of the records is exact again. */
	m = request("INBOX", floor);
	RANGES(&m, true, 8, 9);
	/* All of a mailbox. */
	world_expunge("INBOX", 1, 28);
	m = request("INBOX", before);
	RANGES(&m, false, 1, 30);
}

/* Every second UID: one range each, in several answers. */
static void
tell_many(uint64_t since, bool exact, uint32_t n)
{
	struct ipc_store_vanished m = request("Archive", since);
	uint32_t uid = 2, answers = 0;
	struct bed_reply *r;
	struct slice s;

	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_vanished, &m);
		assert_reply(r, store_vanished_reply);
		s = r->m.store_vanished_reply.ranges;
		assert_int_equal(r->m.store_vanished_reply.exact, exact);
		for (; s.n > 0; s = slice_from(s, 8), uid += 2) {
			assert_int_equal(dec_le32(s.p), uid);
			assert_int_equal(dec_le32(s.p + 4), uid);
		}
		m.resume = r->m.store_vanished_reply.resume;
		answers++;
	} while (r->m.store_vanished_reply.more);
	assert_int_equal(uid, n + 2);
	assert_int_equal(answers, 2);
}

static void
delete_even(uint32_t n)
{
	struct ipc_store_selected s = world_selected(imapd, h1, "Archive");
	unsigned char *set = malloc(8 * STORE_SET_MAX);
	struct ipc_store_flags m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .op = STORE_ADD, .flags = STORE_DELETED,
	    .unchanged_since = UINT64_MAX };
	struct bed_reply *r;

	for (uint32_t uid = 2; uid <= n; ) {
		m.set = slice_of(set, 0);
		m.resume = 0;
		for (; m.set.n < 8 * STORE_SET_MAX && uid <= n; uid += 2, m.set.n += 8)
			(void)world_pair(set + m.set.n, uid, uid);
		do {
			r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
			assert_reply(r, store_rows);
			m.resume = r->m.store_rows.resume;
		} while (r->m.store_rows.more);
	}
	free(set);
}

/* One range more than an answer holds. */
static void
test_limit(void **state)
{
	const uint32_t n = 2 * (VANISHED_RANGES_MAX + 1);
	struct ipc_store_expunge e = { .handle = h1 };
	struct ipc_store_selected s;
	struct bed_reply *r;

	(void)state;
	world_fill_archive(n + 1);
	delete_even(n);
	s = world_selected(imapd, h1, "Archive");
	e.mailbox = s.mailbox;
	e.v = s.modseq;
	e.uidnext = s.uidnext;
	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_expunge, &e);
		assert_reply(r, store_expunged);
		e.resume = r->m.store_expunged.resume;
	} while (r->m.store_expunged.more);
	tell_many(s.modseq, true, n);
	world_sweep();
	tell_many(s.modseq, false, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_exact), WORLD_TEST(test_window_over), WORLD_TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
