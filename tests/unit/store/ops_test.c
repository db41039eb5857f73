/* SPDX-License-Identifier: ISC */
/*
 * The operations through fake peers: what they do, and drills of a peer that
 * was taken over (foreign accounts and handles, replayed tokens, wrong
 * descriptors, giant sets, malformed fields).  After each test the whole
 * store is checked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "store/blob_segment.h"
#include "store/store_change.h"
#include "store/store_facts.h"
#include "store/store_fetch.h"
#include "store/store_page.h"
#include "store/store_record.h"
#include "store/store_sweep.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

/* ---- appends ---- */

static void
read_content(struct bed_peer *p, uint32_t handle, uint64_t content, struct slice want)
{
	struct ipc_store_read m = { handle, content, 0, 49152, SLICE_NONE, 0 };
	struct bed_reply *r;
	size_t got = 0;

	while (got < want.n) {
		m.offset = got;
		r = bed_call(&bed, p, IPC_MSG_store_read, &m);
		assert_reply(r, store_data);
		assert_true(r->m.store_data.data.n > 0);
		assert_memory_equal(r->m.store_data.data.p, want.p + got, r->m.store_data.data.n);
		got += r->m.store_data.data.n;
	}
	m.offset = got;
	r = bed_call(&bed, p, IPC_MSG_store_read, &m);
	assert_reply(r, store_data);
	assert_int_equal(r->m.store_data.data.n, 0);
}

static struct ipc_row
first_row(struct bed_peer *p, uint32_t handle, const char *mailbox, struct ipc_cold *cold,
    struct ipc_content *content)
{
	struct ipc_store_selected s = world_selected(p, handle, mailbox);
	unsigned char set[8];
	struct ipc_store_fetch m = { .handle = handle, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext,
	    .want = STORE_WANT_COLD | STORE_WANT_CONTENT | STORE_WANT_SUMMARY,
	    .set = world_pair(set, 1, 1) };
	struct bed_reply *r = bed_call(&bed, p, IPC_MSG_store_fetch, &m);
	struct ipc_reader rd;
	struct ipc_row row;

	assert_reply(r, store_rows);
	rd = ipc_reader_of(r->m.store_rows.rows);
	ipc_row_get(&rd, &row);
	ipc_cold_get(&rd, cold);
	ipc_content_get(&rd, content);
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
	assert_true(cold->content == content->content);
	return row;
}

static void
test_append(void **state)
{
	struct ipc_store_append m;
	struct ipc_content c;
	struct ipc_cold cold;
	struct bed_reply *r;
	struct ipc_row row;
	char big[40960];

	(void)state;
	memset(big, 'b', sizeof(big));
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = slice_of(big, sizeof(big));
	m.summary = slice_of(big, 16000);	/* not inline */
	m.keywords = slice_of("$Junk\0$Forwarded\0", 17);
	m.flags = STORE_FLAGGED;
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
	assert_reply(r, store_appended);
	assert_int_equal(r->m.store_appended.uid, 1);
	assert_slice(r->m.store_appended.mailbox, "INBOX");
	assert_true(r->m.store_appended.uidvalidity > 0);

	row = first_row(imapd, h1, "INBOX", &cold, &c);
	assert_int_equal(row.flags, STORE_FLAGGED | 3u << STORE_KEYWORD_SHIFT);
	assert_int_equal(row.more.n, 0);
	assert_int_equal(cold.size, 100);
	assert_true(cold.saved_s <= store_now_s(&bed.store) && cold.saved_s + 60 >
	    store_now_s(&bed.store));
	assert_int_equal(c.blob_bytes, sizeof(big));
	assert_int_equal(c.summary.n, 16000);
	read_content(imapd, h1, c.content, slice_of(big, sizeof(big)));

	/* A mailbox that is not there: deliver falls back, imapd is told. */
	r = bed_append(&bed, deliver, 0, 1, "Nowhere", 0, SLICE_LIT("x"));
	assert_slice(r->m.store_appended.mailbox, "INBOX");
	memset(bed.epoch, 0, sizeof(bed.epoch));
	r = bed_append(&bed, imapd, h1, 1, "Nowhere", 0, SLICE_LIT("x"));
	assert_fail(r, ERR_NOTFOUND);
	assert_slice(r->m.store_fail.code, "TRYCREATE");
	r = bed_append(&bed, imapd, h1, 1, "Drafts", STORE_DRAFT, SLICE_LIT("x"));
	assert_reply(r, store_appended);
	for (unsigned crash = 0; crash < 2; crash++) {
		world_reopen(crash);
		row = first_row(imapd, h1, "INBOX", &cold, &c);
		assert_int_equal(c.summary.n, 16000);
		read_content(imapd, h1, c.content, slice_of(big, sizeof(big)));
	}
}

static void
test_once(void **state)
{
	struct ipc_store_append m, again;
	struct ipc_store_forget f;
	unsigned char ids[8];
	struct bed_reply *r;

	(void)state;
	bed_append_fill(&bed, deliver, 0, 1, &m);
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
	assert_reply(r, store_appended);
	assert_false(r->m.store_appended.duplicate);
	for (unsigned i = 0; i < 3; i++) {
		bed_append_fill(&bed, deliver, 0, 1, &again);
		again.msg = m.msg;
		r = bed_call(&bed, deliver, IPC_MSG_store_append, &again);
		assert_reply(r, store_appended);
		assert_true(r->m.store_appended.duplicate);
		assert_int_equal(r->m.store_appended.uid, 1);
		if (i < 2)
			world_reopen(i == 0);
	}
	/* Another recipient of the same message is another delivery. */
	again.rcpt++;
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &again);
	assert_reply(r, store_appended);
	assert_false(r->m.store_appended.duplicate);
	/* Forgotten: the record is gone. */
	enc_le64(ids, m.msg);
	f.msgs = slice_of(ids, 8);
	bed_send(&bed, queue, IPC_MSG_store_forget, &f);
	bed_append_fill(&bed, deliver, 0, 1, &again);
	again.msg = m.msg;
	r = bed_call(&bed, deliver, IPC_MSG_store_append, &again);
	assert_false(r->m.store_appended.duplicate);
}

/* A body in a descriptor: ours, sealed, or foreign. */
static void
test_descriptors(void **state)
{
	struct ipc_store_file fm = { 0 };
	struct ipc_store_append m;
	struct ipc_content c;
	struct ipc_cold cold;
	struct bed_reply *r;
	char *big = malloc(300000);
	int fd;

	(void)state;
	for (unsigned i = 0; i < 300000; i++)
		big[i] = (char)(i * 7 >> 3);
	/* A file of the store. */
	r = bed_call(&bed, deliver, IPC_MSG_store_file, &fm);
	assert_reply(r, store_file_ok);
	fd = dup(r->fd);
	assert_int_equal(fd_pwrite_all(fd, big, 300000, 0), ERR_OK);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = SLICE_NONE;
	r = bed_call_fd(&bed, deliver, IPC_MSG_store_append, &m, fd);
	assert_reply(r, store_appended);
	(void)first_row(imapd, h1, "INBOX", &cold, &c);
	assert_int_equal(c.blob_bytes, 300000);
	read_content(imapd, h1, c.content, slice_of(big, 300000));
	close(fd);

	/* A sealed memfd; small ones before and behind it. */
	assert_int_equal(fd_memfd_make("body", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, big, 100000, 0), ERR_OK);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	bed_append_fill(&bed, deliver, 0, 2, &m);
	m.body = SLICE_NONE;
	r = bed_call_fd(&bed, deliver, IPC_MSG_store_append, &m, fd);
	assert_reply(r, store_appended);
	close(fd);
	world_reopen(true);
	(void)first_row(other_imapd, h2, "INBOX", &cold, &c);
	read_content(other_imapd, h2, c.content, slice_of(big, 100000));
	free(big);
}

static void
wrong_descriptor(int fd, bool with_body)
{
	struct ipc_store_append m;
	struct bed_reply *r;

	bed_append_fill(&bed, deliver, 0, 1, &m);
	if (!with_body)
		m.body = SLICE_NONE;
	r = bed_call_fd(&bed, deliver, IPC_MSG_store_append, &m, fd);
	assert_violation(r, deliver);
	if (fd >= 0)
		close(fd);
	deliver = bed_peer(&bed, IPC_DELIVER, 20);
	memset(bed.epoch, 0, sizeof(bed.epoch));
}

static void
test_wrong_descriptors(void **state)
{
	char path[100];
	int fd, other;

	(void)state;
	/* Not sealed: its owner could change it meanwhile. */
	assert_int_equal(fd_memfd_make("body", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, "abc", 3, 0), ERR_OK);
	wrong_descriptor(fd, false);
	/* A file that has a name, and one that the store did not make. */
	snprintf(path, sizeof(path), "%s/index.0", bed.dir);
	wrong_descriptor(open(path, O_RDONLY), false);
	wrong_descriptor(open("/tmp", O_TMPFILE | O_RDWR, 0600), false);
	/* A good one that cannot be read. */
	assert_int_equal(fd_memfd_make("body", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, "abc", 3, 0), ERR_OK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_WRONLY);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	wrong_descriptor(other, false);
	wrong_descriptor(open(path, O_PATH), false);
	close(fd);
	/* Both, or neither. */
	assert_int_equal(fd_memfd_make("body", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, "abc", 3, 0), ERR_OK);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	wrong_descriptor(fd, true);
}

/* Fields that no honest peer sends. */
static void
test_malformed_appends(void **state)
{
	struct ipc_store_append m;
	struct bed_reply *r;

	(void)state;
	for (unsigned i = 0; i < 11; i++) {
		bed_append_fill(&bed, deliver, 0, 1, &m);
		switch (i) {
		case 0: m.commitment.n = 31; break;
		case 1: m.wrapped.n = 0; break;
		case 2: m.message_id = SLICE_LIT("1234567"); break;
		case 3: m.references = SLICE_LIT("123456789"); break;
		case 4: m.keywords = SLICE_LIT("no-nul"); break;
		case 5: m.keywords = slice_of("bad name\0", 9); break;
		case 6: m.flags = 1u << 5; break;
		case 7: m.flags = 1u << 20; break;
		case 8: m.content += 5000; break;	/* outside its reservation */
		case 9: m.handle = h1; break;		/* deliver has no handles */
		default: m.account = 0; m.handle = 0; break;
		}
		r = bed_call(&bed, deliver, IPC_MSG_store_append, &m);
		assert_violation(r, deliver);
		deliver = bed_peer(&bed, IPC_DELIVER, 20 + i);
		memset(bed.epoch, 0, sizeof(bed.epoch));
	}
	/* A content id twice. */
	bed_append_fill(&bed, deliver, 0, 1, &m);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
	m.msg++;
	assert_violation(bed_call(&bed, deliver, IPC_MSG_store_append, &m), deliver);
	/* A reservation of another process, or of before: ask again. */
	deliver = bed_peer(&bed, IPC_DELIVER, 40);
	m.content++;
	assert_fail(bed_call(&bed, deliver, IPC_MSG_store_append, &m), ERR_AGAIN);
	/* An account that is not there. */
	m.account = 77;
	assert_fail(bed_call(&bed, deliver, IPC_MSG_store_append, &m), ERR_NOTFOUND);
}

static void
test_quota(void **state)
{
	struct ipc_fact_account f = { 3, SLICE_LIT("user3@example.test"),
	    SLICE_LIT("01234567890123456789012345678901"), 1, 1, true, 250 };
	struct bed_reply *r;

	(void)state;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	assert_reply(bed_append(&bed, deliver, 0, 3, "INBOX", 0, SLICE_LIT("x")), store_appended);
	assert_reply(bed_append(&bed, deliver, 0, 3, "INBOX", 0, SLICE_LIT("x")), store_appended);
	r = bed_append(&bed, deliver, 0, 3, "INBOX", 0, SLICE_LIT("x"));
	assert_fail(r, ERR_QUOTA);
	assert_slice(r->m.store_fail.code, "OVERQUOTA");
}

/* Before the disk is full nothing more is taken, for the time being. */
static void
test_full_disk(void **state)
{
	(void)state;
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	bed.store.minfree_bytes = UINT64_MAX;
	bed.store.room_until_ms = 0;
	assert_fail(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), ERR_FULL);
	bed.store.minfree_bytes = 1;
	bed.store.room_until_ms = 0;
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
}

/* ---- takeover drills ---- */

static void
test_foreign_handle(void **state)
{
	struct ipc_store_list m = { h2, SLICE_NONE };	/* of the other imapd */
	struct bed_reply *r;

	(void)state;
	r = bed_call(&bed, imapd, IPC_MSG_store_list, &m);
	assert_violation(r, imapd);
	/* The other one goes on. */
	r = bed_call(&bed, other_imapd, IPC_MSG_store_list, &m);
	assert_reply(r, store_mailboxes);
}

static void
test_forged_handle(void **state)
{
	struct ipc_store_list m = { 123456, SLICE_NONE };

	(void)state;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_list, &m), ERR_STATE);
}

static void
test_foreign_account(void **state)
{
	struct ipc_store_epoch em = { h1, 2 };

	(void)state;
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_epoch, &em), imapd);
}

/* Another account's content ids and mailboxes mean nothing to a session. */
static void
test_foreign_mail(void **state)
{
	struct ipc_store_read rm = { h1, 0, 0, 100, SLICE_NONE, 0 };
	struct ipc_store_fetch fm = { .handle = h1, .v = 1, .uidnext = 10 };
	struct ipc_store_selected s;
	struct ipc_content c;
	struct ipc_cold cold;
	unsigned char set[8];
	struct bed_reply *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_reply(bed_append(&bed, deliver, 0, 2, "INBOX", 0, SLICE_LIT("secret")),
		    store_appended);
	(void)first_row(other_imapd, h2, "INBOX", &cold, &c);
	rm.content = c.content;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_read, &rm), ERR_NOTFOUND);
	s = world_selected(other_imapd, h2, "INBOX");
	fm.mailbox = s.mailbox;
	fm.set = world_pair(set, 1, STORE_STAR);
	r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &fm);
	/* The same number is a mailbox of its own account, and empty. */
	assert_reply(r, store_rows);
	assert_int_equal(r->m.store_rows.rows.n, 0);
	fm.mailbox = 1ull << 40;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_fetch, &fm), ERR_NOTFOUND);
}

static void
test_tokens(void **state)
{
	unsigned char token[64] = { 0 };
	struct ipc_store_login m = { slice_of(token, 64) };
	struct ipc_token_revoke rv = { 1, 5000 };
	struct ipc_store_list lm = { h1, SLICE_NONE };
	uint32_t handle;

	(void)state;
	/* Replayed by another process; changed; cut. */
	bed_token(token, 2, other_imapd->instance);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &m), ERR_AUTH);
	bed_token(token, 2, imapd->instance);
	token[8] ^= 1;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &m), ERR_AUTH);
	bed_token(token, 2, imapd->instance);
	m.token.n = 63;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &m), ERR_AUTH);
	/* Of no account. */
	m.token.n = 64;
	bed_token(token, 99, imapd->instance);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &m), ERR_NOTFOUND);
	/* Revoked: neither the token nor what it opened. */
	bed_send(&bed, keyd, IPC_MSG_token_revoke, &rv);
	bed_token(token, 1, imapd->instance);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &m), ERR_AUTH);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_list, &lm), ERR_AUTH);
	handle = bed_login(&bed, imapd, 3);
	assert_true(handle != h1);
}

/* A session whose login was revoked can still end. */
static void
test_revoked_logout(void **state)
{
	struct ipc_token_revoke rv = { 1, UINT64_MAX };
	struct ipc_store_logout out = { h1 };
	struct ipc_store_list lm = { h1, SLICE_NONE };
	uint32_t count = bed.store.session_count;

	(void)state;
	bed_send(&bed, keyd, IPC_MSG_token_revoke, &rv);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_list, &lm), ERR_AUTH);
	bed_send(&bed, imapd, IPC_MSG_store_logout, &out);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_list, &lm), ERR_STATE);
	assert_int_equal(bed.store.session_count, count - 1);
}

static struct ipc_epoch
first_epoch(void)
{
	static unsigned char kept[96];
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	unsigned char set[8];
	struct ipc_store_fetch m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .want = STORE_WANT_CONTENT, .set = world_pair(set, 1, 1) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
	struct ipc_reader rd;
	struct ipc_epoch e;

	assert_reply(r, store_rows);
	rd = ipc_reader_of(r->m.store_rows.epochs);
	ipc_epoch_get(&rd, &e);
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
	memcpy(kept, e.data.p, e.data.n);
	e.data.p = (const char *)kept;
	return e;
}

/* An epoch key is replaced by itself only, whatever keyd was shown by an imapd. */
static void
test_rewrap(void **state)
{
	static const char other[96] = "of another key", ours[60] = "the same key";
	struct ipc_store_append m;
	struct ipc_epoch_rewrap w = { .account = 1, .data = SLICE_LIT("not the same key") };
	struct ipc_epoch e;

	(void)state;
	bed_append_fill(&bed, deliver, 0, 1, &m);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
	w.epoch = m.epoch;
	w.generation = m.generation;
	w.sealed = slice_of(other, sizeof(other));
	bed_send(&bed, keyd, IPC_MSG_epoch_rewrap, &w);
	bed_settle(&bed);
	e = first_epoch();
	assert_int_equal(e.form, 1);
	assert_true(slice_eq(e.data, m.epoch_data));
	w.sealed = m.epoch_data;
	w.data = slice_of(ours, sizeof(ours));
	bed_send(&bed, keyd, IPC_MSG_epoch_rewrap, &w);
	w.data = SLICE_LIT("not the same key");		/* not form 1 any more */
	bed_send(&bed, keyd, IPC_MSG_epoch_rewrap, &w);
	bed_settle(&bed);
	e = first_epoch();
	assert_int_equal(e.form, 2);
	assert_true(slice_eq(e.data, slice_of(ours, sizeof(ours))));
}

/* The number of an epoch with another key: sealed for the store before this one. */
static void
test_epoch_of_before(void **state)
{
	static const char other[96] = "of another key";
	struct ipc_store_append m;

	(void)state;
	bed_append_fill(&bed, deliver, 0, 1, &m);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.epoch_data = slice_of(other, sizeof(other));
	assert_fail(bed_call(&bed, deliver, IPC_MSG_store_append, &m), ERR_AGAIN);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
}

/* keyd says a fact once: it waits while too much is on its way to the disk. */
static void
test_late_facts(void **state)
{
	static const char junk[1900];
	struct kv_key k = record_key_u64(1, 'T', 42);
	struct ipc_fact_account m = { .account = 50, .address = SLICE_LIT("late@example.test"),
		.public_key = slice_of(junk, 32), .key_generation = 1, .sealing = 1,
		.enabled = true };
	struct ipc_fact_account_gone gone = { 51 };
	unsigned char token[64];
	struct ipc_store_login lm = { slice_of(token, 64) };
	struct ipc_in in = { 0 };
	struct kv_txn *t;
	enum err e;

	(void)state;
	m.account = 51;
	store_on_fact_account(keyd->near, &m, &in);
	bed_settle(&bed);
	m.account = 50;
	while ((e = kv_begin(bed.store.kv, 1, KV_WRITE, &t)) == ERR_OK) {
		kv_put(t, &k, slice_of(junk, sizeof(junk)));
		assert_int_equal(kv_submit(&t, KV_LAZY, NULL, NULL), ERR_OK);
	}
	assert_int_equal(e, ERR_BUSY);
	store_on_fact_account(keyd->near, &m, &in);
	store_on_fact_account_gone(keyd->near, &gone, &in);
	assert_false(list_is_empty(&bed.store.late_facts));
	for (unsigned i = 0; i < 1000 && !list_is_empty(&bed.store.late_facts); i++) {
		bed_turn(&bed);
		usleep(1000);
	}
	bed_settle(&bed);
	assert_true(list_is_empty(&bed.store.late_facts));
	bed_token(token, 50, imapd->instance);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_login, &lm), store_session);
	bed_token(token, 51, imapd->instance);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_login, &lm), ERR_NOTFOUND);
	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	kv_del(t, &k);
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_settle(&bed);
}

static void
test_bad_sets(void **state)
{
	struct ipc_store_fetch m = { .handle = h1, .v = 1, .uidnext = 10 };
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	unsigned char set[8], *giant = malloc(32000);
	struct bed_reply *r;

	(void)state;
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	m.mailbox = s.mailbox;
	m.v = s.modseq;
	m.uidnext = 2;
	/* As large as it gets. */
	for (unsigned i = 0; i < 4000; i++)
		(void)world_pair(giant + 8 * i, 1 + i % 7, STORE_STAR - i);
	m.set = slice_of(giant, 32000);
	r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
	assert_reply(r, store_rows);
	assert_int_equal(r->m.store_rows.rows.n, FETCH_ROW_BYTES);
	m.set = world_pair(set, 0, 5);
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_fetch, &m), imapd);
	free(giant);
}

/* ---- mailboxes ---- */

static void
simple(enum ipc_type type, const void *m)
{
	assert_reply(bed_call(&bed, imapd, type, m), store_ok);
}

static unsigned
list(char names[][256], struct ipc_mailbox *rows, unsigned max)
{
	struct ipc_store_list m = { h1, SLICE_NONE };
	struct bed_reply *r;
	struct ipc_reader rd;
	unsigned n = 0;
	char after[256];

	for (;;) {
		r = bed_call(&bed, imapd, IPC_MSG_store_list, &m);
		assert_reply(r, store_mailboxes);
		rd = ipc_reader_of(r->m.store_mailboxes.mailboxes);
		while (ipc_reader_more(&rd)) {
			assert_true(n < max);
			ipc_mailbox_get(&rd, &rows[n]);
			assert_true(slice_to_cstr(rows[n].name, names[n], 256));
			n++;
		}
		if (!r->m.store_mailboxes.more)
			return n;
		snprintf(after, sizeof(after), "%s", names[n - 1]);
		m.after = slice_str(after);
	}
}

static const struct ipc_mailbox *
find(char names[][256], const struct ipc_mailbox *rows, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return &rows[i];
	return NULL;
}

static void
test_mailboxes(void **state)
{
	static char names[300][256];
	static struct ipc_mailbox rows[300];
	struct ipc_store_create c = { h1, 0, SLICE_LIT("a/b/c") };
	struct ipc_store_delete d = { h1, SLICE_LIT("a/b") };
	struct ipc_store_rename rn = { h1, SLICE_LIT("a"), SLICE_LIT("z/y") };
	struct ipc_store_subscribe sub = { h1, true, SLICE_LIT("ghost") };
	uint32_t first_validity;
	unsigned n;

	(void)state;
	n = list(names, rows, 300);
	assert_int_equal(n, 6);
	assert_true(find(names, rows, n, "Sent")->special == STORE_SENT);
	assert_true(find(names, rows, n, "INBOX")->subscribed);
	simple(IPC_MSG_store_create, &c);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &c), ERR_EXISTS);
	c.name = SLICE_LIT("inbox");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &c), ERR_EXISTS);
	n = list(names, rows, 300);
	assert_int_equal(n, 9);
	assert_true(find(names, rows, n, "a")->children);
	assert_false(find(names, rows, n, "a/b/c")->children);
	first_validity = world_selected(imapd, h1, "a/b/c").uidvalidity;
	/* With children: the name stays without a mailbox. */
	simple(IPC_MSG_store_delete, &d);
	n = list(names, rows, 300);
	assert_true(find(names, rows, n, "a/b")->noselect);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), ERR_NOTFOUND);
	/* The whole tree moves; UIDs stay what they were. */
	simple(IPC_MSG_store_rename, &rn);
	n = list(names, rows, 300);
	assert_null(find(names, rows, n, "a"));
	assert_non_null(find(names, rows, n, "z/y/b/c"));
	assert_int_equal(world_selected(imapd, h1, "z/y/b/c").uidvalidity, first_validity);
	rn.from = SLICE_LIT("z");
	rn.to = SLICE_LIT("z/q");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_rename, &rn), ERR_DENIED);
	/* Made again: another UIDVALIDITY, for ever growing. */
	d.name = SLICE_LIT("z/y/b/c");
	simple(IPC_MSG_store_delete, &d);
	c.name = SLICE_LIT("z/y/b/c");
	simple(IPC_MSG_store_create, &c);
	assert_true(world_selected(imapd, h1, "z/y/b/c").uidvalidity > first_validity);
	/* Subscriptions need no mailbox. */
	simple(IPC_MSG_store_subscribe, &sub);
	n = list(names, rows, 300);
	assert_true(find(names, rows, n, "ghost")->subscribed);
	assert_true(find(names, rows, n, "ghost")->noselect);
	sub.on = false;
	simple(IPC_MSG_store_subscribe, &sub);
	n = list(names, rows, 300);
	assert_null(find(names, rows, n, "ghost"));
	d.name = SLICE_LIT("INBOX");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), ERR_DENIED);
}

/* UIDs that are brought along: UIDVALIDITY once, UIDNEXT upwards. */
static void
test_uids(void **state)
{
	struct ipc_store_uids m = { h1, 1234567890, 40, SLICE_LIT("Sent") };
	struct ipc_store_create c = { h1, 0, SLICE_LIT("new") };
	struct bed_reply *r;

	(void)state;
	simple(IPC_MSG_store_uids, &m);
	r = bed_append(&bed, imapd, h1, 1, "Sent", 0, SLICE_LIT("x"));
	assert_reply(r, store_appended);
	assert_int_equal(r->m.store_appended.uid, 40);
	assert_int_equal(r->m.store_appended.uidvalidity, 1234567890);
	/* Not lower, and no other UIDVALIDITY once something had a UID. */
	m.uidnext = 7;
	simple(IPC_MSG_store_uids, &m);
	assert_int_equal(world_selected(imapd, h1, "Sent").uidnext, 41);
	m.uidnext = UINT32_MAX - 1;
	m.uidvalidity++;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_uids, &m), ERR_CONFLICT);
	assert_int_equal(world_selected(imapd, h1, "Sent").uidnext, 41);
	/* A mailbox made later never gets one that was given. */
	m.name = SLICE_LIT("Drafts");
	m.uidvalidity = UINT32_MAX - 9;
	simple(IPC_MSG_store_uids, &m);
	simple(IPC_MSG_store_create, &c);
	assert_true(world_selected(imapd, h1, "new").uidvalidity > UINT32_MAX - 9);
	m.name = SLICE_LIT("Junk");
	m.uidvalidity = UINT32_MAX;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_uids, &m), ERR_LIMIT);
	m.uidvalidity = 1;
	m.uidnext = UINT32_MAX;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_uids, &m), ERR_LIMIT);
	m.uidnext = 5;
	m.name = SLICE_LIT("nowhere");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_uids, &m), ERR_NOTFOUND);
	world_reopen(true);
	assert_int_equal(world_selected(imapd, h1, "Sent").uidvalidity, 1234567890);
}

static struct ipc_store_status_reply
status(const char *name, uint64_t mailbox)
{
	struct ipc_store_status m = { h1, mailbox, true, slice_str(name) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_status, &m);

	assert_reply(r, store_status_reply);
	return r->m.store_status_reply;
}

/* The id of a mailbox (RFC 8474 s4) is told when it is made and stays over a rename. */
static void
test_mailbox_ids(void **state)
{
	struct ipc_store_create c = { h1, 0, SLICE_LIT("a") };
	struct ipc_store_rename rn = { h1, SLICE_LIT("a"), SLICE_LIT("b/c") };
	struct ipc_store_status bad = { .handle = h1, .mailbox = 1ull << 32 | 1 };
	struct ipc_store_status_reply st;
	struct bed_reply *r;
	uint64_t id;

	(void)state;
	r = bed_call(&bed, imapd, IPC_MSG_store_create, &c);
	assert_reply(r, store_ok);
	id = r->m.store_ok.mailbox;
	assert_true(id != 0 && status("a", 0).mailbox == id);
	for (unsigned i = 0; i < 3; i++)
		assert_reply(bed_append(&bed, deliver, 0, 1, "a", i == 1 ? STORE_DELETED : 0,
		    SLICE_LIT("x")), store_appended);
	simple(IPC_MSG_store_rename, &rn);
	st = status("b/c", 0);
	assert_true(st.mailbox == id);
	st = status("", id);
	assert_true(st.mailbox == id);
	assert_slice(st.name, "b/c");
	assert_int_equal(st.exists, 3);
	assert_int_equal(st.deleted, 1);
	assert_int_equal(st.size_bytes, 300);
	assert_int_equal(st.deleted_bytes, 100);
	assert_true(st.modseq > 0);
	for (unsigned i = 0; i < 2; i++, bad.mailbox = 4711)
		assert_fail(bed_call(&bed, imapd, IPC_MSG_store_status, &bad), ERR_NOTFOUND);
}

static void
test_rename_inbox(void **state)
{
	struct ipc_store_rename rn = { h1, SLICE_LIT("INBOX"), SLICE_LIT("old/mail") };
	struct ipc_store_selected before, s;

	(void)state;
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	before = world_selected(imapd, h1, "INBOX");
	simple(IPC_MSG_store_rename, &rn);
	s = world_selected(imapd, h1, "INBOX");
	assert_int_equal(s.exists, 0);
	assert_true(s.uidvalidity > before.uidvalidity);
	s = world_selected(imapd, h1, "old/mail");
	assert_int_equal(s.exists, 1);
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 1);
}

/* Sealed to a device from now on, mail has another form: clients must read it anew. */
static void
test_to_client(void **state)
{
	struct ipc_fact_account f = { 1, SLICE_LIT("user1@example.test"),
	    SLICE_LIT("01234567890123456789012345678901"), 1, SEALING_ESCROW, true, 0 };
	struct ipc_store_selected inbox, sent, s;

	(void)state;
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	inbox = world_selected(imapd, h1, "INBOX");
	sent = world_selected(imapd, h1, "Sent");
	f.sealing = SEALING_SERVER;
	f.key_generation = 2;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	assert_int_equal(world_selected(imapd, h1, "INBOX").uidvalidity, inbox.uidvalidity);
	f.sealing = SEALING_CLIENT;
	f.key_generation = 3;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	s = world_selected(imapd, h1, "INBOX");
	assert_true(s.uidvalidity > inbox.uidvalidity && s.uidvalidity > sent.uidvalidity);
	assert_int_equal(s.exists, inbox.exists);
	assert_int_equal(s.uidnext, inbox.uidnext);
	assert_true(world_selected(imapd, h1, "Sent").uidvalidity > sent.uidvalidity);
	inbox = s;
	/* Another device, or the server again: each message stays what it was. */
	f.key_generation = 4;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	f.sealing = SEALING_ESCROW;
	f.key_generation = 5;
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	assert_int_equal(world_selected(imapd, h1, "INBOX").uidvalidity, inbox.uidvalidity);
}

static void
test_names(void **state)
{
	char longest[257];
	struct ipc_store_create c = { h1, 0, SLICE_NONE };
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", "a\nb", "a\x7f",
	    "\xff\xfe", "\xed\xa0\x80" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c.name = slice_str(bad[i]);
		assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &c), ERR_SYNTAX);
	}
	memset(longest, 'n', sizeof(longest));
	c.name = slice_of(longest, 255);
	simple(IPC_MSG_store_create, &c);
	/* Depth: limit and limit + 1. */
	c.name = SLICE_LIT("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20");
	simple(IPC_MSG_store_create, &c);
	c.name = SLICE_LIT("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &c), ERR_SYNTAX);
}

static void
test_mailbox_limit(void **state)
{
	static char names[300][256];
	static struct ipc_mailbox rows[300];
	struct ipc_store_create c = { h1, 0, SLICE_NONE };
	char name[200];
	unsigned n;

	(void)state;
	for (unsigned i = 6; i < 200; i++) {
		memset(name, 'x', sizeof(name));
		snprintf(name, sizeof(name), "%0150u", i);
		c.name = slice_str(name);
		simple(IPC_MSG_store_create, &c);
	}
	c.name = SLICE_LIT("one more");
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_create, &c), ERR_LIMIT);
	n = list(names, rows, 300);
	assert_int_equal(n, 200);
	for (unsigned i = 1; i < n; i++)
		assert_true(strcmp(names[i - 1], names[i]) < 0);
}

/* ---- flags, recent, notifications, threads ---- */

static void
test_unchanged_since(void **state)
{
	struct ipc_store_selected s;
	struct ipc_store_flags m = { .handle = h1, .op = STORE_ADD, .flags = STORE_SEEN };
	unsigned char set[8];
	struct ipc_reader rd;
	struct bed_reply *r;
	struct ipc_row row;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")),
		    store_appended);
	s = world_selected(imapd, h1, "INBOX");
	m.mailbox = s.mailbox;
	m.v = s.modseq;
	m.uidnext = s.uidnext;
	m.set = world_pair(set, 1, 3);
	m.unchanged_since = s.modseq - 1;	/* the third is newer */
	r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
	assert_reply(r, store_rows);
	rd = ipc_reader_of(r->m.store_rows.rows);
	for (unsigned i = 0; i < 3; i++) {
		ipc_row_get(&rd, &row);
		assert_int_equal(row.flags, i < 2 ? STORE_SEEN : STORE_CONFLICT);
	}
	/* Nothing to change: no new modseq. */
	m.set = world_pair(set, 1, 1);
	m.unchanged_since = UINT64_MAX;
	r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
	assert_true(r->m.store_rows.modseq == s.modseq + 1);
}

/* Only what was not changed is told, and large slices are cut. */
static void
test_quiet(void **state)
{
	const uint32_t slice = CHANGE_QUIET_PAGES_MAX * PAGE_HOT_ROWS;
	struct ipc_store_flags m = { .handle = h1, .op = STORE_ADD, .flags = STORE_SEEN,
	    .by_uid = true, .quiet = true, .unchanged_since = UINT64_MAX };
	struct ipc_store_selected s;
	unsigned char set[8];
	struct ipc_reader rd;
	struct bed_reply *r;
	struct ipc_row row;

	(void)state;
	world_fill_archive(slice + 1);
	world_flag("Archive", 7, 7, STORE_ADD, STORE_FLAGGED);
	s = world_selected(imapd, h1, "Archive");
	m.mailbox = s.mailbox;
	m.v = s.modseq;
	m.uidnext = s.uidnext;
	m.unchanged_since = s.modseq - 1;
	m.set = world_pair(set, 1, STORE_STAR);
	r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
	assert_reply(r, store_rows);
	assert_true(r->m.store_rows.more);
	assert_int_equal(r->m.store_rows.resume, slice);
	assert_true(r->m.store_rows.before == s.modseq);
	assert_true(r->m.store_rows.modseq > s.modseq);
	rd = ipc_reader_of(r->m.store_rows.rows);
	ipc_row_get(&rd, &row);
	assert_int_equal(row.uid, 7);
	assert_int_equal(row.flags, STORE_FLAGGED | STORE_CONFLICT);
	assert_false(ipc_reader_more(&rd));
	m.resume = slice;
	s.modseq = r->m.store_rows.modseq;
	r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
	assert_reply(r, store_rows);
	assert_false(r->m.store_rows.more);
	assert_int_equal(r->m.store_rows.resume, slice + 1);
	assert_int_equal(r->m.store_rows.rows.n, 0);
	assert_true(r->m.store_rows.before == s.modseq);
}

static void
test_recent(void **state)
{
	uint32_t second = bed_login(&bed, imapd, 1);
	struct ipc_store_select ex = { h1, true, SLICE_LIT("INBOX") };
	struct ipc_store_status st = { .handle = h1, .name = SLICE_LIT("INBOX") };
	struct ipc_store_selected s;
	struct bed_reply *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", i == 0 ? STORE_SEEN : 0,
		    SLICE_LIT("x")), store_appended);
	r = bed_call(&bed, imapd, IPC_MSG_store_status, &st);
	assert_int_equal(r->m.store_status_reply.recent, 3);
	assert_int_equal(r->m.store_status_reply.unseen, 2);
	assert_int_equal(r->m.store_status_reply.size_bytes, 300);
	/* EXAMINE looks, SELECT takes. */
	r = bed_call(&bed, imapd, IPC_MSG_store_select, &ex);
	assert_int_equal(r->m.store_selected.recent, 3);
	s = world_selected(imapd, h1, "INBOX");
	assert_int_equal(s.recent, 3);
	assert_int_equal(s.recent_uid, 1);
	assert_int_equal(s.first_unseen, 2);
	bed_turn(&bed);
	bed_checkpoint(&bed);
	commit_checkpoint(bed.store.commit);
	bed_settle(&bed);
	for (unsigned i = 0; i < 300 && world_selected(imapd, second, "INBOX").recent != 0; i++)
		bed_turn(&bed);
	assert_int_equal(world_selected(imapd, second, "INBOX").recent, 0);
}

/* What is new is \Recent for who says that it claims it, also behind an IDLE. */
static void
test_claims(void **state)
{
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	struct ipc_store_sync sync = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .r = s.modseq, .uidnext = s.uidnext, .expunges = true };
	struct ipc_store_watch watch = { .handle = h1, .mailbox = s.mailbox };

	(void)state;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &watch);
	watch.mailbox = 0;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &watch);
	world_fill("INBOX", 0, 1);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_sync, &sync), store_changes);
	assert_int_equal(bed.reply.m.store_changes.recent_uid, 0);
	sync.claims = true;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_sync, &sync), store_changes);
	assert_int_equal(bed.reply.m.store_changes.recent_uid, s.uidnext);
}

static void
test_notify(void **state)
{
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	struct ipc_store_watch w = { .handle = h1, .mailbox = s.mailbox };

	(void)state;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 1);
	assert_int_equal(bed.last_notify.handle, h1);
	assert_true(bed.last_notify.modseq > s.modseq);
	/* Another mailbox, another account, and no more when told so. */
	assert_reply(bed_append(&bed, deliver, 0, 1, "Junk", 0, SLICE_LIT("x")), store_appended);
	assert_reply(bed_append(&bed, deliver, 0, 2, "INBOX", 0, SLICE_LIT("x")), store_appended);
	w.mailbox = 0;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("x")), store_appended);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 1);
}

static uint64_t
append_threaded(const char *id, const char *refs)
{
	struct ipc_store_append m;
	struct ipc_store_selected s;
	struct ipc_store_fetch f = { .handle = h1, .want = STORE_WANT_COLD };
	unsigned char set[8];
	struct ipc_reader rd;
	struct bed_reply *r;
	struct ipc_cold cold;
	struct ipc_row row;

	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.message_id = slice_str(id);
	m.references = slice_str(refs);
	assert_reply(bed_call(&bed, deliver, IPC_MSG_store_append, &m), store_appended);
	s = world_selected(imapd, h1, "INBOX");
	f.mailbox = s.mailbox;
	f.v = s.modseq;
	f.uidnext = s.uidnext;
	f.set = world_pair(set, STORE_STAR, STORE_STAR);
	r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &f);
	rd = ipc_reader_of(r->m.store_rows.rows);
	ipc_row_get(&rd, &row);
	ipc_cold_get(&rd, &cold);
	return cold.thread;
}

static void
test_threads(void **state)
{
	uint64_t a, b;

	(void)state;
	a = append_threaded("aaaaaaaa", "");
	b = append_threaded("bbbbbbbb", "");
	assert_true(a != b);
	assert_true(append_threaded("cccccccc", "aaaaaaaa") == a);
	assert_true(append_threaded("dddddddd", "unknown1cccccccc") == a);
	/* The parent comes late. */
	assert_true(append_threaded("unknown1", "") == a);
	assert_true(append_threaded("eeeeeeee", "bbbbbbbb") == b);
}

/* ---- account and mailbox removal ---- */

static uint64_t
index_entries(void)
{
	struct kv_key at = record_key(0, '\xff'), found;
	struct kv_txn *t;
	struct slice v;
	uint64_t n = 0;

	for (unsigned i = 0; i < kv_shard_count(bed.store.kv); i++) {
		at = record_key(0, '\xff');
		assert_int_equal(kv_begin_shard(bed.store.kv, i, KV_READ, &t), ERR_OK);
		while (kv_find(t, KV_GT, &at, 0, &found, &v) == ERR_OK) {
			n += dec_be64(found.b) == 5;
			at = found;
		}
		kv_end(&t);
	}
	return n;
}

static void
test_account_gone(void **state)
{
	struct ipc_fact_account_gone g = { 5 };
	struct blob_stat before, after;

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		assert_reply(bed_append(&bed, deliver, 0, 5, "INBOX", 0, SLICE_LIT("body")),
		    store_appended);
	assert_true(index_entries() > 50);
	blob_stat(bed.store.blob, &before);
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &g);
	/* Its record went first: what is left of an account is no fault. */
	bed_check(&bed);
	assert_true(index_entries() > 50);
	sweep_start(&bed.store);
	sweep_wanted(&bed.store);
	for (unsigned i = 0; i < 1000 && index_entries() > 0; i++)
		bed_turn(&bed);
	assert_int_equal(index_entries(), 0);
	blob_stat(bed.store.blob, &after);
	assert_int_equal(before.records - after.records, 50 + 1);	/* and the epoch */
	assert_fail(bed_append(&bed, deliver, 0, 5, "INBOX", 0, SLICE_LIT("x")), ERR_NOTFOUND);
	sweep_stop(&bed.store);
}

/* ---- the mark pass ---- */

static void
sweep_until(uint64_t records)
{
	struct blob_stat st;

	sweep_start(&bed.store);
	sweep_wanted(&bed.store);
	for (unsigned i = 0; i < 2000; i++) {
		bed_turn(&bed);
		blob_stat(bed.store.blob, &st);
		if (st.records == records && i > 300)
			break;
	}
	sweep_stop(&bed.store);
	bed_settle(&bed);
	assert_int_equal(st.records, records);
}

static void
delete_and_expunge(uint32_t first, uint32_t last)
{
	struct ipc_store_selected s = world_selected(imapd, h1, "INBOX");
	unsigned char set[8];
	struct ipc_store_flags f = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .op = STORE_ADD, .flags = STORE_DELETED,
	    .unchanged_since = UINT64_MAX, .set = world_pair(set, first, last) };
	struct ipc_store_expunge e = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext };

	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_flags, &f), store_rows);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_expunge, &e), store_expunged);
}

static void
test_mark(void **state)
{
	struct ipc_store_selected s;
	unsigned char set[8];
	struct ipc_store_copy c = { .handle = h1, .to = SLICE_LIT("Archive") };
	struct ipc_store_delete d = { h1, SLICE_LIT("Archive") };
	struct ipc_store_fetch f = { .handle = h1 };

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("body")),
		    store_appended);
	s = world_selected(imapd, h1, "INBOX");
	c.mailbox = s.mailbox;
	c.v = s.modseq;
	c.uidnext = s.uidnext;
	c.set = world_pair(set, 1, 100);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &c), store_copied);
	/* Within the window nothing goes. */
	bed.store.undelete_s = 1000;
	delete_and_expunge(51, 150);
	sweep_until(300 + 1);
	bed_check(&bed);
	/* Past it: 101 to 150 have no other row. */
	bed.store.undelete_s = 0;
	delete_and_expunge(151, 151);
	sweep_until(300 + 1);
	/* The due time was set under the old window: a removed mailbox is due at once. */
	simple(IPC_MSG_store_delete, &d);
	sweep_until(300 - 51 - 50 + 1);		/* the epoch stays */
	bed_check(&bed);
	/* A view from before cannot be told any more what vanished. */
	f.mailbox = s.mailbox;
	f.v = s.modseq;
	f.uidnext = s.uidnext;
	f.set = world_pair(set, 1, STORE_STAR);
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_fetch, &f), ERR_STATE);
	world_reopen(true);
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, 300 - 101);
}

/* An answer stands in the slot that was asked for, and in no other. */
static void
test_window(void **state)
{
	static const unsigned char zero[STORE_WINDOW_SLOT_BYTES];
	static char body[40000];
	struct ipc_store_read m = { .handle = h1, .bytes = 30000 };
	struct ipc_content c;
	struct ipc_cold cold;

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 31 + i / 256);
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, slice_of(body, sizeof(body))),
	    store_appended);
	(void)first_row(imapd, h1, "INBOX", &cold, &c);
	m.content = c.content;
	assert_non_null(imapd->window);
	for (m.slot = 1; m.slot <= STORE_WINDOW_SLOTS; m.slot += STORE_WINDOW_SLOTS - 1) {
		const unsigned char *at = imapd->window +
		    (m.slot - 1) * (size_t)STORE_WINDOW_SLOT_BYTES;

		m.offset = 0;
		assert_reply(bed_call(&bed, imapd, IPC_MSG_store_read, &m), store_data_at);
		assert_int_equal(bed.reply.m.store_data_at.bytes, 30000);
		assert_memory_equal(at, body, 30000);
		m.offset = 30000;
		assert_reply(bed_call(&bed, imapd, IPC_MSG_store_read, &m), store_data_at);
		assert_int_equal(bed.reply.m.store_data_at.bytes, sizeof(body) - 30000);
		assert_memory_equal(at, body + 30000, sizeof(body) - 30000);
	}
	assert_memory_equal(imapd->window + STORE_WINDOW_SLOT_BYTES, zero, sizeof(zero));
	m.slot = 1;
	m.content++;
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_read, &m), ERR_NOTFOUND);
	/* Each wire has its own, and there is none behind the last slot. */
	assert_memory_equal(other_imapd->window, zero, sizeof(zero));
	assert_null(deliver->window);
	m.slot = STORE_WINDOW_SLOTS + 1;
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_read, &m), imapd);
}

int
main(void)
{
#define T(name)	WORLD_TEST(name)
	const struct CMUnitTest tests[] = {
		T(test_append), T(test_once), T(test_descriptors), T(test_wrong_descriptors),
		T(test_malformed_appends), T(test_quota), T(test_full_disk), T(test_foreign_handle),
		T(test_forged_handle), T(test_foreign_account), T(test_foreign_mail),
		T(test_tokens), T(test_revoked_logout), T(test_rewrap), T(test_epoch_of_before),
		T(test_late_facts),
		T(test_bad_sets), T(test_mailboxes), T(test_mailbox_ids), T(test_uids), T(test_rename_inbox), T(test_to_client),
		T(test_names), T(test_mailbox_limit),
		T(test_unchanged_since), T(test_quiet), T(test_recent), T(test_claims), T(test_notify), T(test_threads),
		T(test_account_gone), T(test_mark), T(test_window),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
