/* SPDX-License-Identifier: ISC */
/*
 * The pulse (store_proto.h): whatever is done to an account moves its counter
 * before the answer, and nothing else does; and what the counter says has not
 * changed has not.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/ipc/store_proto.h"
#include "lib/sys/pulse.h"
#include "store/store_expire.h"
#include "tests/unit/store/store_world.h"

static uint64_t	seen, seen2;	/* of accounts 1 and 2 */

/* imapd's own sight of it. */
static uint64_t
now(uint64_t account)
{
	assert_non_null(imapd->pulse);
	return pulse_at(imapd->pulse, account);
}

static void
mark(void)
{
	bed_settle(&bed);
	seen = now(1);
	seen2 = now(2);
}

static void
assert_moved(void)
{
	assert_true(now(1) != seen);
	assert_int_equal(now(2), seen2);
	mark();
}

static struct bed_reply *
ask(enum ipc_type type, const void *m)
{
	return bed_call(&bed, imapd, type, m);
}

/* As the answer comes: nothing is settled yet. */
#define CHANGES(what) do { mark(); assert_reply(what, store_ok); assert_moved(); } while (0)

static void
test_names(void **state)
{
	struct ipc_store_create create = { .handle = h1, .name = SLICE_LIT("a/b") };
	struct ipc_store_rename rename = { h1, SLICE_LIT("a"), SLICE_LIT("c") };
	struct ipc_store_subscribe subscribe = { h1, true, SLICE_LIT("c/b") };
	struct ipc_store_uids uids = { h1, 77, 500, SLICE_LIT("c/b") };
	struct ipc_store_set_acl acl = { h1, STORE_REPLACE, STORE_RIGHTS_ALL, SLICE_LIT("c/b"),
	    SLICE_LIT("anyone") };
	struct ipc_store_delete delete = { h1, SLICE_LIT("c/b") };
	struct ipc_entry entry = { true, SLICE_LIT("/private/comment"), SLICE_LIT("x") };
	struct ipc_store_set_metadata metadata = { .handle = h1, .mailbox = SLICE_LIT("c/b") };
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	ipc_entry_put(&b, &entry);
	metadata.entries = buf_slice(&b);
	CHANGES(ask(IPC_MSG_store_create, &create));
	CHANGES(ask(IPC_MSG_store_rename, &rename));
	CHANGES(ask(IPC_MSG_store_subscribe, &subscribe));
	CHANGES(ask(IPC_MSG_store_uids, &uids));
	CHANGES(ask(IPC_MSG_store_set_acl, &acl));
	CHANGES(ask(IPC_MSG_store_set_metadata, &metadata));
	CHANGES(ask(IPC_MSG_store_delete, &delete));
	buf_fini(&b);
}

static void
test_mail(void **state)
{
	struct ipc_store_selected s;
	unsigned char set[8];
	struct ipc_store_copy copy = { .handle = h1, .by_uid = true, .to = SLICE_LIT("Archive") };

	(void)state;
	mark();
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	assert_moved();
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("y")), store_appended);
	assert_moved();
	(void)world_selected(imapd, h1, "INBOX");	/* claims \Recent */
	for (unsigned i = 0; i < 1000 && now(1) == seen; i++)
		bed_turn(&bed);
	assert_moved();
	world_flag("INBOX", 1, 1, STORE_ADD, STORE_SEEN);
	assert_moved();
	s = world_selected(imapd, h1, "INBOX");
	copy.mailbox = s.mailbox;
	copy.v = s.modseq;
	copy.uidnext = s.uidnext;
	copy.set = world_pair(set, 1, 1);
	assert_reply(ask(IPC_MSG_store_copy, &copy), store_copied);
	assert_moved();
	copy.move = true;
	assert_reply(ask(IPC_MSG_store_copy, &copy), store_copied);
	assert_moved();
	world_expunge("INBOX", 2, 2);
	assert_moved();
}

/* What nobody asked for: mail that is old goes, and what was undeletable. */
static void
test_upkeep(void **state)
{
	char rule[] = "Trash 1h", *rules[] = { rule };

	(void)state;
	world_fill("Trash", STORE_SEEN, 2);
	expire_set(&bed.store, rules, 1);
	mark();
	loop_advance(bed.loop, 2 * 3600 * 1000);
	world_sweep();
	assert_moved();
	assert_int_equal(world_selected(imapd, h1, "Trash").exists, 0);
}

static void
test_facts(void **state)
{
	const unsigned char key[32] = { 1 };
	struct ipc_fact_account fact = { 1, SLICE_LIT("user1@example.test"),
	    slice_of(key, sizeof(key)), 1, 1, true, 1u << 20 };
	struct ipc_token_revoke revoke = { 1, 5000 };
	struct ipc_facts_heard heard = { 0 };
	struct ipc_fact_account_gone gone = { 2 };
	uint64_t before;

	(void)state;
	mark();
	bed_send(&bed, keyd, IPC_MSG_fact_account, &fact);
	bed_settle(&bed);
	assert_moved();
	/* Before keyd hears of it. */
	bed_send(&bed, keyd, IPC_MSG_token_revoke, &revoke);
	assert_reply(bed_call(&bed, keyd, IPC_MSG_facts_heard, &heard), facts_taken);
	assert_moved();
	before = now(2);
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &gone);
	bed_settle(&bed);
	assert_true(now(2) != before);
	assert_int_equal(now(1), seen);
}

/* Asking moves nothing. */
static void
test_reading(void **state)
{
	struct ipc_store_selected s;
	struct ipc_store_status status = { .handle = h1, .name = SLICE_LIT("INBOX") };
	struct ipc_store_list list = { h1, SLICE_NONE };
	struct ipc_store_watch watch = { .handle = h1 };
	struct ipc_store_sync sync = { .handle = h1, .expunges = true, .claims = true };

	(void)state;
	mark();
	s = world_selected(imapd, h1, "INBOX");
	sync.mailbox = watch.mailbox = s.mailbox;
	sync.v = sync.r = s.modseq;
	sync.uidnext = s.uidnext;
	assert_reply(ask(IPC_MSG_store_status, &status), store_status_reply);
	assert_reply(ask(IPC_MSG_store_list, &list), store_mailboxes);
	assert_reply(ask(IPC_MSG_store_sync, &sync), store_changes);
	bed_send(&bed, imapd, IPC_MSG_store_watch, &watch);
	(void)bed_login(&bed, imapd, 1);
	bed_settle(&bed);
	assert_int_equal(now(1), seen);
}

/* Every imapd has the same one, nobody else has it, and the next store another. */
static void
test_whose(void **state)
{
	uint64_t before = now(3);

	(void)state;
	assert_non_null(other_imapd->pulse);
	assert_int_equal(pulse_at(other_imapd->pulse, 3), before);
	assert_null(deliver->pulse);
	assert_null(keyd->pulse);
	world_reopen(true);
	assert_true(now(3) - before > 1000000 && before - now(3) > 1000000);
}

int
main(void)
{
#define T(name)	WORLD_TEST(name)
	const struct CMUnitTest tests[] = {
		T(test_names), T(test_mail), T(test_upkeep), T(test_facts), T(test_reading),
		T(test_whose),
	};
#undef T

	return cmocka_run_group_tests_name("store/pulse", tests, NULL, NULL);
}
