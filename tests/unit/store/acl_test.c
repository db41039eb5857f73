/* SPDX-License-Identifier: ISC */
/*
 * Rights (RFC 4314) and guests: each request with and without its right, what
 * an owner takes back, who shares with whom, grants, and limits at limit + 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/grant.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_guest.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define OWNER	"user1@example.test"
#define GUEST	"user2@example.test"

static const unsigned char	secret[32] = { 9 };

static struct bed_reply *
set_acl(struct bed_peer *p, uint32_t handle, const char *mailbox, const char *who, uint8_t op,
    uint32_t rights)
{
	struct ipc_store_set_acl m = { handle, op, rights, slice_str(mailbox), slice_str(who) };

	return bed_call(&bed, p, IPC_MSG_store_set_acl, &m);
}

static void
allow(const char *mailbox, const char *who, uint32_t rights)
{
	assert_reply(set_acl(imapd, h1, mailbox, who, STORE_REPLACE, rights), store_ok);
}

/* User 2 at the other imapd, in the account of user 1. */
static struct bed_reply *
open_owner(void)
{
	struct ipc_store_open m = { h2, SLICE_LIT(OWNER) };

	return bed_call(&bed, other_imapd, IPC_MSG_store_open, &m);
}

static uint32_t
guest(void)
{
	struct bed_reply *r = open_owner();

	assert_reply(r, store_session);
	assert_int_equal(r->m.store_session.account, 1);
	assert_slice(r->m.store_session.address, OWNER);
	return r->m.store_session.handle;
}

static struct bed_reply *
select_as(uint32_t handle, const char *name)
{
	struct ipc_store_select m = { handle, false, slice_str(name) };

	return bed_call(&bed, other_imapd, IPC_MSG_store_select, &m);
}

static void
test_reading(void **state)
{
	struct ipc_store_fetch f = { .by_uid = true };
	struct ipc_store_status st = { .name = SLICE_LIT("INBOX") };
	struct ipc_store_list l = { 0 };
	struct ipc_mailbox box;
	struct ipc_reader rd;
	unsigned char set[8];
	struct bed_reply *r;
	uint64_t inbox;
	uint32_t g;

	(void)state;
	world_fill("INBOX", 0, 3);
	inbox = world_selected(imapd, h1, "INBOX").mailbox;
	assert_fail(open_owner(), ERR_NOTFOUND);
	allow("INBOX", GUEST, STORE_RIGHT_L);
	g = guest();
	l.handle = st.handle = f.handle = g;
	/* Looked up, not read. */
	r = bed_call(&bed, other_imapd, IPC_MSG_store_list, &l);
	assert_reply(r, store_mailboxes);
	rd = ipc_reader_of(r->m.store_mailboxes.mailboxes);
	ipc_mailbox_get(&rd, &box);
	assert_slice(box.name, "INBOX");
	assert_int_equal(box.rights, STORE_RIGHT_L);
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
	assert_fail(select_as(g, "INBOX"), ERR_DENIED);
	assert_slice(bed.reply.m.store_fail.code, "NOPERM");
	assert_fail(select_as(g, "Drafts"), ERR_NOTFOUND);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_status, &st), ERR_DENIED);
	f.mailbox = inbox;
	f.v = 1;
	f.uidnext = 4;
	f.set = world_pair(set, 1, STORE_STAR);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_fetch, &f), ERR_DENIED);
	/* With the right to read, and of no other mailbox. */
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R);
	r = select_as(g, "INBOX");
	assert_reply(r, store_selected);
	assert_int_equal(r->m.store_selected.exists, 3);
	assert_int_equal(r->m.store_selected.rights, STORE_RIGHT_L | STORE_RIGHT_R);
	f.v = r->m.store_selected.modseq;
	r = bed_call(&bed, other_imapd, IPC_MSG_store_fetch, &f);
	assert_reply(r, store_rows);
	assert_true(r->m.store_rows.rows.n > 0);
	f.mailbox = world_selected(imapd, h1, "Drafts").mailbox;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_fetch, &f), ERR_NOTFOUND);
	/* Taken back: gone at once, without a new session. */
	allow("INBOX", GUEST, 0);
	f.mailbox = inbox;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_fetch, &f), ERR_NOTFOUND);
	assert_fail(open_owner(), ERR_NOTFOUND);
}

/* Of the mailboxes below one that are hidden nothing is told. */
static void
test_children(void **state)
{
	static const char *const names[] = { "a", "a b", "a/x", "a/y" };
	struct ipc_store_list l = { 0 };
	struct ipc_mailbox box = { 0 };
	struct ipc_reader rd;
	struct bed_reply *r;

	(void)state;
	for (size_t i = 0; i < lengthof(names); i++) {
		struct ipc_store_create c = { h1, 0, slice_str(names[i]) };

		assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &c), store_ok);
	}
	allow("a", GUEST, STORE_RIGHT_L);
	l.handle = guest();
	for (unsigned round = 0; round < 2; round++) {
		r = bed_call(&bed, other_imapd, IPC_MSG_store_list, &l);
		assert_reply(r, store_mailboxes);
		rd = ipc_reader_of(r->m.store_mailboxes.mailboxes);
		ipc_mailbox_get(&rd, &box);
		assert_slice(box.name, "a");
		assert_int_equal(box.children, round == 1);
		allow("a/y", GUEST, STORE_RIGHT_L);
	}
}

static struct bed_reply *
flag_as(uint32_t g, uint64_t mailbox, uint8_t op, uint32_t flags, struct slice keywords)
{
	unsigned char set[8];
	struct ipc_store_flags m = { .handle = g, .mailbox = mailbox, .v = 1ull << 40,
	    .uidnext = 100, .by_uid = true, .op = op, .flags = flags, .keywords = keywords,
	    .unchanged_since = UINT64_MAX, .set = world_pair(set, 1, 1) };

	return bed_call(&bed, other_imapd, IPC_MSG_store_flags, &m);
}

static uint32_t
flags_after(struct bed_reply *r)
{
	struct ipc_reader rd = ipc_reader_of(r->m.store_rows.rows);
	struct ipc_row row = { 0 };

	assert_reply(r, store_rows);
	ipc_row_get(&rd, &row);
	return row.flags;
}

static void
test_flags(void **state)
{
	struct slice word = slice_of("word\0", 5);
	uint64_t inbox;
	uint32_t g;

	(void)state;
	world_fill("INBOX", STORE_FLAGGED, 1);
	inbox = world_selected(imapd, h1, "INBOX").mailbox;
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R | STORE_RIGHT_S);
	g = guest();
	/* \Seen alone; the rest is left as it is, or refused when nothing is left. */
	assert_int_equal(flags_after(flag_as(g, inbox, STORE_ADD, STORE_SEEN | STORE_DELETED,
	    word)), STORE_FLAGGED | STORE_SEEN);
	assert_fail(flag_as(g, inbox, STORE_ADD, STORE_DELETED, SLICE_NONE), ERR_DENIED);
	assert_fail(flag_as(g, inbox, STORE_ADD, 0, word), ERR_DENIED);
	assert_int_equal(flags_after(flag_as(g, inbox, STORE_REPLACE, 0, SLICE_NONE)),
	    STORE_FLAGGED);
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R | STORE_RIGHT_W);
	assert_int_equal(flags_after(flag_as(g, inbox, STORE_REPLACE, STORE_SEEN | STORE_DRAFT,
	    word)) & 0xff, STORE_DRAFT);
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R | STORE_RIGHT_T);
	assert_true(flags_after(flag_as(g, inbox, STORE_ADD, STORE_DELETED, SLICE_NONE)) &
	    STORE_DELETED);
}

static struct bed_reply *
append_as(uint32_t g, const char *mailbox, uint32_t flags)
{
	struct ipc_store_append m;

	memset(bed.epoch, 0, sizeof(bed.epoch));
	bed_append_fill(&bed, other_imapd, g, 1, &m);
	m.mailbox = slice_str(mailbox);
	m.flags = flags;
	return bed_call(&bed, other_imapd, IPC_MSG_store_append, &m);
}

static void
test_changes(void **state)
{
	unsigned char set[8];
	struct ipc_store_expunge ex = { .v = 1ull << 40, .uidnext = 100 };
	struct ipc_store_copy c = { .v = 1ull << 40, .uidnext = 100, .by_uid = true,
	    .to = SLICE_LIT("Archive"), .set = world_pair(set, 1, 1) };
	struct ipc_store_create cr = { 0, 0, SLICE_LIT("Archive/x") };
	struct ipc_store_rename rn = { 0, SLICE_LIT("Archive/x"), SLICE_LIT("Archive/y") };
	struct ipc_store_delete d = { 0, SLICE_LIT("Archive/y") };
	struct ipc_store_subscribe sub = { 0, true, SLICE_LIT("INBOX") };
	uint32_t g, lr = STORE_RIGHT_L | STORE_RIGHT_R;

	(void)state;
	world_fill("INBOX", STORE_DELETED, 2);
	allow("INBOX", GUEST, lr);
	allow("Archive", GUEST, STORE_RIGHT_L);
	g = ex.handle = c.handle = cr.handle = rn.handle = d.handle = sub.handle = guest();
	ex.mailbox = c.mailbox = world_selected(imapd, h1, "INBOX").mailbox;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_expunge, &ex), ERR_DENIED);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_copy, &c), ERR_DENIED);
	assert_fail(append_as(g, "Archive", 0), ERR_DENIED);
	assert_fail(append_as(g, "Sent", 0), ERR_NOTFOUND);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_create, &cr), ERR_DENIED);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_subscribe, &sub), ERR_DENIED);
	/* Insert: without the right to set them, flags stay behind. */
	allow("Archive", GUEST, lr | STORE_RIGHT_I | STORE_RIGHT_K | STORE_RIGHT_X);
	assert_reply(append_as(g, "Archive", STORE_SEEN), store_appended);
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_copy, &c), store_copied);
	assert_int_equal(world_selected(imapd, h1, "Archive").first_unseen, 1);
	c.move = true;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_copy, &c), ERR_DENIED);
	allow("INBOX", GUEST, lr | STORE_RIGHT_T | STORE_RIGHT_E);
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_copy, &c), store_copied);
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_expunge, &ex), store_expunged);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 0);
	/* A new mailbox has its parent's rights. */
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_create, &cr), store_ok);
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_rename, &rn), store_ok);
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_delete, &d), store_ok);
	cr.name = SLICE_LIT("top");
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_create, &cr), ERR_DENIED);
	d.name = SLICE_LIT("INBOX");
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_delete, &d), ERR_DENIED);
}

/* By rights alone: a session that outlived the store has selected nothing yet. */
static void
test_watch(void **state)
{
	struct ipc_store_watch w = { .account = true };

	(void)state;
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R);
	allow("Junk", GUEST, STORE_RIGHT_L);
	w.handle = guest();
	w.mailbox = world_selected(imapd, h1, "INBOX").mailbox;
	bed_send(&bed, other_imapd, IPC_MSG_store_watch, &w);
	bed.notified = 0;
	world_fill("INBOX", 0, 1);
	bed_turn(&bed);
	assert_true(bed.notified > 0);
	w.mailbox = world_selected(imapd, h1, "Junk").mailbox;
	bed_send(&bed, other_imapd, IPC_MSG_store_watch, &w);
	bed_turn(&bed);
	bed.notified = 0;
	world_fill("INBOX", 0, 1);
	world_fill("Junk", 0, 1);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 0);
}

/* ---- entries ---- */

static void
test_entries(void **state)
{
	struct ipc_store_acl m = { h1, SLICE_LIT("INBOX") };
	struct ipc_reader rd;
	struct ipc_acl a;
	struct bed_reply *r;
	unsigned n = 0;
	uint32_t g;

	(void)state;
	allow("INBOX", "anyone", STORE_RIGHT_L | STORE_RIGHT_R | STORE_RIGHT_S);
	allow("INBOX", "-" GUEST, STORE_RIGHT_S);
	r = bed_call(&bed, imapd, IPC_MSG_store_acl, &m);
	assert_reply(r, store_acl_reply);
	assert_int_equal(r->m.store_acl_reply.rights, STORE_RIGHTS_ALL);
	assert_slice(r->m.store_acl_reply.owner, OWNER);
	for (rd = ipc_reader_of(r->m.store_acl_reply.entries); ipc_reader_more(&rd); n++)
		ipc_acl_get(&rd, &a);
	assert_int_equal(n, 3);
	/* MYRIGHTS, and no more, for who may not administer. */
	g = m.handle = guest();
	r = bed_call(&bed, other_imapd, IPC_MSG_store_acl, &m);
	assert_reply(r, store_acl_reply);
	assert_int_equal(r->m.store_acl_reply.rights, STORE_RIGHT_L | STORE_RIGHT_R);
	assert_int_equal(r->m.store_acl_reply.entries.n, 0);
	m.mailbox = SLICE_LIT("Drafts");
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_acl, &m), ERR_NOTFOUND);
	assert_fail(set_acl(other_imapd, g, "INBOX", "x@y.test", STORE_ADD, 1), ERR_DENIED);
	assert_fail(set_acl(other_imapd, g, "Drafts", "x@y.test", STORE_ADD, 1), ERR_NOTFOUND);
	assert_reply(set_acl(imapd, h1, "INBOX", GUEST, STORE_ADD, STORE_RIGHT_A), store_ok);
	assert_reply(set_acl(other_imapd, g, "INBOX", "x@y.test", STORE_ADD, 3), store_ok);
	assert_reply(set_acl(other_imapd, g, "INBOX", "x@y.test", STORE_REMOVE, 2), store_ok);
	/* The owner keeps what is his; names that cannot be. */
	assert_fail(set_acl(imapd, h1, "INBOX", OWNER, STORE_REPLACE, 0), ERR_DENIED);
	assert_fail(set_acl(imapd, h1, "INBOX", "-" OWNER, STORE_ADD, 1), ERR_DENIED);
	assert_fail(set_acl(imapd, h1, "INBOX", "", STORE_ADD, 1), ERR_SYNTAX);
	assert_fail(set_acl(imapd, h1, "INBOX", "-", STORE_ADD, 1), ERR_SYNTAX);
	assert_fail(set_acl(imapd, h1, "INBOX", "a b", STORE_ADD, 1), ERR_SYNTAX);
	assert_violation(set_acl(imapd, h1, "INBOX", "a", STORE_ADD, STORE_RIGHTS_ALL + 1), imapd);
}

static void
test_limits(void **state)
{
	char who[40];

	(void)state;
	for (unsigned i = 0; i < STORE_ACL_MAX; i++) {
		snprintf(who, sizeof(who), "u%u@x.test", i);
		allow("INBOX", who, STORE_RIGHT_L);
	}
	assert_fail(set_acl(imapd, h1, "INBOX", GUEST, STORE_ADD, 1), ERR_LIMIT);
	assert_reply(set_acl(imapd, h1, "INBOX", "u5@x.test", STORE_ADD, 2), store_ok);
	allow("INBOX", "u5@x.test", 0);
	allow("INBOX", GUEST, STORE_RIGHT_L);
	for (unsigned i = 0; i < GUEST_HANDLES_MAX; i++)
		(void)guest();
	assert_fail(open_owner(), ERR_LIMIT);
}

/* ---- sessions ---- */

static unsigned
count_owners(const char *first)
{
	struct ipc_store_owners m = { h2, SLICE_NONE };
	struct bed_reply *r = bed_call(&bed, other_imapd, IPC_MSG_store_owners, &m);
	struct slice s = r->m.store_owners_reply.addresses, one;
	unsigned n = 0;

	assert_reply(r, store_owners_reply);
	for (; s.n > 0; n++) {
		s = slice_cut(s, '\0', &one);
		if (n == 0 && first[0] != '\0')
			assert_slice(one, first);
	}
	return n;
}

static uint32_t
new_owner(uint64_t account, const char *address)
{
	static unsigned char pub[32] = { 1 };
	struct ipc_fact_account f = { account, slice_str(address), slice_of(pub, 32), 1,
	    SEALING_ESCROW, true, 0 };

	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	return bed_login(&bed, imapd, account);
}

/* One owner more than are looked at. */
static void
test_many_owners(void **state)
{
	struct ipc_store_open last = { h2, SLICE_NONE };
	struct ipc_store_logout out = { 0 };
	char address[40];

	(void)state;
	for (unsigned i = 0; i <= GUEST_OWNERS_MAX; i++) {
		snprintf(address, sizeof(address), "o%04u@example.test", i);
		out.handle = new_owner(1000 + i, address);
		assert_reply(set_acl(imapd, out.handle, "INBOX", GUEST, STORE_REPLACE,
		    STORE_RIGHT_L), store_ok);
		bed_send(&bed, imapd, IPC_MSG_store_logout, &out);
		if (i + 1 == GUEST_OWNERS_MAX)
			assert_int_equal(count_owners("o0000@example.test"), GUEST_OWNERS_MAX);
	}
	assert_int_equal(count_owners(""), GUEST_OWNERS_MAX);
	/* The first of them is found all the same. */
	last.address = SLICE_LIT("o0000@example.test");
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_open, &last), store_session);
}

static void
test_sessions(void **state)
{
	struct ipc_store_open up = { 0, SLICE_LIT(GUEST) };
	struct ipc_store_logout out = { h2 };
	struct ipc_token_revoke revoke = { 2, 1ull << 40 };
	struct ipc_fact_account_gone gone = { 1 };
	struct ipc_store_delete d = { h1, SLICE_LIT("Junk") };
	uint32_t g;

	(void)state;
	assert_int_equal(count_owners(""), 0);
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R);
	allow("Junk", GUEST, STORE_RIGHT_L);
	allow("Junk", "anyone", STORE_RIGHT_L);
	assert_int_equal(count_owners(OWNER), 1);
	g = up.handle = guest();
	/* Through a guest's handle nobody goes further. */
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_open, &up), ERR_DENIED);
	assert_reply(select_as(g, "INBOX"), store_selected);
	/* The last entry of a mailbox that goes. */
	allow("INBOX", GUEST, 0);
	assert_int_equal(count_owners(OWNER), 1);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	assert_int_equal(count_owners(""), 0);
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R);
	/* It ends with the session that it hangs on, and with the guest's login. */
	bed_send(&bed, other_imapd, IPC_MSG_store_logout, &out);
	assert_fail(select_as(g, "INBOX"), ERR_STATE);
	h2 = bed_login(&bed, other_imapd, 2);
	g = guest();
	world_reopen(true);
	assert_int_equal(count_owners(OWNER), 1);
	g = guest();
	bed_send(&bed, keyd, IPC_MSG_token_revoke, &revoke);
	assert_fail(select_as(g, "INBOX"), ERR_AUTH);
	world_reopen(false);
	/* The owner goes, and what he shared. */
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &gone);
	bed_settle(&bed);
	assert_fail(open_owner(), ERR_NOTFOUND);
	world_sweep();
	assert_int_equal(count_owners(""), 0);
}

static void
test_grants(void **state)
{
	struct ipc_grant_key key = { slice_of(secret, sizeof(secret)) };
	static unsigned char pub[32] = { 1 };
	struct ipc_fact_account f = { 1, SLICE_LIT(OWNER), slice_of(pub, 32), 7, SEALING_PASSWORD,
	    true, 0 };
	struct ipc_store_grant m = { 0 };
	uint64_t now = store_now_s(&bed.store);
	struct bed_reply *r;
	struct grant g;

	(void)state;
	allow("INBOX", GUEST, STORE_RIGHT_L | STORE_RIGHT_R);
	/* Before keyd gave its key there is none. */
	m.handle = guest();
	assert_int_equal(bed.reply.m.store_session.grant.n, 0);
	bed_send(&bed, keyd, IPC_MSG_grant_key, &key);
	r = bed_call(&bed, other_imapd, IPC_MSG_store_grant, &m);
	assert_reply(r, store_granted);
	assert_int_equal(grant_verify(&g, r->m.store_granted.grant, secret, 4, 2, now), ERR_OK);
	assert_true(g.owner == 1 && g.generation == 1 && g.expires_s == r->m.store_granted.expires_s);
	/* Not for another instance, another user, later, or with a changed byte. */
	assert_int_equal(grant_verify(&g, r->m.store_granted.grant, secret, 3, 2, now), ERR_AUTH);
	assert_int_equal(grant_verify(&g, r->m.store_granted.grant, secret, 4, 3, now), ERR_AUTH);
	assert_int_equal(grant_verify(&g, r->m.store_granted.grant, secret, 4, 2, g.expires_s),
	    ERR_AUTH);
	for (unsigned i = 0; i < GRANT_BYTES; i++) {
		char bytes[GRANT_BYTES];

		memcpy(bytes, r->m.store_granted.grant.p, sizeof(bytes));
		bytes[i] ^= 1;
		assert_int_equal(grant_verify(&g, slice_of(bytes, sizeof(bytes)), secret, 4, 2, now),
		    ERR_AUTH);
		assert_int_equal(grant_verify(&g, slice_of(bytes, i), secret, 4, 2, now), ERR_AUTH);
	}
	/* Of his own session, and where only the owner can open: none. */
	m.handle = h2;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_grant, &m), ERR_STATE);
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	(void)guest();
	assert_int_equal(bed.reply.m.store_session.grant.n, 0);
	key.key.n = 31;
	bed_send(&bed, keyd, IPC_MSG_grant_key, &key);
	assert_true(keyd->is_gone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_reading), WORLD_TEST(test_children), WORLD_TEST(test_flags), WORLD_TEST(test_changes),
		WORLD_TEST(test_watch),
		WORLD_TEST(test_entries), WORLD_TEST(test_limits), WORLD_TEST(test_sessions),
		WORLD_TEST(test_many_owners),
		WORLD_TEST(test_grants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
