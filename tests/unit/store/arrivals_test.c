/* SPDX-License-Identifier: ISC */
/*
 * What waits to be made readable: seen by no request but its own, turned over
 * once, by one session after the other, without asking for room.
 */
#include <string.h>

#include "lib/ipc/store_proto.h"
#include "store/store_op.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define OWNER	"user1@example.test"

/* Epochs are of one peer. */
static void
fill_append(struct bed_peer *p, uint32_t handle, struct ipc_store_append *m)
{
	memset(bed.epoch, 0, sizeof(bed.epoch));
	bed_append_fill(&bed, p, handle, 1, m);
}

static struct bed_reply *
try_arrive(void)
{
	struct ipc_store_append m;

	fill_append(deliver, 0, &m);
	m.mailbox = SLICE_LIT(STORE_ARRIVALS);
	return bed_call(&bed, deliver, IPC_MSG_store_append, &m);
}

static uint32_t
arrive(void)
{
	struct bed_reply *r = try_arrive();

	assert_reply(r, store_appended);
	assert_slice(r->m.store_appended.mailbox, STORE_ARRIVALS);
	return r->m.store_appended.uid;
}

static struct bed_reply *
ask(uint32_t handle, bool done)
{
	struct ipc_store_arrivals m = { handle, done };

	return bed_call(&bed, imapd, IPC_MSG_store_arrivals, &m);
}

static struct ipc_store_arrivals_reply
waiting(uint32_t handle)
{
	struct bed_reply *r = ask(handle, false);

	assert_reply(r, store_arrivals_reply);
	return r->m.store_arrivals_reply;
}

static struct bed_reply *
turn(uint32_t uid)
{
	struct ipc_store_arrivals_reply at = waiting(h1);
	struct ipc_store_append m;

	fill_append(imapd, h1, &m);
	m.replace_mailbox = at.mailbox;
	m.replace_uid = uid;
	return bed_call(&bed, imapd, IPC_MSG_store_append, &m);
}

static struct bed_reply *
move(uint32_t first, uint32_t last)
{
	struct ipc_store_arrivals_reply at = waiting(h1);
	unsigned char set[8];
	struct ipc_store_copy m = { .handle = h1, .mailbox = at.mailbox, .v = at.modseq,
	    .uidnext = at.uidnext, .by_uid = true, .move = true, .to = SLICE_LIT("INBOX"),
	    .set = world_pair(set, first, last) };

	return bed_call(&bed, imapd, IPC_MSG_store_copy, &m);
}

static void
watch(uint64_t mailbox, bool account)
{
	struct ipc_store_watch m = { h1, mailbox, account };

	bed_send(&bed, imapd, IPC_MSG_store_watch, &m);
	bed_settle(&bed);
	bed.notified = 0;
}

static uint64_t
mailboxes_used(void)
{
	struct ipc_store_quota m = { .handle = h1 };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_quota, &m);
	struct ipc_reader rd;
	struct ipc_quota q;

	assert_reply(r, store_quota_reply);
	rd = ipc_reader_of(r->m.store_quota_reply.quotas);
	ipc_quota_get(&rd, &q);
	return q.used_mailboxes;
}

static void
test_hidden(void **state)
{
	const struct slice hidden = SLICE_LIT(STORE_ARRIVALS);
	struct ipc_store_status st = { .handle = h1, .name = hidden };
	struct ipc_store_delete del = { h1, hidden };
	struct ipc_store_create make = { h1, 0, hidden };
	struct ipc_store_rename away = { h1, hidden, SLICE_LIT("Seen") };
	struct ipc_store_rename to = { h1, SLICE_LIT("Archive"), hidden };
	struct ipc_store_select sel = { h1, false, hidden };
	struct ipc_store_list l = { .handle = h1 };
	uint64_t before = mailboxes_used();
	struct ipc_store_append m;
	struct ipc_mailbox box;
	struct ipc_reader rd;
	struct bed_reply *r;

	(void)state;
	assert_int_equal(waiting(h1).mailbox, 0);
	watch(0, true);
	assert_int_equal(arrive(), 1);
	bed_settle(&bed);
	/* Who watches the account hears of no mailbox. */
	assert_int_equal(bed.notified, 1);
	assert_true(bed.last_notify.mailbox == STORE_NOTIFY_ARRIVALS);
	assert_int_equal(mailboxes_used(), before);
	st.mailbox = 0;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_status, &st), ERR_SYNTAX);
	st = (struct ipc_store_status){ .handle = h1, .mailbox = waiting(h1).mailbox };
	assert_int_not_equal(st.mailbox, 0);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_status, &st), ERR_NOTFOUND);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_select, &sel), ERR_SYNTAX);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &make), ERR_SYNTAX);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_delete, &del), ERR_SYNTAX);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_rename, &away), ERR_SYNTAX);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_rename, &to), ERR_SYNTAX);
	fill_append(imapd, h1, &m);
	m.mailbox = hidden;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_append, &m), ERR_SYNTAX);
	r = bed_call(&bed, imapd, IPC_MSG_store_list, &l);
	assert_reply(r, store_mailboxes);
	rd = ipc_reader_of(r->m.store_mailboxes.mailboxes);
	for (before = 0; ipc_reader_more(&rd); before++) {
		ipc_mailbox_get(&rd, &box);
		assert_false(slice_eq(box.name, hidden));
	}
	assert_int_equal(before, 6);
	/* It is there after a crash, and a login says so. */
	world_reopen(true);
	assert_int_equal(waiting(h1).exists, 1);
	assert_true(bed.reply.m.store_arrivals_reply.uidnext == 2);
}

static void
test_once(void **state)
{
	struct ipc_store_append m;
	struct bed_reply *r;

	(void)state;
	fill_append(deliver, 0, &m);
	m.mailbox = SLICE_LIT(STORE_ARRIVALS);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
	assert_reply(r, store_appended);
	assert_true(r->m.store_appended.duplicate);
	watch(world_selected(imapd, h1, "INBOX").mailbox, false);
	r = turn(1);
	assert_reply(r, store_appended);
	assert_slice(r->m.store_appended.mailbox, "INBOX");
	bed_settle(&bed);
	/* Also the session that did it: its client did not. */
	assert_int_equal(bed.notified, 1);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 1);
	assert_int_equal(waiting(h1).exists, 0);
	/* Somebody else was faster. */
	assert_fail(turn(1), ERR_GONE);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 1);
	world_reopen(true);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 1);
	assert_int_equal(waiting(h1).exists, 0);
	/* It was delivered all the same. */
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
	assert_reply(r, store_appended);
	assert_true(r->m.store_appended.duplicate);
}

/* What does not open is moved as it is; what is gone is not moved again. */
static void
test_move(void **state)
{
	struct bed_reply *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		(void)arrive();
	watch(world_selected(imapd, h1, "INBOX").mailbox, false);
	assert_reply(move(2, 2), store_copied);
	bed_settle(&bed);
	assert_int_equal(bed.notified, 1);
	assert_true(bed.last_notify.mailbox != STORE_NOTIFY_ARRIVALS);
	assert_int_equal(waiting(h1).exists, 2);
	r = move(1, STORE_STAR);
	assert_reply(r, store_copied);
	assert_int_equal(r->m.store_copied.to.n, 8);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 3);
	r = move(1, STORE_STAR);
	assert_reply(r, store_copied);
	assert_int_equal(r->m.store_copied.to.n, 0);
}

/* It was taken when there was room; what it becomes may be larger. */
static void
test_quota(void **state)
{
	static const unsigned char pub[32] = { 1 };
	const struct ipc_fact_account f = { 1, SLICE_LIT(OWNER), slice_of(pub, 32), 1, 1, true, 100 };
	struct ipc_store_append m;
	struct op op;

	(void)state;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	(void)arrive();
	assert_fail(try_arrive(), ERR_QUOTA);
	fill_append(imapd, h1, &m);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_append, &m), ERR_QUOTA);
	assert_reply(turn(1), store_appended);
	assert_int_equal(op_begin(&op, &bed.store, 1, KV_READ), ERR_OK);
	assert_int_equal(op.acc.used_bytes, 100);
	assert_int_equal(op.acc.message_count, 1);
	op_end(&op);
}

/* One after the other; when one goes the others hear. */
static void
test_turns(void **state)
{
	uint32_t second = bed_login(&bed, imapd, 1);
	struct ipc_store_logout out = { h1 };

	(void)state;
	(void)arrive();
	assert_int_equal(waiting(h1).exists, 1);
	assert_int_equal(waiting(h1).exists, 1);
	assert_fail(ask(second, false), ERR_BUSY);
	assert_fail(ask(second, true), ERR_BUSY);
	assert_reply(ask(h1, true), store_arrivals_reply);
	assert_int_equal(waiting(second).exists, 1);
	assert_fail(ask(h1, false), ERR_BUSY);
	assert_reply(ask(second, true), store_arrivals_reply);
	assert_reply(turn(1), store_appended);
	/* Nothing is left: nobody's turn. */
	assert_int_equal(waiting(h1).exists, 0);
	assert_int_equal(waiting(second).exists, 0);
	(void)arrive();
	assert_int_equal(waiting(h1).exists, 1);
	bed_settle(&bed);
	bed.notified = 0;
	bed_send(&bed, imapd, IPC_MSG_store_logout, &out);
	bed_settle(&bed);
	assert_int_equal(bed.notified, 1);
	assert_true(bed.last_notify.mailbox == STORE_NOTIFY_ARRIVALS);
	assert_int_equal(bed.last_notify.handle, second);
	assert_int_equal(waiting(second).exists, 1);
}

/* Another user, to whom all else is given. */
static void
test_guest(void **state)
{
	struct ipc_store_set_acl all = { h1, STORE_REPLACE, STORE_RIGHTS_ALL, SLICE_LIT("INBOX"),
	    SLICE_LIT("user2@example.test") };
	struct ipc_store_open open = { h2, SLICE_LIT(OWNER) };
	struct ipc_store_arrivals m = { 0 };
	struct bed_reply *r;

	(void)state;
	(void)arrive();
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_set_acl, &all), store_ok);
	r = bed_call(&bed, other_imapd, IPC_MSG_store_open, &open);
	assert_reply(r, store_session);
	assert_false(r->m.store_session.arrivals);
	m.handle = r->m.store_session.handle;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_arrivals, &m), ERR_DENIED);
}

/* It is made even where no more mailboxes are. */
static void
test_limit(void **state)
{
	struct ipc_store_create make = { h1, 0, SLICE_LIT("Seventh") };

	(void)state;
	bed.store.mailbox_limit = 6;
	(void)arrive();
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &make), ERR_LIMIT);
	bed.store.mailbox_limit = 7;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &make), store_ok);
	make.name = SLICE_LIT("Eighth");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &make), ERR_LIMIT);
	assert_int_equal(waiting(h1).exists, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_hidden), WORLD_TEST(test_once), WORLD_TEST(test_move),
		WORLD_TEST(test_quota), WORLD_TEST(test_turns), WORLD_TEST(test_guest),
		WORLD_TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
