/* SPDX-License-Identifier: ISC */
/*
 * Quotas of accounts and domains: limits to the byte and the message, what
 * queue hears of it, what a restart, a scan and a change of the configuration
 * find, and the answer to GETQUOTA.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ipc/store_proto.h"
#include "store/store_quota.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define DOMAIN	"example.test"

static void
set_quota(uint64_t account, uint64_t bytes)
{
	static unsigned char pub[32] = { 1 };
	char address[40];
	struct ipc_fact_account f = { account, SLICE_NONE, slice_of(pub, 32), 1, 1, true, bytes };

	snprintf(address, sizeof(address), "user%u@" DOMAIN, (unsigned)account);
	f.address = slice_str(address);
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
}

static void
configure(uint64_t messages, uint64_t total)
{
	struct quota_conf c = { SLICE_LIT(DOMAIN), messages, total, NULL };

	quota_conf_begin(&bed.store, 50);
	quota_conf_add(&bed.store, &c);
	quota_conf_end(&bed.store);
	for (unsigned i = 0; i < 1000 && !quota_is_scanned(&bed.store); i++)
		bed_turn(&bed);
	assert_true(quota_is_scanned(&bed.store));
	bed_turn(&bed);
}

static struct bed_reply *
deliver_to(uint64_t account)
{
	return bed_append(&bed, deliver, 0, account, "INBOX", 0, SLICE_LIT("x"));
}

static struct bed_reply *
copy_all(const char *to, bool move)
{
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	unsigned char set[8];
	struct ipc_store_copy m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .move = move, .to = slice_str(to),
	    .set = world_pair(set, 1, STORE_STAR) };

	return bed_call(&bed, imapd, IPC_MSG_store_copy, &m);
}

static void
test_bytes(void **state)
{
	(void)state;
	set_quota(1, 200);
	assert_reply(deliver_to(1), store_appended);
	assert_int_equal(bed.over_n, 0);
	/* To the last byte: taken, and full. */
	assert_reply(deliver_to(1), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.over_n, 1);
	assert_int_equal(bed.over[0], 1);
	assert_fail(deliver_to(1), ERR_QUOTA);
	assert_slice(bed.reply.m.store_fail.code, "OVERQUOTA");
	/* COPY would need more, MOVE needs none. */
	assert_fail(copy_all("Archive", false), ERR_QUOTA);
	assert_slice(bed.reply.m.store_fail.code, "OVERQUOTA");
	assert_int_equal(world_selected(imapd, h1, "Archive").exists, 0);
	assert_reply(copy_all("Archive", true), store_copied);
	assert_int_equal(world_selected(imapd, h1, "Archive").exists, 2);
	/* Room again. */
	world_expunge("Archive", 1, 1);
	bed_turn(&bed);
	assert_int_equal(bed.over_n, 0);
	assert_reply(deliver_to(1), store_appended);
	/* A smaller quota than what is there; none at all. */
	set_quota(1, 150);
	assert_int_equal(bed.over_n, 1);
	assert_fail(deliver_to(1), ERR_QUOTA);
	set_quota(1, 0);
	assert_int_equal(bed.over_n, 0);
	assert_reply(deliver_to(1), store_appended);
	/* Another account never cared. */
	assert_reply(deliver_to(2), store_appended);
}

/* What godwit status tells: messages of all mailboxes, and nothing else. */
static void
test_count(void **state)
{
	const struct ipc_fact_account_gone gone = { 2 };

	(void)state;
	configure(0, 0);
	assert_true(quota_messages(&bed.store) == 0);
	assert_reply(deliver_to(1), store_appended);
	assert_reply(deliver_to(1), store_appended);
	assert_reply(deliver_to(2), store_appended);
	assert_true(quota_messages(&bed.store) == 3);
	assert_reply(copy_all("Archive", false), store_copied);
	assert_true(quota_messages(&bed.store) == 5);
	world_expunge("INBOX", 1, 1);
	assert_true(quota_messages(&bed.store) == 4);
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &gone);
	bed_settle(&bed);
	assert_true(quota_messages(&bed.store) == 3);
	/* The scan finds the same. */
	configure(0, 0);
	assert_true(quota_messages(&bed.store) == 3);
}

static void
test_messages(void **state)
{
	(void)state;
	configure(3, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bed.over_n, 0);
		assert_reply(deliver_to(1), store_appended);
	}
	bed_turn(&bed);
	assert_int_equal(bed.over_n, 1);
	assert_fail(deliver_to(1), ERR_QUOTA);
	assert_fail(copy_all("Archive", false), ERR_QUOTA);
	assert_reply(copy_all("Archive", true), store_copied);
	/* The limit is each account's. */
	assert_reply(deliver_to(2), store_appended);
	configure(0, 0);
	assert_int_equal(bed.over_n, 0);
	assert_reply(deliver_to(1), store_appended);
}

static void
test_domain(void **state)
{
	(void)state;
	assert_reply(deliver_to(1), store_appended);
	/* What is there already counts: the scan finds it. */
	configure(0, 300);
	assert_reply(deliver_to(2), store_appended);
	assert_int_equal(bed.over_domains, 0);
	assert_reply(deliver_to(3), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.over_domains, 1);
	assert_fail(deliver_to(2), ERR_QUOTA);
	assert_fail(copy_all("Archive", false), ERR_QUOTA);
	/* Any of them may make room. */
	world_expunge("INBOX", 1, 1);
	bed_turn(&bed);
	assert_int_equal(bed.over_domains, 0);
	assert_reply(deliver_to(2), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.over_domains, 1);
	/* No limit any more. */
	configure(0, 0);
	bed_turn(&bed);
	assert_int_equal(bed.over_domains, 0);
	assert_reply(deliver_to(2), store_appended);
}

/* A removed account takes its part of the domain along. */
static void
test_account_gone(void **state)
{
	struct ipc_fact_account_gone g = { 3 };

	(void)state;
	configure(0, 200);
	set_quota(3, 50);
	set_quota(3, 200);
	assert_reply(deliver_to(3), store_appended);
	assert_reply(deliver_to(3), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.over_n, 1);
	assert_int_equal(bed.over_domains, 1);
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &g);
	bed_settle(&bed);
	assert_int_equal(bed.over_n, 0);
	assert_int_equal(bed.over_domains, 0);
	assert_reply(deliver_to(2), store_appended);
}

/* After a restart, and for a queue that comes later. */
static void
test_replay(void **state)
{
	struct bed_peer *late;

	(void)state;
	set_quota(1, 100);
	assert_reply(deliver_to(1), store_appended);
	for (unsigned crash = 0; crash < 2; crash++) {
		bed.over_n = 0;
		world_reopen(crash);
		/* The same fact changes nothing: the scan finds who is over. */
		set_quota(1, 100);
		configure(0, 100);
		bed_turn(&bed);
		assert_int_equal(bed.over_n, 1);
		assert_int_equal(bed.over_domains, 1);
	}
	bed_leave(&bed, queue);
	bed.over_n = 7;
	late = bed_peer(&bed, IPC_QUEUE, 9);
	bed_turn(&bed);
	assert_int_equal(bed.over_n, 1);
	assert_int_equal(bed.over_domains, 1);
	bed_leave(&bed, late);
}

static void
test_answer(void **state)
{
	struct ipc_store_quota m = { .handle = h1 };
	struct ipc_reader rd;
	struct ipc_quota q;
	struct bed_reply *r;

	(void)state;
	set_quota(1, 5000);
	configure(40, 10000);
	assert_reply(deliver_to(1), store_appended);
	assert_reply(deliver_to(2), store_appended);
	r = bed_call(&bed, imapd, IPC_MSG_store_quota, &m);
	assert_reply(r, store_quota_reply);
	rd = ipc_reader_of(r->m.store_quota_reply.quotas);
	ipc_quota_get(&rd, &q);
	assert_slice(q.root, "user1@" DOMAIN);
	assert_int_equal(q.used_bytes, 100);
	assert_int_equal(q.max_bytes, 5000);
	assert_int_equal(q.used_messages, 1);
	assert_int_equal(q.max_messages, 40);
	assert_int_equal(q.used_mailboxes, 6);
	assert_int_equal(q.max_mailboxes, 200);
	ipc_quota_get(&rd, &q);
	assert_slice(q.root, DOMAIN);
	assert_int_equal(q.used_bytes, 200);
	assert_int_equal(q.max_bytes, 10000);
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
}

static struct bed_reply *
ask_quota(uint32_t handle, uint64_t account)
{
	struct ipc_store_quota m = { .handle = handle, .account = account };

	return bed_call(&bed, imapd, IPC_MSG_store_quota, &m);
}

/* Another's is told to whom the option of his domain names, and to nobody else. */
static void
test_admins(void **state)
{
	char admin[] = "User1@" DOMAIN, other[] = "user2@" DOMAIN;
	char *names[] = { admin };
	const struct opt_list admins = { names, 1 };
	struct quota_conf c = { .domain = SLICE_LIT(DOMAIN), .admins = &admins };
	struct ipc_reader rd;
	struct ipc_quota q;

	(void)state;
	assert_reply(ask_quota(h1, 1), store_quota_reply);
	assert_fail(ask_quota(h1, 2), ERR_DENIED);
	quota_conf_begin(&bed.store, 50);
	quota_conf_add(&bed.store, &c);
	quota_conf_end(&bed.store);
	assert_reply(ask_quota(h1, 2), store_quota_reply);
	rd = ipc_reader_of(bed.reply.m.store_quota_reply.quotas);
	ipc_quota_get(&rd, &q);
	assert_slice(q.root, "user2@" DOMAIN);
	assert_fail(ask_quota(h1, 99), ERR_NOTFOUND);
	names[0] = other;
	quota_conf_begin(&bed.store, 50);
	quota_conf_add(&bed.store, &c);
	quota_conf_end(&bed.store);
	assert_fail(ask_quota(h1, 2), ERR_DENIED);
}

/* One domain more than are kept. */
static void
test_domain_limit(void **state)
{
	struct quota_conf c = { SLICE_NONE, 0, 1, NULL };
	char name[40];

	(void)state;
	quota_conf_begin(&bed.store, 0);
	for (unsigned i = 0; i < QUOTA_DOMAINS_MAX; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		c.domain = slice_str(name);
		quota_conf_add(&bed.store, &c);
	}
	c.domain = SLICE_LIT(DOMAIN);
	quota_conf_add(&bed.store, &c);
	quota_conf_end(&bed.store);
	for (unsigned i = 0; i < 1000 && !quota_is_scanned(&bed.store); i++)
		bed_turn(&bed);
	assert_reply(deliver_to(1), store_appended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_bytes), WORLD_TEST(test_count), WORLD_TEST(test_messages), WORLD_TEST(test_domain),
		WORLD_TEST(test_account_gone), WORLD_TEST(test_replay), WORLD_TEST(test_answer),
		WORLD_TEST(test_admins), WORLD_TEST(test_domain_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
