/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/ipc/queue_proto.h"
#include "tests/unit/delivery/fake_cmtp.h"
#include "tests/unit/delivery/fake_dns.h"
#include "tests/unit/keyd/tls_pair.h"

struct fake_cmtp	*w;

/* ---- keyd */

static struct fake_cmtp_kept *
kept_of(struct slice user)
{
	for (unsigned i = 0; i < PINS; i++)
		if (w->pins[i].n == 0 || slice_eq_str(user, w->pins[i].user)) {
			assert_true(slice_to_cstr(user, w->pins[i].user, 64));
			return &w->pins[i];
		}
	fail_msg("too many pins");
	return NULL;
}

struct fake_cmtp_kept *
fake_cmtp_server_pin(void)
{
	return kept_of(SLICE_NONE);
}

static void
on_pin_get(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_get *m = msg;
	const struct fake_cmtp_kept *k = kept_of(m->user);
	const struct ipc_pin reply = { .found = k->n > 0, .pin = slice_of(k->pin, k->n) };

	w->gets++;
	if (!w->keyd_is_silent)
		ipc_reply(p, in->id, IPC_MSG_pin, &reply);
}

static void
on_pin_put(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_pin_put *m = msg;
	const struct ipc_pin_kept kept = { .unused = 0 };
	const struct ipc_key_fail fail = { .error = ERR_BUSY };
	struct fake_cmtp_kept *k = kept_of(m->user);
	unsigned char hash[32];

	cry_hash(hash, sizeof(hash), slice_of(k->pin, k->n));
	if (k->n > 0 ? !slice_eq(m->before, slice_of(hash, 32)) : m->before.n > 0) {
		ipc_reply(p, in->id, IPC_MSG_key_fail, &fail);
		return;
	}
	w->puts++;
	memcpy(k->pin, m->pin.p, m->pin.n);
	k->n = m->pin.n;
	if (m->user.n == 0)
		w->keep_until_s = m->keep_until_s;
	ipc_reply(p, in->id, IPC_MSG_pin_kept, &kept);
}

/* Our own: only of here.example. */
static void
on_own_keys(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_keys *m = msg;
	struct ipc_cmtp2_keys_reply reply = { .status = CMTP2_NOT_SERVED };
	struct buf b;

	w->own_gets++;
	buf_init(&b, 2000);
	if (slice_eq_str(m->user, "@here.example") || slice_eq_str(m->user, "@")) {
		assert_int_equal(cmtp_key_put(&b, &w->here), ERR_OK);
		reply = (struct ipc_cmtp2_keys_reply){ .status = CMTP2_FOUND, .count = 1,
		    .records = buf_slice(&b) };
	}
	ipc_reply(p, in->id, IPC_MSG_cmtp2_keys_reply, &reply);
	buf_fini(&b);
}

static void
on_own_sign(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_sign *m = msg;
	unsigned char sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp2_signature reply = { .serial = 1, .sig = slice_of(sig, sizeof(sig)) };
	struct cmtp_sign s = { .purpose = "mail" };
	struct ipc_reader r = ipc_reader_of(m->fields);
	struct ipc_cmtp2_field f;

	w->signs++;
	assert_int_equal(m->purpose, CMTP2_MAIL);
	assert_int_equal(m->serial, 1);
	while (ipc_reader_more(&r)) {
		ipc_cmtp2_field_get(&r, &f);
		s.fields[s.count++] = f.bytes;
	}
	cmtp_sign_make(sig, &s, w->here_secret);
	ipc_reply(p, in->id, IPC_MSG_cmtp2_signature, &reply);
}

/* The key of version 1 that signs here: of this seed. */
static void
on_far_sign(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const unsigned char seed[CRY_ED_SEED_BYTES] = { FAKE_CMTP_SEED_1 };
	const struct ipc_cmtp_far_sign *m = msg;
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES], sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp_far_signed reply = { .sig = slice_of(sig, sizeof(sig)) };
	const struct ipc_key_fail fail = { .error = ERR_NOTFOUND };

	w->far_signs++;
	w->far_none += m->key.n == 0;
	cry_ed_pair(key, secret, seed);
	cry_ed_sign(sig, m->key, secret);
	if (w->signs_nothing)
		return;
	if (m->key.n > 0)
		ipc_reply(p, in->id, IPC_MSG_cmtp_far_signed, &reply);
	else
		ipc_reply(p, in->id, IPC_MSG_key_fail, &fail);
}

static const struct ipc_handler keyd_handlers[] = {
	{ IPC_MSG_pin_get, on_pin_get }, { IPC_MSG_pin_put, on_pin_put },
	{ IPC_MSG_cmtp2_keys, on_own_keys }, { IPC_MSG_cmtp2_sign, on_own_sign },
	{ IPC_MSG_cmtp_far_sign, on_far_sign }, { 0, NULL }
};

/* ---- cmtpd */

static void
on_answer(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_found *m = msg;

	(void)arg, (void)in;
	if (e == ERR_GONE)	/* the test ends */
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_cmtp_found);
	w->last = &w->answers[w->count % lengthof(w->answers)];
	w->last->error = m->error;
	assert_true(slice_to_cstr(m->reason, w->last->reason, sizeof(w->last->reason)));
	w->last->pin_n = m->pin.n;
	if (m->pin.n > 0)
		memcpy(w->last->pin, m->pin.p, m->pin.n);
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

void
fake_cmtp_ask(const char *domain, uint64_t serial)
{
	const struct ipc_cmtp_find m = { .domain = slice_str(domain), .serial = serial };

	assert_int_equal(ipc_call(w->cmtpd, IPC_MSG_cmtp_find, &m, NULL, 0,
	    loop_now(w->loop) + 36000000, on_answer, NULL, NULL), ERR_OK);
	w->want++;
}

static void
on_passed(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_asked *m = msg;

	(void)arg, (void)in;
	if (e == ERR_GONE)	/* the test ends */
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_cmtp_asked);
	w->passed_status = m->status;
	w->passed_count = m->count;
	w->last = &w->answers[w->count % lengthof(w->answers)];
	assert_true(m->records.n <= sizeof(w->last->pin));
	w->last->pin_n = m->records.n;
	if (m->records.n > 0)
		memcpy(w->last->pin, m->records.p, m->records.n);
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

uint8_t
fake_cmtp_pass(const char *user, const char *domain, uint64_t known)
{
	const struct ipc_cmtp_ask m = { slice_str(user), slice_str(domain), known };

	assert_int_equal(ipc_call(w->cmtpd, IPC_MSG_cmtp_ask, &m, NULL, 0,
	    loop_now(w->loop) + 36000000, on_passed, NULL, NULL), ERR_OK);
	w->want++;
	fake_cmtp_run();
	return w->passed_status;
}

static void
on_passed1(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp1_asked *m = msg;

	(void)arg, (void)in;
	if (e == ERR_GONE)	/* the test ends */
		return;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(type, IPC_MSG_cmtp1_asked);
	w->passed1 = m->key.n > 0;
	assert_int_equal(m->key.n, w->passed1 ? sizeof(w->key1) : 0);
	assert_int_equal(m->sig.n, w->passed1 ? sizeof(w->sig1) : 0);
	if (w->passed1) {
		memcpy(w->key1, m->key.p, m->key.n);
		memcpy(w->sig1, m->sig.p, m->sig.n);
	}
	if (++w->count >= w->want)
		loop_stop(w->loop);
}

void
fake_cmtp_ask1(const char *user, const char *domain)
{
	const struct ipc_cmtp1_ask m = { slice_str(user), slice_str(domain) };

	assert_int_equal(ipc_call(w->cmtpd, IPC_MSG_cmtp1_ask, &m, NULL, 0,
	    loop_now(w->loop) + 36000000, on_passed1, NULL, NULL), ERR_OK);
	w->want++;
}

bool
fake_cmtp_pass1(const char *user, const char *domain)
{
	fake_cmtp_ask1(user, domain);
	fake_cmtp_run();
	return w->passed1;
}

static void
on_tick(void *arg)
{
	(void)arg;
	loop_advance(w->loop, w->tick_ms);
	timer_set(&w->tick, loop_now(w->loop) + 1);
}

void
fake_cmtp_run(void)
{
	if (w->tick_ms > 0)
		timer_set(&w->tick, loop_now(w->loop) + 1);
	else
		timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	timer_stop(&w->tick);
}

enum err
fake_cmtp_find(const char *domain, uint64_t serial)
{
	fake_cmtp_ask(domain, serial);
	fake_cmtp_run();
	return w->last->error;
}

/* ---- the world */

static const struct opt_section relay_section = RELAY_OPT_SECTION;
static const struct ipc_handler	no_handlers[] = { { 0, NULL } };

static void
on_find(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_find(w->relay, p, m, in);
}

static void
on_pass(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_pass(w->relay, p, m, in);
}

static void
on_pass1(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_pass1(w->relay, p, m, in);
}

static const struct ipc_handler	cmtpd_handlers[] = {
	{ IPC_MSG_cmtp_find, on_find }, { IPC_MSG_cmtp_ask, on_pass },
	{ IPC_MSG_cmtp1_ask, on_pass1 }, { 0, NULL }
};

static void
on_job(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	dlv_relay_take(w->relay, p, m, in);
}

static const struct ipc_handler	queue_handlers[] = { { IPC_MSG_relay_job, on_job }, { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p, (void)arg;
}

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("not done in time");
}

static void
on_drained(void *arg)
{
	(void)arg;
	loop_stop(w->loop);
}

static void
wire(struct ipc_peer **ours, enum ipc_role who, const struct ipc_handler *our_handlers,
    struct ipc_peer **theirs, const struct ipc_handler *their_handlers)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*ours = ipc_peer_new(w->loop, fds[0], IPC_RELAY, 1, our_handlers, on_gone, NULL);
	*theirs = ipc_peer_new(w->loop, fds[1], who, 1, their_handlers, on_gone, NULL);
}

int
fake_cmtp_setup(void **state)
{
	struct dlv_relay_parts parts = { .hostname = "here.example" };

	(void)state;
	w = calloc(1, sizeof(*w));
	cry_init();
	fake_dns_clear();
	w->log = memfd_create("log", MFD_CLOEXEC);
	log_to_fd(w->log);
	w->loop = loop_new();
	loop_start_threads(w->loop, 1);
	timer_init(&w->limit, w->loop, on_limit, NULL);
	timer_init(&w->tick, w->loop, on_tick, NULL);
	opt_defaults(&relay_section, &w->options);
	assert_int_equal(cry_sign_load(&w->tls_key, slice_str(tls_pair_key)), ERR_OK);
	w->tls_server = tls_ctx_new(w->loop, fake_cmtp_on_sign, NULL, 10);
	assert_int_equal(tls_ctx_set(w->tls_server, 1, slice_str(tls_pair_cert), SLICE_NONE,
	    SLICE_NONE), ERR_OK);
	w->host.tls = w->tls_server;
	w->host.ehlo = EHLO_IN_CLEAR;
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	w->host.raw = fake_cmtp_on_raw;
	fake_host_open(&w->host, w->loop);
	w->options.port = w->host.port;
	fake_dns_mx("there.example", 10, "mx.there.example", false);
	fake_dns_addr("mx.there.example", "127.0.0.1", false);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_NXDOMAIN, false);
	w->dns = dns_new(w->loop, NULL);
	w->tls = tls_client_ctx_new(w->loop, 100);
	parts.loop = w->loop;
	parts.dns = w->dns;
	parts.tls = w->tls;
	parts.options = &w->options;
	w->relay = dlv_relay_new(&parts);
	dlv_relay_set_self(w->relay, dlv_self_new("here.example"));
	wire(&w->cmtpd, IPC_CMTPD, no_handlers, &w->at_cmtpd, cmtpd_handlers);
	wire(&w->keyd, IPC_KEYD, keyd_handlers, &w->at_keyd, no_handlers);
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	wire(&w->queue, IPC_QUEUE, no_handlers, &w->at_queue, queue_handlers);
	buf_init(&w->mail, 4u << 20);
	fake_cmtp_add_record(1, false);
	w->here = w->chain[0];
	memcpy(w->here_secret, w->secrets[0], sizeof(w->here_secret));
	w->what = CMTP2_STATUSES;
	return 0;
}

void
fake_cmtp_run_for(uint64_t ms)
{
	struct timer t;

	timer_init(&t, w->loop, on_drained, NULL);
	timer_set(&t, loop_now(w->loop) + ms);
	loop_run(w->loop);
	timer_stop(&t);
}

int
fake_cmtp_teardown(void **state)
{
	(void)state;
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	dlv_relay_drain(w->relay, on_drained, NULL);
	loop_run(w->loop);
	timer_stop(&w->limit);
	dlv_relay_free(&w->relay);
	fake_host_fini(&w->host);
	fake_cmtp_run_for(10);
	ipc_peer_free(&w->cmtpd);
	ipc_peer_free(&w->at_cmtpd);
	ipc_peer_free(&w->queue);
	ipc_peer_free(&w->at_queue);
	buf_fini(&w->mail);
	ipc_peer_free(&w->keyd);
	ipc_peer_free(&w->at_keyd);
	tls_ctx_free(&w->tls_server);
	cry_sign_free(&w->tls_key);
	tls_client_ctx_free(&w->tls);
	dns_free(&w->dns);
	opt_free(&relay_section, &w->options);
	loop_free(&w->loop);
	log_to_fd(2);
	(void)close(w->log);
	free(w);
	return 0;
}
