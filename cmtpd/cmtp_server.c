/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_server.h"

#include <string.h>
#include <unistd.h>

#include "cmtpd/cmtp_conn.h"
#include "cmtpd/cmtpd_opt.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon_domain.h"
#include "lib/daemon/daemon_tls.h"

#define SELF_MS		30000
/* Connections above session_limit that can be closed in order. */
#define REFUSE_ROOM	64

static const struct cmtpd_options *
options(struct cmtp_server *srv)
{
	const struct cmtpd_options *o = daemon_options(srv->app, "cmtpd", NULL);

	must(o != NULL);
	return o;
}

static void
take_options(struct cmtp_server *srv)
{
	const struct cmtpd_options *o = options(srv);
	const struct smtpd_options *smtpd = daemon_options(srv->app, "smtpd", NULL);
	const struct godwit_options *g = daemon_options(srv->app, "godwit", NULL);

	must(smtpd != NULL && g != NULL);
	srv->limits = (struct cmtp_limits){ .message_bytes = smtpd->message_size_limit,
	    .takes_plaintext = o->cmtp_plaintext };
	srv->pool.max_bytes = g->spool_memory;
	srv->service = (struct cmtp_service){ .limits = &srv->limits, .self = &srv->self,
	    .takes_mail = o->cmtp_mail, .gives_xzibits = o->cmtp_login == CMTP_LOGIN_OPT_IN,
	    .junk_commands = num_cap_u32(o->junk_command_limit),
	    .hostname = daemon_hostname(srv->app), .domain = daemon_domain_default(srv->app) };
	srv->service.postage = (enum cmtp_postage)o->cmtp_postage;
	srv->service.price = (struct cmtp2_price){ .bits = (uint8_t)o->cmtp_postage_bits,
	    .kib = num_cap_u32(o->cmtp_postage_memory / 1024), .passes = 1 };
	srv->service.postage_secret = srv->postage_secret;
	srv->session_limit = num_cap_u32(o->client_limit);
	srv->ip_limit = num_cap_u32(o->client_connection_limit);
	srv->net_limit = num_cap_u32(o->client_network_limit);
	srv->rates.limits[CLIENT_RATE_CONNECT] = (struct rate){ o->client_connection_rate_limit,
	    o->anvil_rate_time_unit };
	srv->rates.limits[CLIENT_RATE_TLS] = (struct rate){ o->client_new_tls_session_rate_limit,
	    o->anvil_rate_time_unit };
	srv->idle_ms = o->timeout;
}

void
cmtp_server_load(struct daemon_app *app)
{
	struct cmtp_server *srv = daemon_state(app);

	srv->app = app;
	srv->loop = daemon_loop(app);
	list_init(&srv->listeners);
	list_init(&srv->sessions);
	conn_clients_init(&srv->clients);
	client_rates_init(&srv->rates);
	take_options(srv);
	cry_init();
	cry_random(srv->postage_secret, sizeof(srv->postage_secret));
	daemon_tls_init(app, num_cap_u32(options(srv)->handshake_limit));
}

/* ---- the server's own key */

static bool
copy(unsigned char *dst, size_t n, struct slice s)
{
	if (s.n != n)
		return false;
	memcpy(dst, s.p, n);
	return true;
}

static void	 ask_self(struct cmtp_server *);

static void
on_self(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_server *srv = arg;
	const struct ipc_cmtp_self_reply *m = msg;
	struct cmtp_self *self = &srv->self;

	(void)in;
	if (e == ERR_TIMEOUT)
		ask_self(srv);
	if (e != ERR_OK || type != IPC_MSG_cmtp_self_reply)
		return;		/* a keyd that is gone is asked when it is back */
	self->is_known = copy(self->key, sizeof(self->key), m->key) &&
	    copy(self->key_sig, sizeof(self->key_sig), m->key_sig) &&
	    copy(self->success, sizeof(self->success), m->success) &&
	    copy(self->failure, sizeof(self->failure), m->failure);
	if (self->is_known)
		cmtp_conn_start_all(srv);
}

static void
ask_self(struct cmtp_server *srv)
{
	struct ipc_peer *p = daemon_peer(srv->app, IPC_KEYD, 0);
	const struct ipc_cmtp_self m = { .unused = 0 };

	if (p != NULL && ipc_call(p, IPC_MSG_cmtp_self, &m, NULL, 0,
	    loop_now(srv->loop) + SELF_MS, on_self, srv, NULL) == ERR_FULL)
		ipc_peer_violation(p, "does not read");
}

void
cmtp_server_keyd_joined(struct daemon_app *app, struct ipc_peer *p)
{
	(void)p;
	ask_self(daemon_state(app));
}

/* ---- connections */

/* Who was handed over was counted by smtpd when it connected. */
static bool
is_too_often(struct cmtp_server *srv, const struct cmtp_arrival *a)
{
	return !a->is_handed && !cmtp_conn_is_trusted(srv, &a->peer) &&
	    !client_rates_take(&srv->rates, CLIENT_RATE_CONNECT, &a->peer, loop_now(srv->loop));
}

/* NULL: it may come. */
static const char *
over_limit(struct cmtp_server *srv, const struct cmtp_arrival *a, uint32_t *value)
{
	const struct conn_addr *peer = &a->peer;

	*value = (uint32_t)srv->rates.limits[CLIENT_RATE_CONNECT].count;
	if (is_too_often(srv, a))
		return client_rates_name(CLIENT_RATE_CONNECT);
	*value = srv->session_limit;
	if (srv->session_count >= srv->session_limit)
		return "client_limit";
	*value = srv->ip_limit;
	if (conn_clients_of_ip(&srv->clients, peer) >= srv->ip_limit)
		return "client_connection_limit";
	*value = srv->net_limit;
	if (conn_clients_of_net(&srv->clients, peer) >= srv->net_limit)
		return "client_network_limit";
	return NULL;
}

/* Takes the descriptor. */
static void
admit(struct cmtp_server *srv, struct conn_listener *cl, const struct cmtp_arrival *a)
{
	char text[CONN_ADDR_TEXT_BYTES];
	uint32_t value;
	const char *name = over_limit(srv, a, &value);

	if (name != NULL) {
		conn_addr_str(text, &a->peer);
		log_event(LOG_limit, log_str("client", text), log_str("name", name),
		    log_num("value", value));
		(void)close(a->fd);
		return;
	}
	srv->session_count++;
	cmtp_conn_new(srv, cl, a);
}

static void
on_accept(void *arg, struct conn_listener *cl, int take_fd, const struct conn_addr *peer)
{
	const struct cmtp_listener *l = arg;

	admit(l->server, cl, &(struct cmtp_arrival){ .peer = *peer, .fd = take_fd,
	    .listener = slice_str(l->title), .is_tls = l->is_tls });
}

/* It stands in a header. */
static bool
is_word(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]))
			return false;
	return true;
}

void
cmtp_server_on_hand(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_hand *m = msg;
	struct cmtp_server *srv = daemon_state(ipc_peer_arg(p));
	struct cmtp_arrival a = { .fd = ipc_take_fd(in, 0), .listener = m->listener,
	    .is_handed = true, .session = m->session, .tls = m->tls, .cipher = m->cipher,
	    .early = m->early };

	if (a.fd < 0)
		return;
	if (conn_addr_parse(&a.peer, m->client, m->port) != ERR_OK || !is_word(m->tls) ||
	    !is_word(m->cipher)) {
		(void)close(a.fd);
		ipc_peer_violation(p, "cmtp_hand: no client");
	} else if (srv->is_draining) {
		(void)close(a.fd);
	} else {
		admit(srv, NULL, &a);
	}
}

void
cmtp_server_start(struct daemon_app *app)
{
	struct cmtp_server *srv = daemon_state(app);
	const struct listen_options *o;
	const char *title, *address;
	int fd;

	for (unsigned i = 0; (fd = daemon_listener(app, i, &title, &address)) >= 0; i++) {
		struct cmtp_listener *l;

		o = daemon_options(app, "listen", title);
		if (o == NULL || o->service != CONF_SERVICE_CMTP)
			continue;
		l = must_alloc(1, sizeof(*l));
		l->server = srv;
		l->is_tls = o->tls == CONF_TLS_IMPLICIT;
		if (!slice_to_cstr(slice_head(slice_str(title), sizeof(l->title) - 1), l->title,
		    sizeof(l->title)))
			l->title[0] = '\0';
		list_push(&srv->listeners, &l->link);
		l->listener = conn_listener_new(srv->loop, fd, srv->session_limit + REFUSE_ROOM,
		    on_accept, l);
	}
}

void
cmtp_server_reload(struct daemon_app *app)
{
	struct cmtp_server *srv = daemon_state(app);
	struct list *n, *tmp;

	take_options(srv);
	tls_ctx_set_max_handshakes(daemon_tls(app), num_cap_u32(options(srv)->handshake_limit));
	LIST_EACH(n, tmp, &srv->listeners)
		conn_listener_set_max(obj_of(n, struct cmtp_listener, link)->listener,
		    srv->session_limit + REFUSE_ROOM);
}

static void
check_drained(struct cmtp_server *srv)
{
	if (srv->is_draining && srv->session_count == 0)
		daemon_drained(srv->app);
}

/* The listeners stay as objects: their sessions name them. */
void
cmtp_server_drain(struct daemon_app *app)
{
	struct cmtp_server *srv = daemon_state(app);
	struct list *n, *tmp;

	if (srv->is_draining)
		return;
	srv->is_draining = true;
	LIST_EACH(n, tmp, &srv->listeners)
		conn_listener_free(&obj_of(n, struct cmtp_listener, link)->listener);
	cmtp_conn_drain_all(srv);
	check_drained(srv);
}

void
cmtp_server_left(struct cmtp_server *srv)
{
	srv->session_count--;
	check_drained(srv);
}

void
cmtp_server_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	const struct cmtp_server *srv = daemon_state(app);

	*sessions = srv->session_count;
	if (!srv->self.is_known)
		buf_put_str(note, "no key yet");
}

void
cmtp_server_lost_queue(struct daemon_app *app, struct ipc_peer *p)
{
	cmtp_conn_lost_queue(daemon_state(app), p);
}
