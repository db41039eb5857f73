/* SPDX-License-Identifier: ISC */
#include "tests/unit/queue/fake_relay.h"

#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "lib/ipc/queue_proto.h"
#include "queue/queue_relay.h"

static const struct ipc_handler none[] = { { 0, NULL } };

static struct fake_relays *
relays_of(struct fake *f)
{
	return f->more;
}

static unsigned
index_of(struct fake_relays *r, const struct ipc_peer *peer)
{
	unsigned i;

	for (i = 0; i < FAKE_RELAYS; i++)
		if (r->outside[i] == peer || r->at_queue[i] == peer)
			return i;
	return FAKE_RELAYS;
}

static void
gone(struct ipc_peer *peer, void *arg)
{
	struct fake *f = arg;
	struct fake_relays *r = relays_of(f);
	unsigned i = index_of(r, peer);

	if (i == FAKE_RELAYS)
		return;
	if (peer == r->outside[i])
		ipc_peer_free(&r->outside[i]);
	else {
		ipc_peer_free(&r->at_queue[i]);
		queue_relay_leave(&f->q, peer);
	}
}

/* ---- answers ---- */

static struct ipc_relay_result
result_of(enum fake_relay_mode mode)
{
	struct ipc_relay_result r = { .error = ERR_OK, .dsn = SLICE_LIT("2.0.0"),
	    .text = SLICE_LIT("250 taken"), .host = SLICE_LIT("mx.far.example[192.0.2.7]:25"),
	    .reply = SLICE_LIT("250 taken") };

	r.dsn_taken = mode == RELAY_SAYS_DSN;
	if (mode == RELAY_SAYS_TEMP) {
		r.error = ERR_AGAIN;
		r.dsn = SLICE_LIT("4.2.0");
		r.text = r.reply = SLICE_LIT("450 4.2.0 not now");
	} else if (mode == RELAY_SAYS_BROKEN) {
		r.error = ERR_AGAIN;
		r.dsn = SLICE_LIT("4.7.5");
		r.text = SLICE_LIT("another key");
		r.reply = SLICE_NONE;
		r.is_broken = true;
	} else if (mode == RELAY_SAYS_PERM) {
		r.error = ERR_NOTFOUND;
		r.dsn = SLICE_LIT("5.1.1");
		r.text = r.reply = SLICE_LIT("550 5.1.1 no such user");
	}
	return r;
}

static void
answer(struct fake_relays *r, const struct fake_relay_job *j, enum fake_relay_mode mode)
{
	struct ipc_relay_result res = result_of(mode);
	struct ipc_relay_done done = { .feedback = (uint8_t)r->feedback };
	struct buf b;
	unsigned i;

	buf_init(&b, 60000);
	for (i = 0; i < j->rcpt_count; i++) {
		if (mode == RELAY_SAYS_HALF)
			res = result_of(i % 2 == 0 ? RELAY_SAYS_SENT : RELAY_SAYS_TEMP);
		res.idx = mode == RELAY_SAYS_ODD ? 4711 : j->idx[i];
		ipc_relay_result_put(&b, &res);
	}
	done.results = buf_slice(&b);
	ipc_reply(r->outside[j->relay], j->id, IPC_MSG_relay_done, &done);
	buf_fini(&b);
}

void
fake_relay_answer(struct fake_relays *r, unsigned job, enum fake_relay_mode mode)
{
	answer(r, &r->jobs[job], mode);
}

static void
on_job(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct fake_relays *r = relays_of(ipc_peer_arg(peer));
	const struct ipc_relay_job *m = msg;
	struct fake_relay_job *j = &r->jobs[r->job_count++ % FAKE_RELAY_JOBS];
	struct ipc_reader rd = ipc_reader_of(m->rcpts);
	struct ipc_relay_rcpt rcpt;
	size_t n = m->size < sizeof(j->body) - 1 ? (size_t)m->size : sizeof(j->body) - 1;

	memset(j, 0, sizeof(*j));
	j->msg = m->msg;
	j->id = in->id;
	j->retry_ms = m->retry_ms;
	j->relay = index_of(r, peer);
	j->flags = m->flags;
	assert_true(slice_to_cstr(m->site, j->site, sizeof(j->site)));
	assert_true(slice_to_cstr(m->route, j->route, sizeof(j->route)));
	assert_true(slice_to_cstr(m->sender, j->sender, sizeof(j->sender)));
	while (ipc_reader_more(&rd)) {
		ipc_relay_rcpt_get(&rd, &rcpt);
		assert_false(rd.bad);
		assert_true(j->rcpt_count < RELAY_JOB_RCPTS);
		if (j->rcpt_count == 0) {
			assert_true(slice_to_cstr(rcpt.address, j->rcpt, sizeof(j->rcpt)));
			(void)slice_to_cstr(rcpt.orcpt, j->orcpt, sizeof(j->orcpt));
			(void)slice_to_cstr(rcpt.original, j->original, sizeof(j->original));
			j->notify = rcpt.notify;
		}
		j->idx[j->rcpt_count++] = rcpt.idx;
	}
	assert_int_equal(in->fd_count, 1);
	if (m->form == QUEUE_FORM_MEMFD)
		assert_int_equal(pread(in->fds[0], j->body, n, 0), n);
	if (r->mode != RELAY_SAYS_NOTHING)
		answer(r, j, r->mode);
}

static const struct ipc_handler relay_handlers[] = {
	{ IPC_MSG_relay_job, on_job },
	{ 0, NULL }
};

/* ---- life ---- */

static void
stopping(struct fake *f)
{
	struct fake_relays *r = relays_of(f);
	struct ipc_peer *peer;
	unsigned i;

	for (i = 0; i < FAKE_RELAYS; i++) {
		ipc_peer_free(&r->outside[i]);
		if ((peer = r->at_queue[i]) == NULL)
			continue;
		f->q.is_draining = true;
		ipc_peer_free(&r->at_queue[i]);
		queue_relay_leave(&f->q, peer);
	}
}

void
fake_relays_init(struct fake_relays *r, struct fake *f)
{
	memset(r, 0, sizeof(*r));
	r->f = f;
	r->feedback = RELAY_TAKEN;
	f->more = r;
	f->stopping = stopping;
}

void
fake_relay_join(struct fake_relays *r, unsigned i, uint32_t instance)
{
	fake_pair(r->f, &r->at_queue[i], IPC_RELAY, instance, none, &r->outside[i],
	    relay_handlers, gone);
	queue_relay_join(&r->f->q, r->at_queue[i]);
}

void
fake_relay_kill(struct fake_relays *r, unsigned i)
{
	ipc_peer_free(&r->outside[i]);
}
