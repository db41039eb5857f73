/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <ifaddrs.h>
#include <unistd.h>

#include "delivery/delivery_opt.h"
#include "delivery/dlv_relay.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/opt_net.h"
#include "lib/daemon/daemon.h"
#include "lib/dns/dns_resolv_conf.h"
#include "lib/ipc/queue_proto.h"

#define HANDSHAKES_MAX	500u	/* unfinished ones */

struct state {
	struct buf		 resolv_conf;
	struct buf		 ca;
	struct dlv_self		*self;
	struct tls_client_ctx	*tls;
	struct dns		*dns;
	struct dlv_relay	*relay;
	struct charset_set	*charsets;
};

/* ---- wires ---- */

static void
on_job(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_relay_take(s->relay, peer, m, in);
}

static void
on_post(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_relay_post(s->relay, peer, m, in);
}

static void
on_find(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_relay_find(s->relay, peer, m, in);
}

static void
on_ask(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_relay_pass(s->relay, peer, m, in);
}

static void
on_ask1(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_relay_pass1(s->relay, peer, m, in);
}

static void
cmtpd_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	dlv_relay_cmtpd_left(s->relay, peer);
}

static void
queue_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	dlv_relay_set_queue(s->relay, peer);
}

static void
queue_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	/* Its successor, when that is here already. */
	dlv_relay_set_queue(s->relay, daemon_peer(app, IPC_QUEUE, 0));
	dlv_relay_queue_left(s->relay, peer);
}

static void
keyd_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	dlv_relay_set_keyd(s->relay, peer);
}

static void
keyd_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	(void)peer;
	/* Its successor, when that is here already. */
	dlv_relay_set_keyd(s->relay, daemon_peer(app, IPC_KEYD, 0));
}

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_relay_job, on_job },
	{ IPC_MSG_tlsrpt_post, on_post },
	{ 0, NULL }
};
static const struct ipc_handler keyd_handlers[] = { { 0, NULL } };
static const struct ipc_handler cmtpd_handlers[] = {
	{ IPC_MSG_cmtp_find, on_find },
	{ IPC_MSG_cmtp_ask, on_ask },
	{ IPC_MSG_cmtp1_ask, on_ask1 },
	{ 0, NULL }
};

static const struct daemon_peer peers[] = {
	{ IPC_QUEUE, queue_handlers, queue_joined, queue_left },
	{ IPC_KEYD, keyd_handlers, keyd_joined, keyd_left },
	{ IPC_CMTPD, cmtpd_handlers, NULL, cmtpd_left },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_LISTEN_SECTION, CONF_ROUTE_SECTION, CONF_DNS_SECTION,
	RELAY_OPT_SECTION, OPT_SECTIONS_END
};

/* ---- options ---- */

static const struct relay_options *
options(struct daemon_app *app)
{
	return daemon_options(app, "relay", NULL);
}

static void
add_server(struct dns_config *c, const char *text)
{
	struct opt_net_addr a;
	struct conn_addr *to = &c->servers[c->server_count];

	if (c->server_count == DNS_SERVERS_MAX ||
	    opt_net_parse_addr(slice_str(text), &a) != ERR_OK || a.host == OPT_NET_ANY)
		return;
	*to = (struct conn_addr){ .is_inet = true, .is_v4 = a.host == OPT_NET_V4,
	    .port = a.port };
	if (to->is_v4)
		to->ip[10] = to->ip[11] = 0xff;
	for (unsigned i = 0; i < (to->is_v4 ? 4u : 16u); i++)
		to->ip[(to->is_v4 ? 12 : 0) + i] = a.addr[i];
	c->server_count++;
}

static struct dns_config
dns_config(struct daemon_app *app)
{
	const struct dns_options *o = daemon_options(app, "dns", NULL);
	struct state *s = daemon_state(app);
	struct dns_config c = { .is_trusted = o->trusted, .timeout_ms = (uint32_t)o->timeout,
	    .attempts = (uint32_t)o->attempts, .cache_limit = (uint32_t)o->cache_limit,
	    .cache_min_ms = o->cache_min_time, .cache_max_ms = o->cache_max_time,
	    .cache_negative_ms = o->cache_negative_time };

	for (uint32_t i = 0; i < o->server.n; i++)
		add_server(&c, o->server.v[i]);
	if (o->server.n == 0)
		dns_resolv_conf_parse(buf_slice(&s->resolv_conf), &c);
	return c;
}

static void
set_routes(struct daemon_app *app)
{
	struct state *s = daemon_state(app);

	dlv_relay_begin_routes(s->relay);
	for (unsigned i = 0; i < daemon_section_count(app, "route"); i++) {
		const char *title;
		const struct route_options *o = daemon_section(app, "route", i, &title);

		dlv_relay_add_route(s->relay, title, o);
	}
}

/* ---- before the jail ---- */

static void
read_resolv_conf(struct buf *b)
{
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	char *p = buf_reserve(b, DNS_RESOLV_CONF_BYTES_MAX);
	ssize_t n = fd < 0 ? 0 : read(fd, p, DNS_RESOLV_CONF_BYTES_MAX);

	buf_commit(b, n > 0 ? (size_t)n : 0);
	if (fd >= 0)
		(void)close(fd);
}

/* Where mail comes in: not to be sent there again. */
static struct dlv_self *
find_self(struct daemon_app *app)
{
	struct dlv_self *self = dlv_self_new(daemon_hostname(app));
	struct ifaddrs *all = NULL;
	struct conn_addr a;

	if (getifaddrs(&all) != 0)
		all = NULL;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		conn_addr_from(&a, i->ifa_addr);
		if (a.is_inet)
			dlv_self_add_interface(self, &a);
	}
	if (all != NULL)
		freeifaddrs(all);
	for (unsigned k = 0; k < daemon_section_count(app, "listen"); k++) {
		const char *title;
		const struct listen_options *o = daemon_section(app, "listen", k, &title);

		for (uint32_t i = 0; o->service == CONF_SERVICE_SMTP && i < o->address.n; i++)
			if (dlv_self_add_listener(self, slice_str(o->address.v[i])) != ERR_OK)
				log_fatal("listen \"%s\": %s", title, o->address.v[i]);
	}
	return self;
}

static void
relay_open(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	const char *file = options(app)->tls_ca_file;
	enum err e;

	buf_init(&s->resolv_conf, DNS_RESOLV_CONF_BYTES_MAX);
	buf_init(&s->ca, TLS_CA_BYTES_MAX);
	read_resolv_conf(&s->resolv_conf);
	/* gconv modules are files: they are loaded before there are none. */
	s->charsets = charset_new();
	s->self = find_self(app);
	e = tls_ca_read(&s->ca, file);
	if (e != ERR_OK && file[0] != '\0')
		log_fatal("tls_ca_file %s: %s", file, err_text(e));
}

/* ---- life ---- */

static void
relay_load(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	const char *file = options(app)->tls_ca_file;
	unsigned count = 0;
	enum err e;

	s->tls = tls_client_ctx_new(daemon_loop(app), HANDSHAKES_MAX);
	e = tls_client_ctx_add_ca(s->tls, buf_slice(&s->ca), &count);
	if (e != ERR_OK && file[0] != '\0')
		log_fatal("tls_ca_file %s: %s", file, err_text(e));
	buf_release(&s->ca);
}

static void
relay_start(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	struct dns_config config = dns_config(app);
	struct dlv_relay_parts parts = { .loop = daemon_loop(app), .tls = s->tls,
	    .charsets = s->charsets, .hostname = daemon_hostname(app), .options = options(app) };

	parts.dns = s->dns = dns_new(daemon_loop(app), &config);
	s->relay = dlv_relay_new(&parts);
	dlv_relay_set_self(s->relay, s->self);
	s->self = NULL;
	set_routes(app);
}

static void
relay_reload(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	struct dns_config config = dns_config(app);

	dns_set_config(s->dns, &config);
	dlv_relay_set_options(s->relay, options(app));
	set_routes(app);
}

static void
drained(void *arg)
{
	daemon_drained(arg);
}

static void
relay_drain(struct daemon_app *app)
{
	struct state *s = daemon_state(app);

	dlv_relay_drain(s->relay, drained, app);
}

static void
relay_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	struct state *s = daemon_state(app);

	(void)note;
	*sessions = dlv_relay_session_count(s->relay);
}

static const struct daemon relay = {
	.name = "relay",
	.role = IPC_RELAY,
	.options = sections,
	.state_bytes = sizeof(struct state),
	.peers = peers,
	.pool_threads = 1,	/* for postage */
	.may = MAY_IPC | MAY_CONNECT,
	.open = relay_open,
	.load = relay_load,
	.start = relay_start,
	.reload = relay_reload,
	.drain = relay_drain,
	.status = relay_status,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&relay, argc, argv);
}
