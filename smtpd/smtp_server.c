/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon_domain.h"
#include "lib/daemon/daemon_tls.h"
#include "smtpd/smtp_conn.h"

/* Connections above session_limit that can be told so. */
#define REFUSE_ROOM	64

static void
take_options(struct smtp_server *srv)
{
	const struct smtpd_options *o = daemon_options(srv->app, "smtpd", NULL);
	const struct godwit_options *g = daemon_options(srv->app, "godwit", NULL);

	must(o != NULL && g != NULL);
	srv->limits = (struct smtp_limits){
		.message = {
			.message_bytes = o->message_size_limit,
			.header_bytes = o->header_size_limit,
			.header_fields = num_cap_u32(o->header_count_limit),
			.received = num_cap_u32(o->hopcount_limit),
			.text_line_bytes = o->line_length_limit,
		},
		.command_bytes = o->command_length_limit,
		.recipients = num_cap_u32(o->recipient_limit),
		.errors = num_cap_u32(o->hard_error_limit),
		.prelogin_commands = num_cap_u32(o->prelogin_command_limit),
		.junk_commands = num_cap_u32(o->junk_command_limit),
		.offers_scram = g->auth_scram,
	};
	srv->session_limit = num_cap_u32(o->client_limit);
	srv->ip_limit = num_cap_u32(o->client_connection_limit);
	srv->net_limit = num_cap_u32(o->client_network_limit);
	srv->rates.limits[CLIENT_RATE_CONNECT] = (struct rate){ o->client_connection_rate_limit,
	    o->anvil_rate_time_unit };
	srv->rates.limits[CLIENT_RATE_TLS] = (struct rate){ o->client_new_tls_session_rate_limit,
	    o->anvil_rate_time_unit };
	srv->rates.limits[CLIENT_RATE_AUTH] = (struct rate){ o->client_auth_rate_limit,
	    o->anvil_rate_time_unit };
	srv->idle_ms = o->timeout;
	srv->auth_delay_ms = o->auth_failure_delay;
	srv->pool.max_bytes = g->spool_memory;
}

void
smtp_server_load(struct daemon_app *app)
{
	struct smtp_server *srv = daemon_state(app);
	const struct smtpd_options *o = daemon_options(app, "smtpd", NULL);

	srv->app = app;
	list_init(&srv->listeners);
	list_init(&srv->sessions);
	conn_clients_init(&srv->clients);
	client_rates_init(&srv->rates);
	take_options(srv);
	cry_init();
	daemon_tls_init(app, num_cap_u32(o->handshake_limit));
}

/* NULL: accepted. */
static const char *
over_limit(struct smtp_server *srv, const struct conn_addr *peer, bool is_trusted,
    uint32_t *value)
{
	if (!is_trusted && !client_rates_take(&srv->rates, CLIENT_RATE_CONNECT, peer,
	    loop_now(srv->loop))) {
		*value = (uint32_t)srv->rates.limits[CLIENT_RATE_CONNECT].count;
		return client_rates_name(CLIENT_RATE_CONNECT);
	}
	if (srv->session_count >= srv->session_limit) {
		*value = srv->session_limit;
		return "client_limit";
	}
	if (conn_clients_of_ip(&srv->clients, peer) >= srv->ip_limit) {
		*value = srv->ip_limit;
		return "client_connection_limit";
	}
	if (conn_clients_of_net(&srv->clients, peer) >= srv->net_limit) {
		*value = srv->net_limit;
		return "client_network_limit";
	}
	return NULL;
}

/* Said without a session: the kernel's buffer takes one line. */
static void
refuse(const struct smtp_listener *l, int fd, const struct conn_addr *peer, const char *name,
    uint32_t value)
{
	char text[CONN_ADDR_TEXT_BYTES];
	struct buf b;

	conn_addr_str(text, peer);
	log_event(LOG_limit, log_str("client", text), log_str("name", name), log_num("value", value));
	if (l->service.tls != SMTP_TLS_IMPLICIT) {
		buf_init(&b, 512);
		smtp_reply_put(&b, REPLY_SESSIONS);
		if (write(fd, buf_data(&b), b.n) < 0)
			log_event(LOG_limit, log_str("client", text), log_str("name", name),
			    log_str("reason", "reply was not taken"));
		buf_fini(&b);
	}
	(void)close(fd);
}

/*
 * Local programs have no address: in its place stands who runs them, in front,
 * so that the limits of an address and of a network are those of a user.
 */
static bool
take_uid(int fd, struct conn_addr *peer)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return false;
	enc_be32(peer->ip, who.uid);
	return true;
}

uint32_t
smtp_server_uid(const struct conn_addr *peer)
{
	return dec_be32(peer->ip);
}

static void
on_accept(void *arg, struct conn_listener *cl, int take_fd, const struct conn_addr *from)
{
	struct smtp_listener *l = arg;
	struct smtp_server *srv = l->server;
	struct conn_addr peer = *from;
	const char *name;
	uint32_t value = 0;

	if (l->service.is_local && !take_uid(take_fd, &peer)) {
		(void)close(take_fd);
		return;
	}
	name = over_limit(srv, &peer, smtp_conn_is_trusted(l, &peer), &value);
	if (name != NULL) {
		refuse(l, take_fd, &peer, name, value);
		return;
	}
	srv->session_count++;
	smtp_conn_new(l, cl, take_fd, &peer);
}

/* o NULL: the socket of local programs. */
static void
set_service(struct smtp_server *srv, struct smtp_listener *l, const struct listen_options *o)
{
	static const enum smtp_tls tls[] = {
		[CONF_TLS_NO] = SMTP_TLS_NO, [CONF_TLS_MAY] = SMTP_TLS_MAY,
		[CONF_TLS_REQUIRED] = SMTP_TLS_REQUIRED, [CONF_TLS_IMPLICIT] = SMTP_TLS_IMPLICIT,
	};

	l->service = (struct smtp_service){
		.limits = &srv->limits,
		.hostname = daemon_hostname(srv->app),
		.is_local = o == NULL,
	};
	if (o == NULL) {
		l->service.domain = daemon_domain_default(srv->app);
		return;
	}
	must(o->tls < lengthof(tls));
	l->service.is_submission = o->service == CONF_SERVICE_SUBMISSION;
	l->service.tls = tls[o->tls];
	l->service.offers_cmtp = o->service == CONF_SERVICE_SMTP && o->cmtp != CONF_CMTP_NO;
}

static void
add_listener(struct smtp_server *srv, int fd, const char *title, bool is_local)
{
	const struct listen_options *o = is_local ? NULL :
	    daemon_options(srv->app, "listen", title);
	struct smtp_listener *l;

	if (!is_local && (o == NULL || (o->service != CONF_SERVICE_SMTP && o->service != CONF_SERVICE_SUBMISSION)))
		return;
	l = must_alloc(1, sizeof(*l));
	l->server = srv;
	if (!slice_to_cstr(slice_head(slice_str(title), sizeof(l->title) - 1), l->title, sizeof(l->title)))
		l->title[0] = '\0';
	set_service(srv, l, o);
	l->asks = o != NULL ? daemon_tls_ask(o) : TLS_ASK_NOT;
	list_push(&srv->listeners, &l->link);
	l->listener = conn_listener_new(srv->loop, fd, srv->session_limit + REFUSE_ROOM, on_accept, l);
}

void
smtp_server_start(struct daemon_app *app)
{
	struct smtp_server *srv = daemon_state(app);
	const char *title, *address;
	int fd;

	srv->loop = daemon_loop(app);
	for (unsigned i = 0; (fd = daemon_listener(app, i, &title, &address)) >= 0; i++)
		/* Addresses of the configuration have a port. */
		add_listener(srv, fd, title, strcmp(address, "local") == 0);
}

void
smtp_server_reload(struct daemon_app *app)
{
	struct smtp_server *srv = daemon_state(app);
	const struct smtpd_options *o = daemon_options(app, "smtpd", NULL);
	struct list *n, *tmp;

	take_options(srv);
	tls_ctx_set_max_handshakes(daemon_tls(app), num_cap_u32(o->handshake_limit));
	LIST_EACH(n, tmp, &srv->listeners) {
		struct smtp_listener *l = obj_of(n, struct smtp_listener, link);

		conn_listener_set_max(l->listener, srv->session_limit + REFUSE_ROOM);
		/* What it named before is gone with the options. */
		if (l->service.is_local)
			l->service.domain = daemon_domain_default(srv->app);
	}
}

static void
check_drained(struct smtp_server *srv)
{
	if (srv->is_draining && srv->session_count == 0)
		daemon_drained(srv->app);
}

/* The listeners stay as objects: their sessions name them. */
void
smtp_server_drain(struct daemon_app *app)
{
	struct smtp_server *srv = daemon_state(app);
	struct list *n, *tmp;

	if (srv->is_draining)
		return;
	srv->is_draining = true;
	LIST_EACH(n, tmp, &srv->listeners)
		conn_listener_free(&obj_of(n, struct smtp_listener, link)->listener);
	smtp_conn_drain_all(srv);
	check_drained(srv);
}

void
smtp_server_left(struct smtp_server *srv)
{
	srv->session_count--;
	check_drained(srv);
}

void
smtp_server_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	const struct smtp_server *srv = daemon_state(app);

	*sessions = srv->session_count;
	if (!daemon_tls_is_ready(app))
		buf_put_str(note, "no certificate yet");
}

void
smtp_server_lost_queue(struct daemon_app *app, struct ipc_peer *p)
{
	smtp_conn_lost_queue(daemon_state(app), p);
}
