/* SPDX-License-Identifier: ISC */
/*
 * The queue daemon: what it is wired to, and which part each message and
 * event goes to (queue_core.h lists the parts).
 */
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"
#include "queue/queue_alarm.h"
#include "queue/queue_compact.h"
#include "queue/queue_core.h"
#include "queue/queue_forget.h"
#include "queue/queue_keyd.h"
#include "queue/queue_list.h"
#include "queue/queue_msg.h"
#include "queue/queue_opt.h"
#include "queue/queue_recover.h"
#include "queue/queue_relay.h"
#include "queue/queue_run.h"
#include "queue/queue_sts.h"
#include "queue/queue_tlsrpt_send.h"
#include "queue/queue_tool.h"
#include "queue/queue_txn.h"

#define DRAIN_POLL_MS	50u
#define DRAIN_MAX_MS	5000u
#define DAY_MS		86400000u

struct queue_daemon {
	struct queue		 q;
	struct queue_sts	*sts;
	struct queue_tlsrpt	*tlsrpt;
	char			 contact[ADDR_TEXT_MAX + 16];
	struct timer		 drain_timer;
	uint64_t		 drain_until_ms;
};

static struct queue *
queue_of(const struct ipc_peer *peer)
{
	return &((struct queue_daemon *)daemon_state(ipc_peer_arg(peer)))->q;
}

#define HANDLER(part, name, msg)						\
static void								\
on_##msg(struct ipc_peer *peer, const void *m, struct ipc_in *in)	\
{									\
	part##_on_##name(queue_of(peer), peer, (const struct ipc_##msg *)m, in); \
}
HANDLER(queue_txn, open, queue_open)
HANDLER(queue_txn, rcpt, queue_rcpt)
HANDLER(queue_txn, file, queue_file)
HANDLER(queue_txn, commit, queue_commit)
HANDLER(queue_txn, abort, queue_abort)
HANDLER(queue_keyd, begin, fact_begin)
HANDLER(queue_keyd, account, fact_account)
HANDLER(queue_keyd, gone, fact_account_gone)
HANDLER(queue_keyd, alias, fact_alias)
HANDLER(queue_keyd, end, fact_end)
HANDLER(queue_keyd, token_key, token_key)
HANDLER(queue_keyd, token_revoke, token_revoke)
HANDLER(queue_keyd, heard, facts_heard)
#undef HANDLER

static const struct ipc_handler smtpd_handlers[] = {
	{ IPC_MSG_queue_open, on_queue_open },
	{ IPC_MSG_queue_rcpt, on_queue_rcpt },
	{ IPC_MSG_queue_file, on_queue_file },
	{ IPC_MSG_queue_commit, on_queue_commit },
	{ IPC_MSG_queue_abort, on_queue_abort },
	{ 0, NULL }
};
static const struct ipc_handler keyd_handlers[] = {
	{ IPC_MSG_fact_begin, on_fact_begin },
	{ IPC_MSG_fact_account, on_fact_account },
	{ IPC_MSG_fact_account_gone, on_fact_account_gone },
	{ IPC_MSG_fact_alias, on_fact_alias },
	{ IPC_MSG_fact_end, on_fact_end },
	{ IPC_MSG_token_key, on_token_key },
	{ IPC_MSG_token_revoke, on_token_revoke },
	{ IPC_MSG_facts_heard, on_facts_heard },
	{ 0, NULL }
};

/* ---- policies of relay ---- */

static struct queue_sts *
sts_of(const struct ipc_peer *peer)
{
	return ((struct queue_daemon *)daemon_state(ipc_peer_arg(peer)))->sts;
}

static void
on_sts_get(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_sts_get *m = msg;
	struct ipc_sts_policy reply = { .found = false };
	struct queue_sts_policy p;

	if (queue_sts_find(sts_of(peer), m->domain, &p))
		reply = (struct ipc_sts_policy){ .found = true, .fetched_s = p.fetched_s,
		    .max_age = p.max_age_s, .id = p.id, .body = p.body };
	ipc_reply(peer, in->id, IPC_MSG_sts_policy, &reply);
}

static void
on_sts_put(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_sts_put *m = msg;
	struct queue_sts_policy p = { .domain = m->domain, .id = m->id, .body = m->body,
	    .fetched_s = m->fetched_s, .max_age_s = m->max_age };

	(void)in;
	if (queue_sts_put(sts_of(peer), &p) != ERR_OK)
		ipc_peer_violation(peer, "sts_put: not a policy");
}

static void
on_tlsrpt_put(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	struct queue_daemon *d = daemon_state(ipc_peer_arg(peer));

	if (queue_tlsrpt_put(d->tlsrpt, m, peer, in->id) != ERR_OK)
		ipc_peer_violation(peer, "tlsrpt_put: not sums of sessions");
}

static const struct ipc_handler relay_handlers[] = {
	{ IPC_MSG_sts_get, on_sts_get },
	{ IPC_MSG_sts_put, on_sts_put },
	{ IPC_MSG_tlsrpt_put, on_tlsrpt_put },
	{ 0, NULL }
};
static void
on_over(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	(void)in;
	if (queue_quota_set(&queue_of(peer)->quota, m) != ERR_OK)
		ipc_peer_violation(peer, "nobody is over so");
}

static const struct ipc_handler store_handlers[] = {
	{ IPC_MSG_store_over, on_over },
	{ 0, NULL }
};
static const struct ipc_handler no_handlers[] = {
	{ 0, NULL }
};

static struct queue *
queue_of_app(struct daemon_app *app)
{
	return &((struct queue_daemon *)daemon_state(app))->q;
}

static void
smtpd_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	queue_txn_join(queue_of_app(app), peer);
}

static void
smtpd_left(struct daemon_app *app, struct ipc_peer *peer)
{
	queue_txn_leave(queue_of_app(app), peer);
}

static void
deliver_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	struct queue *q = queue_of_app(app);

	must(q->deliver_count < QUEUE_PEERS_MAX);
	q->delivers[q->deliver_count++] = peer;
	queue_run_back(q);
}

static void
deliver_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct queue *q = queue_of_app(app);
	unsigned i;

	for (i = 0; i < q->deliver_count; i++)
		if (q->delivers[i] == peer) {
			q->delivers[i] = q->delivers[--q->deliver_count];
			break;
		}
	queue_run_arm(q);
}

static void
relay_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	queue_relay_join(queue_of_app(app), peer);
}

static void
relay_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct queue_daemon *d = daemon_state(app);

	queue_tlsrpt_left(d->tlsrpt, peer);
	queue_relay_leave(&d->q, peer);
}

static void
store_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	struct queue *q = queue_of_app(app);

	q->store = peer;
	queue_forget_send(q);
	queue_run_back(q);
}

static void
store_left(struct daemon_app *app, struct ipc_peer *peer)
{
	struct queue *q = queue_of_app(app);

	if (q->store == peer)
		q->store = NULL;
}

static void
keyd_joined(struct daemon_app *app, struct ipc_peer *peer)
{
	queue_keyd_join(queue_of_app(app), peer);
}

static void
keyd_left(struct daemon_app *app, struct ipc_peer *peer)
{
	queue_keyd_leave(queue_of_app(app), peer);
}

static const struct daemon_peer queue_peers[] = {
	{ IPC_SMTPD, smtpd_handlers, smtpd_joined, smtpd_left },
	{ IPC_CMTPD, smtpd_handlers, smtpd_joined, smtpd_left },
	{ IPC_KEYD, keyd_handlers, keyd_joined, keyd_left },
	{ IPC_DELIVER, no_handlers, deliver_joined, deliver_left },
	{ IPC_RELAY, relay_handlers, relay_joined, relay_left },
	{ IPC_STORE, store_handlers, store_joined, store_left },
	{ IPC_NOBODY, NULL, NULL, NULL }
};

/* ---- configuration ---- */

static void
load_domains(struct daemon_app *app, struct queue *q)
{
	const struct domain_options *d;
	const char *title;
	unsigned i, n = daemon_section_count(app, "domain");

	queue_resolve_clear_domains(&q->resolver);
	queue_maps_begin(q->maps);
	for (i = 0; i < n; i++) {
		d = daemon_section(app, "domain", i, &title);
		queue_resolve_add_domain(&q->resolver, &(struct queue_domain_conf){
		    .name = title, .class = d->class, .target = d->target,
		    .size_limit = d->message_size_limit,
		    .aliases = queue_maps_use(q->maps, d->aliases, QUEUE_MAP_FOR_ALIASES),
		    .recipients = queue_maps_use(q->maps, d->recipients,
		    QUEUE_MAP_FOR_RECIPIENTS) });
	}
	queue_maps_end(q->maps);
}

static void
load_routes(struct daemon_app *app, struct queue *q)
{
	const struct route_options *o;
	const char *title;
	unsigned i, n = daemon_section_count(app, "route");

	queue_route_fini(&q->routes);
	for (i = 0; i < n; i++) {
		o = daemon_section(app, "route", i, &title);
		queue_route_add(&q->routes, title, o);
	}
	queue_line_set_routes(q);
}

static void
load_texts(struct daemon_app *app, struct queue *q, const struct queue_options *o)
{
	const struct domain_options *d;
	const char *title, *path;
	unsigned i;
	int fd;

	queue_texts_free(&q->texts);
	q->texts = queue_texts_new();
	for (i = 0; (fd = daemon_file(app, "bounce_template", i, &path)) >= 0; i++)
		queue_texts_add(q->texts, path, fd);
	queue_texts_use(q->texts, NULL, o->bounce_template);
	for (i = 0; (d = daemon_section(app, "domain", i, &title)) != NULL; i++)
		queue_texts_use(q->texts, title, d->bounce_template);
}

static void
load_report_names(struct daemon_app *app, const struct queue_options *o)
{
	struct queue_daemon *d = daemon_state(app);
	struct queue_tlsrpt_names names = { .hostname = d->q.hostname,
	    .organization = o->tls_report_organization, .contact = o->tls_report_contact };
	struct buf b;

	if (names.organization[0] == '\0')
		names.organization = names.hostname;
	buf_init(&b, sizeof(d->contact));
	buf_printf(&b, "postmaster@%s", names.hostname);
	(void)slice_to_cstr(names.contact[0] != '\0' ? slice_str(names.contact) : buf_slice(&b),
	    d->contact, sizeof(d->contact));
	buf_fini(&b);
	names.contact = d->contact;
	queue_tlsrpt_set(d->tlsrpt, &names);
}

static void
load_options(struct daemon_app *app)
{
	const struct queue_options *o = daemon_options(app, "queue", NULL);
	const struct godwit_options *g = daemon_options(app, "godwit", NULL);
	const struct smtpd_options *s = daemon_options(app, "smtpd", NULL);
	struct queue *q = queue_of_app(app);

	must(o != NULL && g != NULL && s != NULL);
	q->limits = (struct queue_limits){
		.minfree_bytes = o->queue_minfree, .message_limit = o->message_limit,
		.direct_ms = o->direct_timeout, .spool_memory = g->spool_memory,
		.warning_ms = o->delay_warning_time,
		.concurrency = (uint32_t)o->destination_concurrency_limit,
		.srs = o->srs,
		.user_rcpts = { s->user_recipient_rate.count, s->user_recipient_rate.per_ms },
		.client_msgs = { s->client_message_rate_limit, s->anvil_rate_time_unit },
		.client_rcpts = { s->client_recipient_rate_limit, s->anvil_rate_time_unit }
	};
	q->srs_domain = o->srs_domain[0] != '\0' ? o->srs_domain : g->default_domain;
	q->srs.separator = "=+-"[o->srs_separator];
	q->srs.max_age_days = (uint32_t)(o->srs_max_age / DAY_MS);
	q->sched.min_backoff_ms = o->minimal_backoff_time;
	q->sched.max_backoff_ms = o->maximal_backoff_time;
	q->sched.lifetime_ms = o->maximal_queue_lifetime;
	q->sched.bounce_lifetime_ms = o->bounce_queue_lifetime;
	q->hostname = daemon_hostname(app);
	queue_resolve_set(&q->resolver, q->hostname, g->postmaster, g->recipient_delimiter);
	load_domains(app, q);
	queue_line_set_limits(q);
	load_report_names(app, o);
	load_routes(app, q);
	load_texts(app, q, o);
}

/* ---- the phases of daemon.h ---- */

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

/* Read the spool; start the writer thread. */
static void
queue_load_spool(struct daemon_app *app)
{
	struct queue_daemon *d = daemon_state(app);
	struct queue *q = &d->q;

	queue_core_init(q, daemon_loop(app), daemon_dir(app), ".");
	d->sts = queue_sts_new(q->loop, q->dir, &q->keys);
	d->tlsrpt = queue_tlsrpt_new(q->loop, q->dir, &q->keys, &queue_tlsrpt_send_ops, q);
	list_push(&q->keeps, &queue_sts_keep(d->sts)->link);
	list_push(&q->keeps, &queue_tlsrpt_keep(d->tlsrpt)->link);
	load_options(app);
	queue_recover_run(q);
	q->flush = queue_flush_new(q->dir, q->table.last_number);
	q->wake = loop_wake_new(q->loop, on_wake, q);
	queue_flush_start(q->flush, wake, q);
}

static void
queue_start(struct daemon_app *app)
{
	queue_compact_arm(queue_of_app(app));
}

/* The files that are kept are on disk. */
static bool
are_kept(struct queue *q)
{
	bool all = true;

	for (struct list *l = q->keeps.next; l != &q->keeps; l = l->next) {
		struct queue_keep *k = obj_of(l, struct queue_keep, link);

		queue_keep_save(k);
		all &= !queue_keep_is_writing(k);
	}
	return all;
}

static bool
is_idle(const struct queue *q)
{
	return list_is_empty(&q->direct) && q->active == 0 && q->works == 0 &&
	    q->copies == 0 && queue_txn_count(q) == 0;
}

/* Everything acknowledged is durable already: only what is in hand matters. */
static void
on_drain(void *arg)
{
	struct daemon_app *app = arg;
	struct queue_daemon *d = daemon_state(app);

	if ((!are_kept(&d->q) || !is_idle(&d->q)) &&
	    loop_now(d->q.loop) < d->drain_until_ms) {
		timer_set(&d->drain_timer, loop_now(d->q.loop) + DRAIN_POLL_MS);
		return;
	}
	queue_flush_stop(d->q.flush);
	queue_flush_collect(d->q.flush);
	queue_forget_send(&d->q);
	daemon_drained(app);
}

static void
queue_drain(struct daemon_app *app)
{
	struct queue_daemon *d = daemon_state(app);

	if (d->q.is_draining)
		return;
	d->q.is_draining = true;
	d->drain_until_ms = loop_now(d->q.loop) + DRAIN_MAX_MS;
	timer_init(&d->drain_timer, d->q.loop, on_drain, app);
	on_drain(app);
}

static void
queue_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	*sessions = 0;
	queue_list_status(queue_of_app(app), note);
}

static void
queue_warn(struct daemon_app *app, uint32_t *dead, struct buf *lines)
{
	struct queue *q = queue_of_app(app);

	*dead = queue_alarm_put(q->sites, loop_real_ms(q->loop), lines);
}

static void
tool_reply(void *arg, uint64_t id, uint8_t code, bool more, struct slice text)
{
	daemon_tool_reply(arg, id, code, more, text);
}

static void
queue_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m,
    struct ipc_in *in)
{
	const struct queue_call call = { .fn = tool_reply, .arg = app, .id = id,
	    .uid = m->uid };

	(void)in;
	queue_tool_run(queue_of_app(app), m->verb, m->args, &call);
}

static const struct opt_section queue_sections[] = {
	CONF_GODWIT_SECTION,
	CONF_DOMAIN_SECTION,
	CONF_ROUTE_SECTION,
	CONF_SMTPD_SECTION,
	QUEUE_OPT_SECTION,
	OPT_SECTIONS_END
};

static const struct daemon queue_daemon = {
	.name = "queue",
	.role = IPC_QUEUE,
	.options = queue_sections,
	.state_bytes = sizeof(struct queue_daemon),
	.peers = queue_peers,
	.may = MAY_IPC | MAY_FILES | MAY_MEMFD | MAY_THREADS,
	.pool_threads = 2,
	.load = queue_load_spool,
	.start = queue_start,
	.reload = load_options,
	.drain = queue_drain,
	.status = queue_status,
	.warn = queue_warn,
	.tool = queue_tool
};

int
main(int argc, char *argv[])
{
	return daemon_main(&queue_daemon, argc, argv);
}
