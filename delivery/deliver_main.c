/* SPDX-License-Identifier: ISC */
#include "delivery/delivery_opt.h"
#include "delivery/dlv_local.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon.h"

struct state {
	struct charset_set	*charsets;
	struct dlv_local	*local;
};

static void
on_job(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct state *s = daemon_state(ipc_peer_arg(peer));

	dlv_local_take(s->local, peer, m, in);
}

static void
queue_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	dlv_local_queue_left(s->local, peer);
}

static void
store_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	dlv_local_set_store(s->local, peer);
}

static void
store_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct state *s = daemon_state(app);

	(void)peer;
	/* Its successor, when that is here already. */
	dlv_local_set_store(s->local, daemon_peer(app, IPC_STORE, 0));
}

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_deliver_job, on_job },
	{ 0, NULL }
};
static const struct ipc_handler store_handlers[] = { { 0, NULL } };

static const struct daemon_peer peers[] = {
	{ IPC_QUEUE, queue_handlers, NULL, queue_left },
	{ IPC_STORE, store_handlers, store_joined, store_left },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, DELIVERY_OPT_SECTION, OPT_SECTIONS_END,
};

_Static_assert((int)CONF_MAIL_COMPRESSION_NO == SEAL_STORED &&
    (int)CONF_MAIL_COMPRESSION_ZSTD == SEAL_ZSTD && (int)CONF_MAIL_COMPRESSION_LZ4 == SEAL_LZ4,
    "the choices are the methods");

static struct dlv_limits
limits_of(struct daemon_app *app)
{
	const struct deliver_options *o = daemon_options(app, "deliver", NULL);
	const struct godwit_options *g = daemon_options(app, "godwit", NULL);

	return (struct dlv_limits){ .job_limit = (unsigned)o->job_limit,
		.store_timeout_ms = o->store_timeout,
		.quota_full_defer = o->quota_full_defer,
		.method = (enum seal_method)g->mail_compression };
}

/* gconv modules are files: they are loaded before there are none. */
static void
deliver_open(struct daemon_app *app)
{
	struct state *s = daemon_state(app);

	s->charsets = charset_new();
}

static void
deliver_load(struct daemon_app *app)
{
	(void)app;
	cry_init();
}

static void
deliver_start(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	struct dlv_limits limits = limits_of(app);

	s->local = dlv_local_new(daemon_loop(app), s->charsets, &limits);
}

static void
deliver_reload(struct daemon_app *app)
{
	struct state *s = daemon_state(app);
	struct dlv_limits limits = limits_of(app);

	dlv_local_set_limits(s->local, &limits);
}

static void
drained(void *arg)
{
	daemon_drained(arg);
}

static void
deliver_drain(struct daemon_app *app)
{
	struct state *s = daemon_state(app);

	dlv_local_drain(s->local, drained, app);
}

static void
deliver_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	struct state *s = daemon_state(app);

	(void)note;
	*sessions = dlv_local_job_count(s->local);
}

static const struct daemon deliver = {
	.name = "deliver",
	.role = IPC_DELIVER,
	.options = sections,
	.state_bytes = sizeof(struct state),
	.peers = peers,
	.may = MAY_IPC | MAY_MEMFD,
	.open = deliver_open,
	.load = deliver_load,
	.start = deliver_start,
	.reload = deliver_reload,
	.drain = deliver_drain,
	.status = deliver_status,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&deliver, argc, argv);
}
