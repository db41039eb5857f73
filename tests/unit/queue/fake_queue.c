/* SPDX-License-Identifier: ISC */
#include "tests/unit/queue/fake_queue.h"

#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/conf/conf_sections.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_compact.h"
#include "queue/queue_forget.h"
#include "queue/queue_recover.h"
#include "queue/queue_run.h"
#include "queue/queue_txn.h"

static const unsigned char token_key[32] = "the key of tokens in this test..";
static const unsigned char spool_key[32] = "the key of the spool in the test";

/* ---- the queue's ends ---- */

#define HANDLER(name, msg)						\
static void								\
on_##msg(struct ipc_peer *peer, const void *m, struct ipc_in *in)	\
{									\
	queue_txn_on_##name(&((struct fake *)ipc_peer_arg(peer))->q, peer, m, in); \
}
HANDLER(open, queue_open)
HANDLER(rcpt, queue_rcpt)
HANDLER(file, queue_file)
HANDLER(commit, queue_commit)
HANDLER(abort, queue_abort)

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_queue_open, on_queue_open },
	{ IPC_MSG_queue_rcpt, on_queue_rcpt },
	{ IPC_MSG_queue_file, on_queue_file },
	{ IPC_MSG_queue_commit, on_queue_commit },
	{ IPC_MSG_queue_abort, on_queue_abort },
	{ 0, NULL }
};
static const struct ipc_handler none[] = { { 0, NULL } };

static void
smtpd_gone(struct ipc_peer *peer, void *arg)
{
	struct fake *f = arg;
	unsigned i;

	for (i = 0; i < FAKE_SMTPDS; i++) {
		if (f->at_queue[i] == peer) {
			queue_txn_leave(&f->q, peer);
			ipc_peer_free(&f->at_queue[i]);
		} else if (f->smtpd[i] == peer)
			ipc_peer_free(&f->smtpd[i]);
	}
}

static void
deliver_gone(struct ipc_peer *peer, void *arg)
{
	struct fake *f = arg;

	if (peer == f->deliver)
		ipc_peer_free(&f->deliver);
	else if (peer == f->deliver_at_queue) {
		f->q.deliver_count = 0;
		ipc_peer_free(&f->deliver_at_queue);
	}
}

static void
store_gone(struct ipc_peer *peer, void *arg)
{
	(void)peer;
	(void)arg;
}

/* ---- deliver and store ---- */

static void
answer(struct fake *f, const struct fake_job *j, enum err e)
{
	struct ipc_deliver_result r = { .error = e, .dsn = SLICE_LIT("2.0.0"),
	    .text = SLICE_LIT("delivered") };
	struct ipc_deliver_done done;
	struct buf b;
	unsigned i;

	if (e != ERR_OK) {
		r.dsn = err_class(e) == ERR_CLASS_TEMP ? SLICE_LIT("4.3.0") : SLICE_LIT("5.2.2");
		r.text = SLICE_LIT("told so by the test");
	}
	buf_init(&b, 40000);
	for (i = 0; i < j->rcpt_count; i++) {
		r.idx = f->mode == FAKE_FOREIGN ? 12345 : j->idx[i];
		ipc_deliver_result_put(&b, &r);
	}
	done.results = buf_slice(&b);
	ipc_reply(f->deliver, j->id, IPC_MSG_deliver_done, &done);
	buf_fini(&b);
}

static void
read_body(struct fake_job *j, int fd, const struct ipc_deliver_job *m)
{
	struct chunkfile_reader *r;
	size_t n = m->size < sizeof(j->body) ? (size_t)m->size : sizeof(j->body);

	assert_true(fd >= 0);
	if (m->form == QUEUE_FORM_FILE) {
		assert_int_equal(m->key.n, CRY_KEY_BYTES);
		assert_int_equal(chunkfile_reader_new(&r, fd,
		    (const unsigned char *)m->key.p, m->size), ERR_OK);
		assert_int_equal(chunkfile_reader_get(r, 0, j->body, n), ERR_OK);
		chunkfile_reader_free(&r);
	} else
		assert_int_equal(pread(fd, j->body, n, 0), n);
	j->body_n = n;
}

static void
on_job(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct fake *f = ipc_peer_arg(peer);
	const struct ipc_deliver_job *m = msg;
	struct fake_job *j = &f->jobs[f->job_count++ % 64];
	struct ipc_reader r = ipc_reader_of(m->rcpts);
	struct ipc_deliver_rcpt rcpt;

	memset(j, 0, sizeof(*j));
	j->msg = m->msg;
	j->id = in->id;
	j->form = m->form;
	j->kind = m->kind;
	assert_true(slice_to_cstr(m->sender, j->sender, sizeof(j->sender)));
	while (ipc_reader_more(&r)) {
		ipc_deliver_rcpt_get(&r, &rcpt);
		assert_false(r.bad);
		assert_int_equal(rcpt.public_key.n, 32);
		assert_slice(rcpt.mailbox, "INBOX");
		if (j->rcpt_count == 0)
			assert_true(slice_to_cstr(rcpt.address, j->rcpt, sizeof(j->rcpt)));
		j->idx[j->rcpt_count++] = rcpt.idx;
	}
	read_body(j, in->fds[0], m);
	if (f->mode == FAKE_HOLD)
		return;
	if (f->mode == FAKE_OK && f->delivered != NULL)
		f->delivered(f, m->msg);
	answer(f, j, f->mode == FAKE_TEMP ? ERR_FULL : f->mode == FAKE_PERM ? ERR_QUOTA :
	    f->mode == FAKE_AWAY ? ERR_GONE : ERR_OK);
}

void
fake_answer_held(struct fake *f, unsigned job, enum err e)
{
	answer(f, &f->jobs[job], e);
}

static const struct ipc_handler deliver_handlers[] = {
	{ IPC_MSG_deliver_job, on_job },
	{ 0, NULL }
};

static void
on_forget(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct fake *f = ipc_peer_arg(peer);
	const struct ipc_store_forget *m = msg;
	size_t i;

	(void)in;
	for (i = 0; i + 8 <= m->msgs.n && f->forgotten_count < 1024; i += 8)
		f->forgotten[f->forgotten_count++] = dec_le64(m->msgs.p + i);
}

static const struct ipc_handler store_handlers[] = {
	{ IPC_MSG_store_forget, on_forget },
	{ 0, NULL }
};

void
fake_pair(struct fake *f, struct ipc_peer **at_queue, enum ipc_role role, uint32_t instance,
    const struct ipc_handler *queue_side, struct ipc_peer **outside,
    const struct ipc_handler *out_side, ipc_gone_fn *gone)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fds), 0);
	*at_queue = ipc_peer_new(f->loop, fds[0], role, instance, queue_side, gone, f);
	*outside = ipc_peer_new(f->loop, fds[1], IPC_QUEUE, 1, out_side, gone, f);
}

void
fake_join_deliver(struct fake *f)
{
	fake_pair(f, &f->deliver_at_queue, IPC_DELIVER, 200, none, &f->deliver,
	    deliver_handlers, deliver_gone);
	f->q.delivers[0] = f->deliver_at_queue;
	f->q.deliver_count = 1;
	queue_run_back(&f->q);
}

static bool
deliver_is_gone(struct fake *f)
{
	return f->deliver_at_queue == NULL;
}

void
fake_kill_deliver(struct fake *f)
{
	ipc_peer_free(&f->deliver);
	assert_true(fake_run_until(f, deliver_is_gone));
}

/* ---- facts ---- */

static void
fact(struct fake *f, uint64_t id, const char *address, bool enabled)
{
	static const unsigned char public_key[32] = "a public key for the test.......";
	const struct ipc_fact_account a = { .account = id, .address = slice_str(address),
	    .public_key = slice_of(public_key, 32), .key_generation = 1, .sealing = 1,
	    .enabled = enabled };

	assert_int_equal(queue_resolve_account(&f->q.resolver, &a), ERR_OK);
}

void
fake_facts(struct fake *f)
{
	queue_resolve_begin(&f->q.resolver, 1);
	fact(f, FAKE_ALICE, "alice@example.test", true);
	fact(f, FAKE_BOB, "bob@example.test", true);
	fact(f, FAKE_CAROL, "carol@example.test", false);
	queue_resolve_end(&f->q.resolver, 1);
	assert_int_equal(queue_seal_add_key(&f->q.keys, 1, slice_of(spool_key, 32)), ERR_OK);
	f->q.keys.current = 1;
	assert_int_equal(token_gate_key(&f->q.tokens, slice_of(token_key, 32)), ERR_OK);
	queue_run_arm(&f->q);
}

void
fake_token(struct fake *f, uint64_t account, uint32_t instance, unsigned char out[TOKEN_BYTES])
{
	uint64_t now = loop_real_ms(f->loop) / 1000;
	const struct token t = { .scope = TOKEN_SUBMIT, .instance = instance,
	    .account = account, .issued_s = now, .expires_s = now + 1000, .random = 1 };

	token_make(out, &t, token_key);
}

/* ---- life ---- */

static void
on_wake(void *arg)
{
	queue_flush_collect(((struct queue *)arg)->flush);
}

static void
wake(void *arg)
{
	loop_wake_send(((struct queue *)arg)->wake);
}

static void
start_queue(struct fake *f, bool with_facts)
{
	struct queue *q = &f->q;
	unsigned i;

	queue_core_init(q, f->loop, f->dir.fd, f->dir.path);
	q->hostname = "mx.example.test";
	queue_resolve_set(&q->resolver, q->hostname, "", "+");
	queue_resolve_add_domain(&q->resolver, &(struct queue_domain_conf){
	    .name = "example.test", .class = CONF_CLASS_MAILBOX, .target = "" });
	queue_recover_run(q);
	q->flush = queue_flush_new(q->dir, q->table.last_number);
	q->wake = loop_wake_new(q->loop, on_wake, q);
	queue_flush_start(q->flush, wake, q);
	if (with_facts)
		fake_facts(f);
	for (i = 0; i < FAKE_SMTPDS; i++) {
		fake_pair(f, &f->at_queue[i], i == FAKE_CMTPD ? IPC_CMTPD : IPC_SMTPD, FAKE_INSTANCE + i, queue_handlers,
		    &f->smtpd[i], none, smtpd_gone);
		queue_txn_join(q, f->at_queue[i]);
	}
	fake_pair(f, &f->store_at_queue, IPC_STORE, 300, none, &f->store, store_handlers,
	    store_gone);
	q->store = f->store_at_queue;
	fake_join_deliver(f);
}

static void
stop_queue(struct fake *f)
{
	struct queue *q = &f->q;
	unsigned i;

	if (f->stopping != NULL)
		f->stopping(f);
	ipc_peer_free(&f->deliver);
	ipc_peer_free(&f->deliver_at_queue);
	ipc_peer_free(&f->store);
	ipc_peer_free(&f->store_at_queue);
	q->store = NULL;
	q->deliver_count = 0;
	for (i = 0; i < FAKE_SMTPDS; i++) {
		ipc_peer_free(&f->smtpd[i]);
		if (f->at_queue[i] != NULL)
			queue_txn_leave(q, f->at_queue[i]);
		ipc_peer_free(&f->at_queue[i]);
	}
	q->is_draining = true;
	fake_run_ms(f, 30);
	while (q->works > 0)
		fake_run_ms(f, 5);
	queue_flush_stop(q->flush);
	queue_flush_collect(q->flush);
	fake_run_ms(f, 10);
	queue_flush_free(&q->flush);
	loop_wake_free(&q->wake);
	queue_core_fini(q);
	memset(q, 0, sizeof(*q));
}

static void
on_guard(void *arg)
{
	struct fake *f = arg;

	f->timed_out = true;
	loop_stop(f->loop);
}

static void
on_poll(void *arg)
{
	struct fake *f = arg;

	if (f->until(f))
		loop_stop(f->loop);
	else
		timer_set(&f->poll, loop_now(f->loop) + 1);
}

static void
start_loop(struct fake *f)
{
	f->loop = loop_new();
	loop_start_threads(f->loop, 2);
	timer_init(&f->guard, f->loop, on_guard, f);
	timer_init(&f->poll, f->loop, on_poll, f);
}

void
fake_start(struct fake *f, bool with_facts)
{
	memset(f, 0, sizeof(*f));
	spool_dir_make(&f->dir);
	start_loop(f);
	start_queue(f, with_facts);
}

void
fake_start_in(struct fake *f, const char *path)
{
	spool_dir_open(&f->dir, path);
	start_loop(f);
	start_queue(f, true);
}

void
fake_stop(struct fake *f)
{
	stop_queue(f);
	timer_stop(&f->guard);
	timer_stop(&f->poll);
	loop_free(&f->loop);
	spool_dir_remove(&f->dir);
}

void
fake_restart(struct fake *f, bool orderly)
{
	struct spool_dir copy;
	uint64_t *numbers;
	size_t i, count;
	char name[QUEUE_SEGMENT_NAME];
	struct buf b;

	if (!orderly) {
		/* What is on disk at this instant. */
		spool_dir_make(&copy);
		assert_int_equal(queue_segment_list(f->dir.fd, &numbers, &count), ERR_OK);
		for (i = 0; i < count; i++) {
			queue_segment_name(name, numbers[i]);
			buf_init(&b, 100u << 20);
			spool_dir_read(&f->dir, name, &b);
			spool_dir_write(&copy, name, buf_data(&b), b.n);
			buf_fini(&b);
		}
		free(numbers);
	}
	stop_queue(f);
	if (!orderly) {
		spool_dir_remove(&f->dir);
		f->dir = copy;
	}
	f->job_count = 0;
	start_queue(f, true);
}

void
fake_run_ms(struct fake *f, uint64_t ms)
{
	timer_set(&f->guard, loop_now(f->loop) + ms);
	loop_run(f->loop);
	timer_stop(&f->guard);
}

bool
fake_run_until(struct fake *f, bool (*until)(struct fake *))
{
	f->until = until;
	f->timed_out = false;
	timer_set(&f->guard, loop_now(f->loop) + 5000);
	timer_set(&f->poll, loop_now(f->loop));
	loop_run(f->loop);
	timer_stop(&f->guard);
	timer_stop(&f->poll);
	return !f->timed_out;
}

/* ---- the smtpds' calls ---- */

struct call {
	struct fake		*f;
	struct fake_answer	 a;
};

static void
on_reply(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct call *c = arg;
	const struct ipc_queue_refused *r = msg;

	c->a.done = true;
	c->a.error = e;
	c->a.type = type;
	c->a.fd = -1;
	if (type == IPC_MSG_queue_opened)
		c->a.msg = ((const struct ipc_queue_opened *)msg)->msg;
	if (type == IPC_MSG_queue_rcpt_ok) {
		const struct ipc_queue_rcpt_ok *ok = msg;

		c->a.class = ok->class;
		c->a.key_generation = ok->key_generation;
		c->a.public_key_n = ok->public_key.n;
	}
	if (type == IPC_MSG_queue_file_ok)
		c->a.fd = ipc_take_fd(in, 0);
	if (type == IPC_MSG_queue_refused) {
		c->a.refused = r->error;
		assert_true(slice_to_cstr(r->dsn, c->a.dsn, sizeof(c->a.dsn)));
		assert_true(slice_to_cstr(r->text, c->a.text, sizeof(c->a.text)));
	}
	loop_stop(c->f->loop);
}

static struct fake_answer
call(struct fake *f, unsigned smtpd, enum ipc_type type, const void *m, const int *fds,
    unsigned n)
{
	struct call c = { .f = f };

	if (f->smtpd[smtpd] == NULL || ipc_call(f->smtpd[smtpd], type, m, fds, n, UINT64_MAX,
	    on_reply, &c, NULL) != ERR_OK) {
		c.a.error = ERR_GONE;
		return c.a;
	}
	f->timed_out = false;
	timer_set(&f->guard, loop_now(f->loop) + 5000);
	while (!c.a.done && !f->timed_out)
		loop_run(f->loop);
	timer_stop(&f->guard);
	assert_false(f->timed_out);
	return c.a;
}

struct fake_answer
fake_open(struct fake *f, unsigned smtpd, const char *sender, uint8_t flags,
    struct slice token)
{
	const struct ipc_queue_open m = { .session = 1, .flags = flags,
	    .sender = slice_str(sender), .client = SLICE_LIT("192.0.2.1"),
	    .helo = SLICE_LIT("client.example"), .token = token };

	return call(f, smtpd, IPC_MSG_queue_open, &m, NULL, 0);
}

struct fake_answer
fake_open_kind(struct fake *f, unsigned smtpd, uint8_t kind)
{
	const struct ipc_queue_open m = { .session = 1, .kind = kind,
	    .sender = SLICE_LIT("x@y.example") };

	return call(f, smtpd, IPC_MSG_queue_open, &m, NULL, 0);
}

struct fake_answer
fake_open_sized(struct fake *f, unsigned smtpd, uint64_t size)
{
	const struct ipc_queue_open m = { .session = 1, .size = size };

	return call(f, smtpd, IPC_MSG_queue_open, &m, NULL, 0);
}

struct fake_answer
fake_rcpt(struct fake *f, unsigned smtpd, uint64_t msg, const char *rcpt)
{
	const struct ipc_queue_rcpt m = { .msg = msg, .rcpt = slice_str(rcpt) };

	return call(f, smtpd, IPC_MSG_queue_rcpt, &m, NULL, 0);
}

struct fake_answer
fake_rcpt_with(struct fake *f, unsigned smtpd, const struct ipc_queue_rcpt *m)
{
	return call(f, smtpd, IPC_MSG_queue_rcpt, m, NULL, 0);
}

struct fake_answer
fake_file(struct fake *f, unsigned smtpd, uint64_t msg)
{
	const struct ipc_queue_file m = { .msg = msg };

	return call(f, smtpd, IPC_MSG_queue_file, &m, NULL, 0);
}

struct fake_answer
fake_commit(struct fake *f, unsigned smtpd, uint64_t msg, uint8_t form, uint64_t size,
    int fd, struct slice key)
{
	const struct ipc_queue_commit m = { .msg = msg, .form = form, .size = size,
	    .message_id = SLICE_LIT("<1@client.example>"), .key = key };

	return call(f, smtpd, IPC_MSG_queue_commit, &m, &fd, fd >= 0 ? 1 : 0);
}

void
fake_abort(struct fake *f, unsigned smtpd, uint64_t msg)
{
	const struct ipc_queue_abort m = { .msg = msg };

	assert_int_equal(ipc_send(f->smtpd[smtpd], IPC_MSG_queue_abort, &m, NULL, 0), ERR_OK);
}

int
fake_memfd(const char *text, bool sealed)
{
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	if (sealed)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		    F_SEAL_WRITE | F_SEAL_SEAL), 0);
	return fd;
}

static uint64_t
send_it(struct fake *f, struct fake_answer opened, const char *rcpt, const char *text)
{
	struct fake_answer a;
	int fd = fake_memfd(text, true);

	assert_int_equal(opened.type, IPC_MSG_queue_opened);
	a = fake_rcpt(f, 0, opened.msg, rcpt);
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	a = fake_commit(f, 0, opened.msg, QUEUE_FORM_MEMFD, strlen(text), fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	close(fd);
	return opened.msg;
}

uint64_t
fake_send(struct fake *f, const char *sender, const char *rcpt, const char *text)
{
	return send_it(f, fake_open(f, 0, sender, 0, SLICE_NONE), rcpt, text);
}

uint64_t
fake_submit(struct fake *f, const char *rcpt, const char *text)
{
	unsigned char token[TOKEN_BYTES];

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	return send_it(f, fake_open(f, 0, "alice@example.test", QUEUE_SUBMISSION,
	    slice_of(token, sizeof(token))), rcpt, text);
}
