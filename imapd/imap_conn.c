/* SPDX-License-Identifier: ISC */
#include "imapd/imap_conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "imapd/imap_pulse.h"
#include "imapd/imap_window.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon_sasl.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/io/conn_tap.h"
#include "lib/sys/fd.h"

#define CALL_MS		30000
#define LOGIN_MS	60000		/* Argon2id runs queue up in keyd */

static const struct conn_limits conn_caps = {
	.in_max = 65536,
	.out_low = 32768,
	.out_high = 131072,
	/* One BODYSTRUCTURE or SEARCH answer must fit. */
	.out_max = 24u << 20,
};

/* By which a notice of the store finds its session. */
struct door {
	struct map_node		 node;		/* of imap_server.by_handle */
	uint32_t		 handle;	/* 0: not in the map */
	struct imap_conn	*conn;
};

struct imap_conn {
	struct list		 link;
	struct door		 own, guest;
	struct imap_server	*server;
	struct imap_listener	*listener;
	struct conn		*conn;
	struct imap_session	*session;
	struct loop_idle	 turn;
	uint64_t		 began_ms;
	uint64_t		 sid;
};

/* ---- what the session wants ---- */

static struct buf *
host_out(void *arg)
{
	struct imap_conn *c = arg;

	return conn_out(c->conn);
}

static bool
host_is_clogged(void *arg)
{
	struct imap_conn *c = arg;

	return conn_is_clogged(c->conn);
}

static enum err
host_call(void *arg, enum ipc_role role, enum ipc_type type, const void *m, const int *fds,
    unsigned fd_count, ipc_reply_fn *fn, void *reply_arg, struct imap_ticket *t)
{
	struct imap_conn *c = arg;
	struct ipc_peer *p = daemon_peer(c->server->app, role, 0);
	uint64_t ms = type == IPC_MSG_login || type == IPC_MSG_scram_start ||
	    type == IPC_MSG_scram_finish ? LOGIN_MS : CALL_MS;
	enum err e;

	if (p == NULL)
		return ERR_GONE;
	t->instance = ipc_peer_instance(p);
	if (type == IPC_MSG_store_read)
		return imap_window_read(imap_window_find(&c->server->windows, t->instance), p,
		    m, loop_now(c->server->loop) + ms, fn, reply_arg, t);
	if (type == IPC_MSG_store_append)
		daemon_crash_at("imapd.append");
	e = ipc_call(p, type, m, fds, fd_count, loop_now(c->server->loop) + ms, fn,
	    reply_arg, &t->id);
	if (type == IPC_MSG_store_append)
		daemon_crash_at("imapd.appended");
	return e;
}

static enum err
host_send(void *arg, enum ipc_role role, enum ipc_type type, const void *m)
{
	struct imap_conn *c = arg;
	struct ipc_peer *p = daemon_peer(c->server->app, role, 0);

	if (p == NULL)
		return ERR_GONE;
	if (type == IPC_MSG_logout || type == IPC_MSG_store_logout)
		return ipc_send_late(p, type, m);
	return ipc_send(p, type, m, NULL, 0);
}

static bool
host_cancel(void *arg, enum ipc_role role, const struct imap_ticket *t)
{
	struct imap_conn *c = arg;
	struct ipc_peer *p;

	/* For a moment a process and its successor may both be wired. */
	for (unsigned i = 0; (p = daemon_peer(c->server->app, role, i)) != NULL; i++) {
		if (ipc_peer_instance(p) != t->instance)
			continue;
		ipc_cancel(p, t->id);
		imap_window_cancel(imap_window_find(&c->server->windows, t->instance), t);
		return true;
	}
	return false;
}

static void
host_wake(void *arg)
{
	struct imap_conn *c = arg;

	conn_resume(c->conn);
}

static void
host_defer(void *arg)
{
	struct imap_conn *c = arg;

	loop_defer(c->server->loop, &c->turn);
}

static void
host_deadline(void *arg, uint64_t at_ms)
{
	struct imap_conn *c = arg;

	conn_set_deadline(c->conn, at_ms);
}

static enum err
host_start_tls(void *arg)
{
	struct imap_conn *c = arg;

	return daemon_tls_start(c->server->app, c->conn, c->listener->asks);
}

static struct imap_proof
host_certificate(void *arg)
{
	struct imap_conn *c = arg;
	struct tls_proof p = conn_tls_proof(c->conn);

	return (struct imap_proof){ p.names, p.prints };
}

static bool
host_binding(void *arg, struct slice name, struct scram_binding *out)
{
	struct imap_conn *c = arg;

	return daemon_sasl_binding(c->conn, name, out);
}

static enum err
host_compress(void *arg, bool on)
{
	struct imap_conn *c = arg;

	return on ? conn_start_zip(c->conn, c->server->zip) : conn_stop_zip(c->conn);
}

static void
host_close(void *arg, const char *reason)
{
	struct imap_conn *c = arg;

	conn_close(c->conn, reason);
}

static void
door_set(struct imap_conn *c, struct door *d, uint32_t handle)
{
	if (d->handle != 0)
		map_remove(&c->server->by_handle, &d->node);
	d->conn = c;
	d->handle = handle;
	if (handle != 0)
		map_insert(&c->server->by_handle, &d->node, hash_u64(handle));
}

static void
host_set_handle(void *arg, uint32_t handle)
{
	struct imap_conn *c = arg;

	door_set(c, &c->own, handle);
}

static void
host_set_guest(void *arg, uint32_t handle)
{
	struct imap_conn *c = arg;

	door_set(c, &c->guest, handle);
}

static uint64_t
host_now_ms(void *arg)
{
	struct imap_conn *c = arg;

	return loop_now(c->server->loop);
}

static uint64_t
host_real_s(void *arg)
{
	struct imap_conn *c = arg;

	return loop_real_ms(c->server->loop) / 1000;
}

static enum err
host_file_write(void *arg, int fd, struct slice s)
{
	(void)arg;
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n <= 0)
			return ERR_FULL;
		s = slice_from(s, (size_t)n);
	}
	return ERR_OK;
}

static void
host_file_close(void *arg, int fd)
{
	(void)arg;
	(void)close(fd);
}

static enum err
host_work(void *arg, timer_fn *work, timer_fn *done, void *work_arg)
{
	struct imap_conn *c = arg;

	return loop_work(c->server->loop, work, done, work_arg);
}

static uint64_t
host_pulse(void *arg, uint64_t account)
{
	struct imap_conn *c = arg;

	return imap_pulse_of(&c->server->pulses, daemon_peer(c->server->app, IPC_STORE, 0),
	    account);
}

static const struct imap_host host = {
	.out = host_out,
	.is_clogged = host_is_clogged,
	.call = host_call,
	.send = host_send,
	.cancel = host_cancel,
	.wake = host_wake,
	.defer = host_defer,
	.deadline = host_deadline,
	.start_tls = host_start_tls,
	.compress = host_compress,
	.close = host_close,
	.set_handle = host_set_handle,
	.set_guest = host_set_guest,
	.now_ms = host_now_ms,
	.real_s = host_real_s,
	.work = host_work,
	.file_write = host_file_write, .binding = host_binding,
	.certificate = host_certificate,
	.pulse = host_pulse,
	.file_close = host_file_close,
};

/* ---- what the connection tells ---- */

/* What the session does not take now, it takes after its next wake. */
static size_t
on_data(void *arg, struct slice bytes)
{
	struct imap_conn *c = arg;
	size_t used = imap_session_on_data(c->session, bytes);

	if (used < bytes.n)
		conn_pause(c->conn);
	return used;
}

static void
on_drained(void *arg)
{
	struct imap_conn *c = arg;

	imap_session_on_drained(c->session);
}

static void
on_turn(void *arg)
{
	struct imap_conn *c = arg;

	imap_session_on_turn(c->session);
}

static void
on_deadline(void *arg)
{
	struct imap_conn *c = arg;

	imap_session_on_deadline(c->session);
}

static void
on_tls(void *arg, enum err e)
{
	struct imap_conn *c = arg;
	const struct tls_facts *f = conn_tls(c->conn);

	if (e != ERR_OK || f == NULL) {
		log_event(LOG_tls_failed, log_session(c->sid),
		    log_str("client", conn_peer_text(c->conn)), log_str("reason", err_text(e)));
		return;
	}
	log_event(LOG_tls, log_session(c->sid), log_str("tls", f->version),
	    log_str("cipher", f->cipher), log_str("sni", f->sni));
	if (c->listener->tls == IMAP_TLS_IMPLICIT)
		imap_session_start(c->session, f->version, false);
	else
		imap_session_on_tls(c->session, f->version);
}

static void
on_closed(void *arg, const char *reason)
{
	struct imap_conn *c = arg;
	struct imap_server *srv = c->server;

	log_event(LOG_disconnect, log_session(c->sid),
	    log_str("client", conn_peer_text(c->conn)), log_str("reason", reason),
	    log_ms("duration", loop_now(srv->loop) - c->began_ms),
	    log_num("in", conn_in_total(c->conn)), log_num("out", conn_out_total(c->conn)),
	    log_num("commands", c->session->commands));
	conn_tap(c->sid, CONN_TAP_END, SLICE_NONE);
	imap_session_free(&c->session);
	door_set(c, &c->own, 0);
	door_set(c, &c->guest, 0);
	loop_idle_cancel(&c->turn);
	list_remove(&c->link);
	free(c);
	imap_server_left(srv);
}

static const struct conn_ops ops = {
	.on_data = on_data,
	.on_drained = on_drained,
	.on_tls = on_tls,
	.on_deadline = on_deadline,
	.on_closed = on_closed,
};

static struct imap_conn *
conn_make(struct imap_listener *l, struct conn_listener *cl, int take_fd,
    const struct conn_addr *peer)
{
	struct imap_server *srv = l->server;
	struct imap_conn *c = must_alloc(1, sizeof(*c));
	char ip[CONN_ADDR_TEXT_BYTES];

	c->server = srv;
	c->listener = l;
	c->sid = enc_session_id(daemon_instance(srv->app), ++srv->serial);
	c->began_ms = loop_now(srv->loop);
	loop_idle_init(&c->turn, on_turn, c);
	list_push(&srv->conns, &c->link);
	conn_addr_ip_str(ip, peer);
	c->session = imap_session_new(&host, c, &srv->shared, c->sid, ip);
	c->session->takes_cleartext = l->tls != IMAP_TLS_IMPLICIT &&
	    daemon_sasl_takes_cleartext(srv->app, peer, take_fd);
	c->conn = conn_new(srv->loop, take_fd, peer, &ops, c, &conn_caps, cl);
	conn_tap_set(c->conn, c->sid);
	log_event(LOG_connect, log_session(c->sid), log_str("listener", l->title),
	    log_str("client", conn_peer_text(c->conn)));
	return c;
}

void
imap_conn_new(struct imap_listener *l, struct conn_listener *cl, int take_fd,
    const struct conn_addr *peer)
{
	struct imap_server *srv = l->server;
	struct imap_conn *c = conn_make(l, cl, take_fd, peer);

	if (l->tls != IMAP_TLS_IMPLICIT)
		imap_session_start(c->session, NULL, l->tls == IMAP_TLS_MAY);
	else if (daemon_tls_start(srv->app, c->conn, l->asks) != ERR_OK)
		conn_abort(c->conn, "no TLS now");
}

/* The listener that such sessions have in place of a real one. */
static struct imap_listener *
operator_listener(struct imap_server *srv)
{
	struct imap_listener *l = &srv->operators;

	l->server = srv;
	l->tls = IMAP_TLS_NO;
	must(slice_to_cstr(SLICE_LIT("control"), l->title, sizeof(l->title)));
	return l;
}

void
imap_conn_new_operator(struct imap_server *srv, int take_fd)
{
	const struct conn_addr local = { .is_inet = false };
	struct imap_conn *c = conn_make(operator_listener(srv), NULL, take_fd, &local);

	c->session->is_operator = true;
	imap_session_start(c->session, "local", false);
}

struct imap_session *
imap_conn_session(struct list *node)
{
	return obj_of(node, struct imap_conn, link)->session;
}

struct imap_session *
imap_conn_find(struct imap_server *srv, uint32_t handle)
{
	struct map_node *n;

	for (n = map_first(&srv->by_handle, hash_u64(handle)); n != NULL; n = map_next(n)) {
		struct door *d = obj_of(n, struct door, node);

		if (d->handle == handle)
			return d->conn->session;
	}
	return NULL;
}
