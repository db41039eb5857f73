/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/store_bed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/pulse.h"
#include "lib/sys/window.h"
#include "store/store_check.h"
#include "store/store_compact.h"
#include "store/store_daemon.h"
#include "store/store_news.h"
#include "store/store_pulse.h"
#include "store/store_sweep.h"
#include "tests/unit/test.h"

#define CALL_MS		20000

static const unsigned char token_key[32] = { 7 };

static struct store *the_store;

struct store *
store_of(struct ipc_peer *peer)
{
	(void)peer;
	return the_store;
}

static const struct ipc_handler *
handlers_of(enum ipc_role role)
{
	if (role == IPC_DELIVER)
		return store_deliver_handlers;
	if (role == IPC_IMAPD)
		return store_imapd_handlers;
	if (role == IPC_QUEUE)
		return store_queue_handlers;
	return store_keyd_handlers;
}

static void
on_notify(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct bed_peer *p = ipc_peer_arg(peer);

	(void)in;
	p->bed->notified++;
	p->bed->last_notify = *(const struct ipc_store_notify *)m;
}

static void
on_entries(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct bed *b = ((struct bed_peer *)ipc_peer_arg(peer))->bed;
	const struct ipc_store_notify_metadata *m = msg;
	struct slice rest = m->names, one;
	size_t at = strlen(b->entries);

	(void)in;
	at += (size_t)snprintf(b->entries + at, sizeof(b->entries) - at, "%llu",
	    (unsigned long long)m->mailbox);
	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &one);
		at += (size_t)snprintf(b->entries + at, sizeof(b->entries) - at, " %.*s",
		    SLICE_FMT(one));
	}
	(void)snprintf(b->entries + at, sizeof(b->entries) - at, ";");
}

static void
on_over(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct bed *b = ((struct bed_peer *)ipc_peer_arg(peer))->bed;
	const struct ipc_store_over *m = msg;
	unsigned at;

	(void)in;
	b->over_told++;
	if (m->what == STORE_OVER_NONE)
		b->over_n = b->over_domains = 0;
	for (size_t i = 0; i < m->accounts.n; i += 8) {
		for (at = 0; at < b->over_n && b->over[at] != dec_le64(m->accounts.p + i); at++)
			;
		if (m->what == STORE_OVER_NOT_THESE && at < b->over_n)
			b->over[at] = b->over[--b->over_n];
		else if (m->what == STORE_OVER_THESE && at == b->over_n && at < BED_OVER)
			b->over[b->over_n++] = dec_le64(m->accounts.p + i);
	}
	if (m->domains.n > 0)
		b->over_domains += m->what == STORE_OVER_THESE ? 1u : -1u;
}

static void
on_rekey(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct bed *b = ((struct bed_peer *)ipc_peer_arg(peer))->bed;

	if (b->on_rekey != NULL)
		b->on_rekey(peer, m, in);
}

static void
on_window(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct bed_peer *p = ipc_peer_arg(peer);
	const struct ipc_store_window *m = msg;

	assert_int_equal(p->role, IPC_IMAPD);
	assert_int_equal(m->slots, STORE_WINDOW_SLOTS);
	assert_int_equal(in->fd_count, 1);
	assert_null(p->window);
	assert_int_equal(window_open(in->fds[0], STORE_WINDOW_BYTES, &p->window), ERR_OK);
}

static void
on_pulse(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct bed_peer *p = ipc_peer_arg(peer);
	const struct ipc_store_pulse *m = msg;

	assert_int_equal(p->role, IPC_IMAPD);
	assert_int_equal(m->counters, PULSE_COUNT);
	assert_int_equal(in->fd_count, 1);
	assert_null(p->pulse);
	assert_int_equal(window_open(in->fds[0], PULSE_BYTES, &p->pulse), ERR_OK);
}

static const struct ipc_handler far_handlers[] = {
	{ IPC_MSG_store_pulse, on_pulse },
	{ IPC_MSG_store_window, on_window },
	{ IPC_MSG_epoch_rekey, on_rekey },
	{ IPC_MSG_store_over, on_over },
	{ IPC_MSG_store_notify, on_notify },
	{ IPC_MSG_store_notify_metadata, on_entries },
	{ 0, NULL }
};

static void
near_gone(struct ipc_peer *peer, void *arg)
{
	struct bed_peer *p = arg;

	store_left(&p->bed->store, peer);
	ipc_peer_free(&p->near);
	p->is_gone = true;
}

static void
far_gone(struct ipc_peer *peer, void *arg)
{
	struct bed_peer *p = arg;

	(void)peer;
	ipc_peer_free(&p->far);
	p->is_gone = true;
}

/* ---- life ---- */

void
bed_init(struct bed *b, unsigned shards)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "%s/store-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	b->shards = shards;
	b->segment_bytes = 1u << 20;
	buf_init(&b->reply.bytes, 70000);
	b->reply.fd = -1;
	b->next_msg = 1;
	bed_open(b);
}

void
bed_open(struct bed *b)
{
	struct buf why;
	enum err e;

	b->dir_fd = open(b->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->dir_fd >= 0);
	assert_int_equal(fchdir(b->dir_fd), 0);
	b->loop = loop_new();
	memset(&b->store, 0, sizeof(b->store));
	store_init(&b->store, b->loop);
	b->store.dir_fd = b->dir_fd;
	b->store.mailbox_limit = 200;
	b->store.undelete_s = 0;
	b->store.compact_percent = 40;
	buf_init(&why, 500);
	e = commit_open(&b->store.commit, b->loop, b->dir_fd, b->shards, b->segment_bytes, &why);
	if (e != ERR_OK)
		fail_msg("commit_open: %s: %s", err_text(e), buf_cstr(&why));
	buf_fini(&why);
	b->store.kv = commit_kv(b->store.commit);
	b->store.blob = commit_blob(b->store.commit);
	store_pulse_open(&b->store);
	commit_on_batch(b->store.commit, store_tell, &b->store);
	the_store = &b->store;
	memset(b->epoch, 0, sizeof(b->epoch));
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

void
bed_turn(struct bed *b)
{
	struct timer t;

	timer_init(&t, b->loop, stop, b->loop);
	timer_set(&t, loop_now(b->loop) + 3);
	loop_run(b->loop);
	timer_stop(&t);
}

void
bed_settle(struct bed *b)
{
	for (unsigned i = 0; i < 5000 && (i < 2 || !commit_is_idle(b->store.commit)); i++)
		bed_turn(b);
	assert_true(commit_is_idle(b->store.commit));
}

void
bed_leave(struct bed *b, struct bed_peer *p)
{
	if (p->near != NULL) {
		store_left(&b->store, p->near);
		ipc_peer_free(&p->near);
	}
	if (p->far != NULL)
		ipc_peer_free(&p->far);
	window_close(&p->window, STORE_WINDOW_BYTES);
	window_close(&p->pulse, PULSE_BYTES);
}

void
bed_crash(struct bed *b)
{
	for (unsigned i = 0; i < b->peer_n; i++)
		bed_leave(b, &b->peers[i]);
	b->peer_n = 0;
	sweep_stop(&b->store);
	compact_stop(&b->store);
	commit_close(&b->store.commit);
	store_fini(&b->store);
	loop_free(&b->loop);
	close(b->dir_fd);
}

static void
drained(void *arg)
{
	*(bool *)arg = true;
}

void
bed_close(struct bed *b)
{
	bool done = false;

	commit_drain(b->store.commit, drained, &done);
	while (!done)
		bed_turn(b);
	bed_crash(b);
}

void
bed_fini(struct bed *b)
{
	char command[100];

	bed_crash(b);
	buf_fini(&b->reply.bytes);
	if (b->reply.fd >= 0)
		close(b->reply.fd);
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	assert_int_equal(system(command), 0);
}

void
bed_checkpoint(struct bed *b)
{
	bed_settle(b);
	commit_checkpoint(b->store.commit);
	bed_settle(b);
}

struct bed_peer *
bed_peer(struct bed *b, enum ipc_role role, uint32_t instance)
{
	struct bed_peer *p = &b->peers[b->peer_n++];
	int fds[2];

	assert_true(b->peer_n <= BED_PEERS);
	memset(p, 0, sizeof(*p));
	p->bed = b;
	p->role = role;
	p->instance = instance;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	p->near = ipc_peer_new(b->loop, fds[0], role, instance, handlers_of(role), near_gone, p);
	p->far = ipc_peer_new(b->loop, fds[1], IPC_STORE, 99, far_handlers, far_gone, p);
	store_joined(&b->store, p->near);
	return p;
}

/* ---- calls ---- */

static void
on_reply(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct bed *b = arg;
	const struct ipc_type_row *row = ipc_type_find(type);
	struct ipc_reader r;

	b->has_reply = true;
	b->reply.e = e;
	b->reply.type = type;
	buf_reset(&b->reply.bytes);
	if (e == ERR_OK) {
		/* The message ends with this callback: keep a copy of its bytes. */
		row->put(&b->reply.bytes, m);
		r = ipc_reader_of(buf_slice(&b->reply.bytes));
		row->get(&r, &b->reply.m);
		if (in != NULL && in->fd_count > 0)
			b->reply.fd = ipc_take_fd(in, 0);
	}
	loop_stop(b->loop);
}

struct bed_reply *
bed_call_fd(struct bed *b, struct bed_peer *p, enum ipc_type type, const void *m, int fd)
{
	assert_non_null(p->far);
	b->has_reply = false;
	if (b->reply.fd >= 0)
		close(b->reply.fd);
	b->reply.fd = -1;
	assert_int_equal(ipc_call(p->far, type, m, &fd, fd >= 0 ? 1 : 0,
	    loop_now(b->loop) + CALL_MS, on_reply, b, NULL), ERR_OK);
	while (!b->has_reply)
		loop_run(b->loop);
	return &b->reply;
}

struct bed_reply *
bed_call(struct bed *b, struct bed_peer *p, enum ipc_type type, const void *m)
{
	return bed_call_fd(b, p, type, m, -1);
}

void
bed_send(struct bed *b, struct bed_peer *p, enum ipc_type type, const void *m)
{
	assert_int_equal(ipc_send(p->far, type, m, NULL, 0), ERR_OK);
	bed_turn(b);
}

/* ---- keyd ---- */

void
bed_accounts(struct bed *b, struct bed_peer *keyd)
{
	struct ipc_token_key tk = { slice_of(token_key, sizeof(token_key)) };
	struct ipc_fact_account f = { 0 };
	unsigned char pub[32] = { 1 };
	char address[40];

	bed_send(b, keyd, IPC_MSG_token_key, &tk);
	for (uint64_t i = 1; i <= BED_ACCOUNTS; i++) {
		snprintf(address, sizeof(address), "user%u@example.test", (unsigned)i);
		f = (struct ipc_fact_account){ i, slice_str(address), slice_of(pub, 32), 1, 1,
		    true, 0 };
		bed_send(b, keyd, IPC_MSG_fact_account, &f);
	}
	bed_settle(b);
}

void
bed_token(unsigned char out[64], uint64_t account, uint32_t instance)
{
	struct token t = { TOKEN_MAIL, instance, account, 1000, 1ull << 40, 5 };

	token_make(out, &t, token_key);
}

uint32_t
bed_login(struct bed *b, struct bed_peer *imapd, uint64_t account)
{
	unsigned char token[64] = { 0 };
	struct ipc_store_login m = { slice_of(token, sizeof(token)) };
	struct bed_reply *r;

	bed_token(token, account, imapd->instance);
	r = bed_call(b, imapd, IPC_MSG_store_login, &m);
	assert_int_equal(r->e, ERR_OK);
	assert_int_equal(r->type, IPC_MSG_store_session);
	assert_true(r->m.store_session.account == account);
	return r->m.store_session.handle;
}

/* ---- appends ---- */

void
bed_append_fill(struct bed *b, struct bed_peer *p, uint32_t handle, uint64_t account,
    struct ipc_store_append *m)
{
	static const char bytes[96] = "epoch data";
	struct ipc_store_epoch em = { handle, account };
	struct bed_reply *r;

	if (b->epoch[account] == 0 || b->next_content[account] == b->end_content[account]) {
		r = bed_call(b, p, IPC_MSG_store_epoch, &em);
		assert_int_equal(r->type, IPC_MSG_store_epoch_ok);
		b->epoch[account] = r->m.store_epoch_ok.epoch;
		b->next_content[account] = r->m.store_epoch_ok.first_content;
		b->end_content[account] = b->next_content[account] + r->m.store_epoch_ok.count;
	}
	memset(m, 0, sizeof(*m));
	m->handle = handle;
	m->account = account;
	m->msg = handle == 0 ? b->next_msg++ << 22 : 0;
	m->rcpt = account;
	m->mailbox = SLICE_LIT("INBOX");
	m->internal_s = 1700000000;
	m->size = 100;
	m->content = b->next_content[account]++;
	m->epoch = b->epoch[account];
	m->generation = 1;
	m->epoch_data = slice_of(bytes, sizeof(bytes));
	m->commitment = slice_of(bytes, 32);
	m->wrapped = slice_of(bytes, 60);
	m->summary = SLICE_LIT("summary");
	m->body = SLICE_LIT("body");
}

struct bed_reply *
bed_append(struct bed *b, struct bed_peer *p, uint32_t handle, uint64_t account,
    const char *mailbox, uint32_t flags, struct slice body)
{
	struct ipc_store_append m;

	bed_append_fill(b, p, handle, account, &m);
	m.mailbox = slice_str(mailbox);
	m.flags = flags;
	m.body = body;
	return bed_call(b, p, IPC_MSG_store_append, &m);
}

/* ---- checking ---- */

void
bed_check(struct bed *b)
{
	struct buf out;
	struct check c = { .store = &b->store, .with_bodies = true, .out = &out };
	uint64_t account;

	bed_settle(b);
	buf_init(&out, 20000);
	for (unsigned i = 0; i < kv_shard_count(b->store.kv); i++) {
		account = 0;
		while (check_next_account(&b->store, i, account, &account) == ERR_OK)
			check_account(&c, account);
	}
	if (c.faults > 0)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
}
