/* SPDX-License-Identifier: ISC */
/*
 * MULTIAPPEND (RFC 3502) and REPLACE (RFC 8508): all or nothing, whatever ends
 * the row; limits at limit + 1; what the interface forbids.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/blob_segment.h"
#include "store/store_op.h"
#include "store/store_stage.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static struct ipc_store_append
message(const char *mailbox, bool more)
{
	struct ipc_store_append m;

	bed_append_fill(&bed, imapd, h1, 1, &m);
	m.mailbox = slice_str(mailbox);
	m.body = SLICE_LIT("body");
	m.more = more;
	return m;
}

static struct bed_reply *
put(const struct ipc_store_append *m)
{
	return bed_call(&bed, imapd, IPC_MSG_store_append, m);
}

static void
put_kept(const char *mailbox)
{
	struct ipc_store_append m = message(mailbox, true);
	struct bed_reply *r = put(&m);

	assert_reply(r, store_appended);
	assert_int_equal(r->m.store_appended.uid, 0);
	assert_int_equal(r->m.store_appended.count, 0);
}

static uint32_t
exists(const char *mailbox)
{
	return world_selected(imapd, h1, mailbox).exists;
}

static uint64_t
used_bytes(void)
{
	struct op op;
	uint64_t used;

	assert_int_equal(op_begin(&op, &bed.store, 1, KV_WRITE), ERR_OK);
	used = op.acc.used_bytes;
	op_end(&op);
	return used;
}

static void
test_multi(void **state)
{
	struct ipc_store_append m;
	struct bed_reply *r;
	char big[40960];

	(void)state;
	memset(big, 'x', sizeof(big));
	put_kept("Drafts");
	m = message("Drafts", true);
	m.body = slice_of(big, sizeof(big));
	m.summary = slice_of(big, 16000);
	m.keywords = slice_of("one\0two\0", 8);
	m.message_id = SLICE_LIT("12345678");
	assert_reply(put(&m), store_appended);
	/* Nobody sees anything yet, and other mail goes its way. */
	assert_int_equal(exists("Drafts"), 0);
	memset(bed.epoch, 0, sizeof(bed.epoch));
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	memset(bed.epoch, 0, sizeof(bed.epoch));
	m = message("Drafts", false);
	m.flags = STORE_DRAFT;
	m.references = SLICE_LIT("12345678");
	r = put(&m);
	assert_reply(r, store_appended);
	assert_int_equal(r->m.store_appended.uid, 1);
	assert_int_equal(r->m.store_appended.count, 3);
	assert_slice(r->m.store_appended.mailbox, "Drafts");
	assert_int_equal(exists("Drafts"), 3);
	assert_int_equal(used_bytes(), 400);
	/* The next begins anew. */
	m = message("Drafts", false);
	r = put(&m);
	assert_int_equal(r->m.store_appended.uid, 4);
	assert_int_equal(r->m.store_appended.count, 1);
	world_reopen(true);
	assert_int_equal(exists("Drafts"), 4);
}

/* The client gave up, went, or all went down: nothing stays but dead bytes. */
static void
test_given_up(void **state)
{
	struct ipc_store_append_cancel c = { h1 };
	struct ipc_store_logout out;
	struct ipc_store_append m;
	struct blob_stat before, after;
	uint32_t second = bed_login(&bed, imapd, 1);

	(void)state;
	blob_stat(bed.store.blob, &before);
	put_kept("Drafts");
	bed_send(&bed, imapd, IPC_MSG_store_append_cancel, &c);
	m = message("Drafts", false);
	assert_int_equal(put(&m)->m.store_appended.count, 1);
	put_kept("Drafts");
	out.handle = h1;
	bed_send(&bed, imapd, IPC_MSG_store_logout, &out);
	assert_int_equal(bed.store.staged_bytes, 0);
	h1 = second;
	assert_int_equal(exists("Drafts"), 1);
	put_kept("Drafts");
	bed_leave(&bed, imapd);
	assert_int_equal(bed.store.staged_bytes, 0);
	world_reopen(true);
	put_kept("Drafts");
	world_reopen(false);
	assert_int_equal(exists("Drafts"), 1);
	assert_int_equal(used_bytes(), 100);
	blob_stat(bed.store.blob, &after);
	assert_int_equal(after.records - before.records, 1 + 1);	/* and its epoch */
}

/* A segment that only waiting messages are in is not removed under them. */
static void
test_held(void **state)
{
	struct ipc_store_append m;
	struct ipc_store_read rd = { h1, 0, 0, 100, SLICE_NONE, 0 };
	struct blob_stat st;
	char big[40960];
	struct bed_reply *r;

	(void)state;
	memset(big, 'x', sizeof(big));
	m = message("Drafts", true);
	rd.content = m.content;
	assert_reply(put(&m), store_appended);
	/* Other segments come and go. */
	for (unsigned i = 0; i < 30; i++) {
		struct ipc_store_append_cancel c = { h2 };

		memset(bed.epoch, 0, sizeof(bed.epoch));
		bed_append_fill(&bed, other_imapd, h2, 2, &m);
		m.mailbox = SLICE_LIT("INBOX");
		m.more = true;
		m.body = slice_of(big, sizeof(big));
		assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_append, &m), store_appended);
		bed_send(&bed, other_imapd, IPC_MSG_store_append_cancel, &c);
	}
	assert_reply(bed_append(&bed, deliver, 0, 3, "INBOX", 0, SLICE_LIT("x")), store_appended);
	blob_stat(bed.store.blob, &st);
	assert_true(st.segments > 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_reply(bed_append(&bed, deliver, 0, 3, "INBOX", 0, SLICE_LIT("x")),
		    store_appended);
		bed_checkpoint(&bed);
	}
	memset(bed.epoch, 0, sizeof(bed.epoch));
	m = message("Drafts", false);
	assert_int_equal(put(&m)->m.store_appended.count, 2);
	r = bed_call(&bed, imapd, IPC_MSG_store_read, &rd);
	assert_reply(r, store_data);
	assert_slice(r->m.store_data.data, "body");
}

static void
set_quota(uint64_t bytes)
{
	static unsigned char pub[32] = { 1 };
	struct ipc_fact_account f = { 1, SLICE_LIT("user1@example.test"), slice_of(pub, 32), 1, 1,
	    true, bytes };

	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
}

static void
test_all_or_none(void **state)
{
	struct ipc_store_append m;

	(void)state;
	/* The third has no room. */
	set_quota(299);
	put_kept("Drafts");
	put_kept("Drafts");
	m = message("Drafts", false);
	assert_fail(put(&m), ERR_QUOTA);
	assert_int_equal(exists("Drafts"), 0);
	/* Told at once when one before the last has none. */
	put_kept("Drafts");
	put_kept("Drafts");
	m = message("Drafts", true);
	assert_fail(put(&m), ERR_QUOTA);
	/* It took the row along. */
	m = message("Drafts", false);
	assert_int_equal(put(&m)->m.store_appended.count, 1);
	set_quota(0);
	m = message("Nowhere", true);
	assert_fail(put(&m), ERR_NOTFOUND);
	assert_slice(bed.reply.m.store_fail.code, "TRYCREATE");
	/* A content that is not of its reservation ends the peer: the row with it. */
	put_kept("Drafts");
	m = message("Drafts", false);
	m.content += 1u << 20;
	assert_violation(put(&m), imapd);
	world_reopen(false);
	assert_int_equal(exists("Drafts"), 1);
	assert_int_equal(used_bytes(), 100);
}

static void
test_limit(void **state)
{
	struct ipc_store_append m;

	(void)state;
	for (unsigned i = 1; i < STORE_MULTI_MAX; i++)
		put_kept("Drafts");
	m = message("Drafts", false);
	assert_int_equal(put(&m)->m.store_appended.count, STORE_MULTI_MAX);
	assert_int_equal(exists("Drafts"), STORE_MULTI_MAX);
	for (unsigned i = 1; i < STORE_MULTI_MAX; i++)
		put_kept("Drafts");
	m = message("Drafts", true);
	assert_fail(put(&m), ERR_LIMIT);
	assert_int_equal(exists("Drafts"), STORE_MULTI_MAX);
}

static void
test_byte_limits(void **state)
{
	char big[2000];
	struct ipc_store_append m;
	unsigned n = 0;

	(void)state;
	memset(big, 'x', sizeof(big));
	for (; bed.store.staged_bytes < STAGE_BYTES_MAX; n++) {
		m = message("Drafts", true);
		m.summary = slice_of(big, 1600);
		m.references = slice_of(big, 800);
		assert_reply(put(&m), store_appended);
	}
	assert_true(n < STORE_MULTI_MAX);
	m = message("Drafts", true);
	assert_fail(put(&m), ERR_LIMIT);
	assert_int_equal(bed.store.staged_bytes, 0);
	/* All sessions together. */
	bed.store.staged_bytes = STAGE_TOTAL_MAX;
	m = message("Drafts", true);
	assert_fail(put(&m), ERR_BUSY);
	bed.store.staged_bytes = 0;
}

static void
test_violations(void **state)
{
	struct ipc_store_append m;

	(void)state;
	put_kept("Drafts");
	m = message("INBOX", true);
	assert_violation(put(&m), imapd);
	world_reopen(false);
	m = message("INBOX", true);
	m.replace_uid = 1;
	assert_violation(put(&m), imapd);
	world_reopen(false);
	memset(bed.epoch, 0, sizeof(bed.epoch));
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = SLICE_LIT("x");
	m.more = true;
	assert_violation(bed_call(&bed, deliver, IPC_MSG_store_append, &m), deliver);
	world_reopen(false);
	memset(bed.epoch, 0, sizeof(bed.epoch));
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = SLICE_LIT("x");
	m.replace_uid = 1;
	assert_violation(bed_call(&bed, deliver, IPC_MSG_store_append, &m), deliver);
}

/* ---- REPLACE ---- */

static bool
is_there(const char *mailbox, uint32_t uid)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);
	unsigned char set[8];
	struct ipc_store_fetch m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .set = world_pair(set, uid, uid) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);

	assert_reply(r, store_rows);
	return r->m.store_rows.rows.n > 0;
}

static void
test_replace(void **state)
{
	struct ipc_store_append m;
	struct bed_reply *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		m = message("Drafts", false);
		assert_reply(put(&m), store_appended);
	}
	/* In the same mailbox, with no room for both. */
	set_quota(300);
	m = message("Drafts", false);
	m.replace_mailbox = world_selected(imapd, h1, "Drafts").mailbox;
	m.replace_uid = 2;
	r = put(&m);
	assert_reply(r, store_appended);
	assert_int_equal(r->m.store_appended.uid, 4);
	assert_int_equal(exists("Drafts"), 3);
	assert_false(is_there("Drafts", 2));
	assert_true(is_there("Drafts", 4));
	assert_int_equal(used_bytes(), 300);
	/* What is gone cannot be replaced: nothing is put. */
	m = message("Drafts", false);
	m.replace_mailbox = world_selected(imapd, h1, "Drafts").mailbox;
	m.replace_uid = 2;
	assert_fail(put(&m), ERR_GONE);
	m = message("Drafts", false);
	m.replace_mailbox = 4711;
	m.replace_uid = 2;
	assert_fail(put(&m), ERR_GONE);
	m.content++;
	m.replace_mailbox = 1ull << 40;
	assert_fail(put(&m), ERR_GONE);
	assert_int_equal(exists("Drafts"), 3);
	/* A larger one has no room, and the old one stays. */
	m = message("Drafts", false);
	m.size = 101;
	m.replace_mailbox = world_selected(imapd, h1, "Drafts").mailbox;
	m.replace_uid = 4;
	assert_fail(put(&m), ERR_QUOTA);
	assert_true(is_there("Drafts", 4));
	/* In another mailbox: it goes here and comes there. */
	m = message("Sent", false);
	m.replace_mailbox = world_selected(imapd, h1, "Drafts").mailbox;
	m.replace_uid = 4;
	r = put(&m);
	assert_reply(r, store_appended);
	assert_slice(r->m.store_appended.mailbox, "Sent");
	world_reopen(true);
	assert_int_equal(exists("Drafts"), 2);
	assert_int_equal(exists("Sent"), 1);
	assert_int_equal(used_bytes(), 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_multi), WORLD_TEST(test_given_up), WORLD_TEST(test_held),
		WORLD_TEST(test_all_or_none), WORLD_TEST(test_limit), WORLD_TEST(test_byte_limits),
		WORLD_TEST(test_violations), WORLD_TEST(test_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
