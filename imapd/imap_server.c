/* SPDX-License-Identifier: ISC */
#include "imapd/imap_server.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "imapd/imap_conn.h"
#include "imapd/imap_known.h"
#include "imapd/imap_metadata.h"
#include "imapd/imap_pulse.h"
#include "imapd/imap_window.h"
#include "imapd/imapd_opt.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/io/conn_tap.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/pulse.h"

/* Connections above client_limit that can be told so. */
#define REFUSE_ROOM	64

/* Options are good until the next reload only.  What changed is told (RFC 5465
 * s5.7). */
static void
take_text(struct imap_server *srv, char **text, const char *now, const char *entry)
{
	struct list *n, *tmp;

	if (*text != NULL && strcmp(*text, now) == 0)
		return;
	LIST_EACH(n, tmp, &srv->conns)
		if (*text != NULL)
			imap_session_on_entries(imap_conn_session(n), 0, slice_str(entry));
	free(*text);
	*text = strdup(now);
	must(*text != NULL);
}

_Static_assert((int)CONF_MAIL_COMPRESSION_NO == SEAL_STORED &&
    (int)CONF_MAIL_COMPRESSION_ZSTD == SEAL_ZSTD && (int)CONF_MAIL_COMPRESSION_LZ4 == SEAL_LZ4,
    "the choices are the methods");

static void
take_options(struct imap_server *srv)
{
	const struct imapd_options *o = daemon_options(srv->app, "imapd", NULL);
	const struct godwit_options *g = daemon_options(srv->app, "godwit", NULL);

	must(o != NULL && g != NULL);
	srv->shared.scram = g->auth_scram;
	srv->shared.hostname = daemon_hostname(srv->app);
	srv->shared.message_max = o->append_size_limit;
	srv->shared.prelogin_literal_max = o->prelogin_literal_limit;
	srv->shared.line_max = (size_t)o->line_length_limit;
	srv->shared.idle_ms = o->timeout;
	srv->shared.login_ms = o->prelogin_timeout;
	srv->shared.keepalive_ms = o->keepalive;
	srv->shared.literal_plus = o->literal_plus;
	srv->shared.unauthenticate = o->unauthenticate;
	srv->shared.notify_mailboxes = (size_t)o->notify_mailboxes;
	srv->shared.message_limit = num_cap_u32(o->message_limit);
	srv->shared.save_limit = num_cap_u32(o->save_limit);
	srv->shared.compress = o->compress;
	sealer_set_method(srv->shared.sealer, (enum seal_method)g->mail_compression);
	take_text(srv, &srv->shared.admin_contact, o->admin_contact, IMAP_METADATA_ADMIN);
	take_text(srv, &srv->shared.server_comment, o->server_comment, IMAP_METADATA_COMMENT);
	srv->conn_limit = num_cap_u32(o->client_limit);
	srv->shared.user_limit = num_cap_u32(o->user_connection_limit);
}

/* iconv(3) loads its modules from the file system: before the jail. */
void
imap_server_open(struct daemon_app *app)
{
	struct imap_server *srv = daemon_state(app);

	srv->shared.charsets = charset_new();
	conn_tap_open("GODWIT_IMAP_TRANSCRIPT");
}

void
imap_server_load(struct daemon_app *app)
{
	struct imap_server *srv = daemon_state(app);
	const struct imapd_options *o = daemon_options(app, "imapd", NULL);

	srv->app = app;
	list_init(&srv->listeners);
	list_init(&srv->conns);
	list_init(&srv->windows);
	list_init(&srv->pulses);
	map_init(&srv->by_handle);
	cry_init();
	srv->shared.sealer = sealer_new();
	srv->shared.known = imap_known_new();
	take_options(srv);
	srv->shared.aead = cry_aead_new();
	srv->zip = zip_shared_new();
	daemon_tls_init(app, num_cap_u32(o->handshake_limit));
}

static void	on_retry(void *);

/* ---- listening ---- */

/* Said without a session: the kernel's buffer takes one line. */
static void
refuse(const struct imap_listener *l, int fd, const struct conn_addr *peer)
{
	static const char text[] = "* BYE [UNAVAILABLE] Too many connections, come again\r\n";
	char client[CONN_ADDR_TEXT_BYTES];

	conn_addr_str(client, peer);
	log_event(LOG_limit, log_str("client", client), log_str("name", "client_limit"),
	    log_num("value", l->server->conn_limit));
	if (l->tls != IMAP_TLS_IMPLICIT && write(fd, text, sizeof(text) - 1) < 0)
		log_event(LOG_limit, log_str("client", client), log_str("name", "client_limit"),
		    log_str("reason", "reply was not taken"));
	(void)close(fd);
}

static void
on_accept(void *arg, struct conn_listener *cl, int take_fd, const struct conn_addr *peer)
{
	struct imap_listener *l = arg;
	struct imap_server *srv = l->server;

	if (srv->conn_count >= srv->conn_limit) {
		refuse(l, take_fd, peer);
		return;
	}
	srv->conn_count++;
	imap_conn_new(l, cl, take_fd, peer);
}

static void
add_listener(struct imap_server *srv, int fd, const char *title)
{
	static const enum imap_listener_tls tls[] = {
		[CONF_TLS_NO] = IMAP_TLS_NO, [CONF_TLS_MAY] = IMAP_TLS_MAY,
		[CONF_TLS_REQUIRED] = IMAP_TLS_MAY, [CONF_TLS_IMPLICIT] = IMAP_TLS_IMPLICIT,
	};
	const struct listen_options *o = daemon_options(srv->app, "listen", title);
	struct imap_listener *l;

	if (o == NULL || o->service != CONF_SERVICE_IMAP)
		return;
	must(o->tls < lengthof(tls));
	l = must_alloc(1, sizeof(*l));
	l->server = srv;
	l->tls = tls[o->tls];
	l->asks = daemon_tls_ask(o);
	if (!slice_to_cstr(slice_head(slice_str(title), sizeof(l->title) - 1), l->title,
	    sizeof(l->title)))
		l->title[0] = '\0';
	list_push(&srv->listeners, &l->link);
	l->listener = conn_listener_new(srv->loop, fd, srv->conn_limit + REFUSE_ROOM,
	    on_accept, l);
}

void
imap_server_start(struct daemon_app *app)
{
	struct imap_server *srv = daemon_state(app);
	const char *title, *address;
	int fd;

	srv->loop = daemon_loop(app);
	timer_init(&srv->retry, srv->loop, on_retry, srv);
	for (unsigned i = 0; (fd = daemon_listener(app, i, &title, &address)) >= 0; i++)
		add_listener(srv, fd, title);
}

void
imap_server_reload(struct daemon_app *app)
{
	struct imap_server *srv = daemon_state(app);
	const struct imapd_options *o = daemon_options(app, "imapd", NULL);
	struct list *n, *tmp;

	take_options(srv);
	tls_ctx_set_max_handshakes(daemon_tls(app), num_cap_u32(o->handshake_limit));
	LIST_EACH(n, tmp, &srv->listeners)
		conn_listener_set_max(obj_of(n, struct imap_listener, link)->listener,
		    srv->conn_limit + REFUSE_ROOM);
}

/* ---- the end ---- */

static void
check_drained(struct imap_server *srv)
{
	if (srv->is_draining && srv->conn_count == 0)
		daemon_drained(srv->app);
}

/* The listeners stay as objects: their connections name them. */
void
imap_server_drain(struct daemon_app *app)
{
	struct imap_server *srv = daemon_state(app);
	struct list *n, *tmp;

	if (srv->is_draining)
		return;
	srv->is_draining = true;
	timer_stop(&srv->retry);
	LIST_EACH(n, tmp, &srv->listeners)
		conn_listener_free(&obj_of(n, struct imap_listener, link)->listener);
	LIST_EACH(n, tmp, &srv->conns)
		imap_session_on_shutdown(imap_conn_session(n));
	check_drained(srv);
}

void
imap_server_left(struct imap_server *srv)
{
	srv->conn_count--;
	check_drained(srv);
}

void
imap_server_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	const struct imap_server *srv = daemon_state(app);

	*sessions = srv->conn_count;
	if (!daemon_tls_is_ready(app))
		buf_put_str(note, "no certificate yet");
}

/* ---- tools ---- */

/* imap.session: the descriptor that comes with it is a client's connection. */
void
imap_server_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m,
    struct ipc_in *in)
{
	struct imap_server *srv = daemon_state(app);

	if (!slice_eq_str(m->verb, "imap.session") || in->fd_count != 1) {
		daemon_tool_reply(app, id, EX_USAGE, false, SLICE_LIT("unknown request\n"));
		return;
	}
	if (srv->conn_count >= srv->conn_limit || srv->is_draining) {
		daemon_tool_reply(app, id, EX_TEMPFAIL, false, SLICE_LIT("too many connections\n"));
		return;
	}
	srv->conn_count++;
	imap_conn_new_operator(srv, ipc_take_fd(in, 0));
	daemon_tool_reply(app, id, EX_OK, false, SLICE_NONE);
}

/* ---- the store ---- */

static void
on_retry(void *arg)
{
	struct imap_server *srv = arg;
	struct list *n, *tmp;
	bool again = false;

	LIST_EACH(n, tmp, &srv->conns)
		again = imap_session_retry(imap_conn_session(n)) || again;
	if (again)
		timer_set(&srv->retry, loop_now(srv->loop) + IMAP_RETRY_MS);
}

void
imap_server_store_joined(struct daemon_app *app, struct ipc_peer *p)
{
	struct imap_server *srv = daemon_state(app);
	struct list *n, *tmp;

	(void)p;
	if (srv->loop == NULL)
		return;		/* before .start: there is nobody */
	/* Ids and epochs that the old process reserved mean nothing to this one. */
	sealer_forget(srv->shared.sealer);
	imap_known_forget(srv->shared.known);
	/* It may come before its predecessor's end was noticed. */
	LIST_EACH(n, tmp, &srv->conns) {
		imap_session_on_store_left(imap_conn_session(n));
		imap_session_on_store_joined(imap_conn_session(n));
	}
	timer_set(&srv->retry, loop_now(srv->loop) + IMAP_RETRY_MS);
}

void
imap_server_store_left(struct daemon_app *app, struct ipc_peer *p)
{
	struct imap_server *srv = daemon_state(app);
	struct imap_window *w = imap_window_find(&srv->windows, ipc_peer_instance(p));
	struct list *n, *tmp;

	imap_window_free(&w);
	imap_pulse_left(&srv->pulses, ipc_peer_instance(p));
	if (daemon_peer(app, IPC_STORE, 0) != NULL)
		return;		/* its successor is here already */
	sealer_forget(srv->shared.sealer);
	imap_known_forget(srv->shared.known);
	LIST_EACH(n, tmp, &srv->conns)
		imap_session_on_store_left(imap_conn_session(n));
}

void
imap_server_on_window(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct imap_server *srv = daemon_state(ipc_peer_arg(p));
	const struct ipc_store_window *w = m;

	if (w->slots != STORE_WINDOW_SLOTS || in->fd_count != 1 ||
	    imap_window_add(&srv->windows, p, in->fds[0]) == ERR_VIOLATION)
		ipc_peer_violation(p, "no window");
}

void
imap_server_on_pulse(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct imap_server *srv = daemon_state(ipc_peer_arg(p));
	const struct ipc_store_pulse *b = m;

	if (b->counters != PULSE_COUNT || in->fd_count != 1 ||
	    imap_pulse_add(&srv->pulses, p, in->fds[0]) == ERR_VIOLATION)
		ipc_peer_violation(p, "no pulse");
}

void
imap_server_on_notify(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct imap_server *srv = daemon_state(ipc_peer_arg(p));
	const struct ipc_store_notify *n = m;
	struct imap_session *s = imap_conn_find(srv, n->handle);

	(void)in;
	if (s != NULL)
		imap_session_on_notify(s, n->handle, n->mailbox);
}

void
imap_server_on_entries(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct imap_server *srv = daemon_state(ipc_peer_arg(p));
	const struct ipc_store_notify_metadata *n = m;
	struct imap_session *s = imap_conn_find(srv, n->handle);

	(void)in;
	if (s != NULL)
		imap_session_on_entries(s, n->mailbox, n->names);
}

/* ---- answers to a login whose session ended meanwhile: given back ---- */

void
imap_server_on_late_login(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_login_ok *ok = m;
	const struct ipc_logout out = { .token = ok->token };

	(void)in;
	if (ipc_send(p, IPC_MSG_logout, &out, NULL, 0) != ERR_OK)
		return;		/* going, and the count with it */
}

void
imap_server_on_late_session(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_store_session *ok = m;
	const struct ipc_store_logout out = { .handle = ok->handle };

	(void)in;
	if (ipc_send(p, IPC_MSG_store_logout, &out, NULL, 0) != ERR_OK)
		return;
}
