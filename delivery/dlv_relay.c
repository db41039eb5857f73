/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_relay.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_known.h"
#include "delivery/dlv_lookup.h"
#include "delivery/dlv_mail2.h"
#include "delivery/dlv_postage.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/daemon/daemon.h"
#include "lib/mail/addr.h"
#include "lib/seal/seal.h"

#define ANSWER_MS	1000u	/* for the answer to reach queue in time */

struct dlv_relay {
	struct loop		*loop;
	struct dns		*dns;
	struct dlv_sts		*sts;
	struct dlv_tlsrpt	*tlsrpt;
	struct dlv_pool		*pool;
	struct dlv_self		*self;
	struct dlv_lookup	*lookup;	/* NULL: going down */
	struct dlv_known	*known;
	struct dlv_postage	*postage;
	struct seal_press	*press;
	struct dlv_mail2_room	 room;
	struct charset_set	*charsets;
	const char		*hostname;
	unsigned		 job_limit;
	struct dlv_smtp_env	 env;
	struct relay_options	 options;	/* what it points to is the daemon's */
	struct dlv_route	**routes;	/* the first is the default */
	unsigned		 route_count;
	struct list		 jobs;		/* at work */
	unsigned		 job_count;
	struct list		 line;		/* waiting */
	unsigned		 line_count;
	struct loop_idle	 turn;
	bool			 is_draining;
	bool			 is_leaving;	/* the last job is done */
	timer_fn		*drained;
	void			*drained_arg;
};

struct job {
	struct list		 link;
	struct dlv_relay	*relay;
	struct ipc_peer		*queue;		/* NULL: nobody to answer */
	uint64_t		 request;
	uint64_t		 deadline_ms;
	uint64_t		 taken_ms;
	struct dlv_route	*route;
	struct dlv_mail		 mail;
	struct dlv_smtp		*smtp;		/* NULL: in line */
	char			*text;		/* what the slices of mail point into */
};

/* ---- options ---- */

static struct dlv_pool_config
pool_config(const struct relay_options *o)
{
	return (struct dlv_pool_config){ .session_limit = (unsigned)o->session_limit,
	    .cache_ms = o->connection_cache_time, .reuse_ms = o->connection_reuse_time,
	    .reuse_count = o->connection_reuse_limit,
	    .times = { .connect_ms = o->connect_timeout, .phase_ms = {
		[SMTP_PHASE_HELO] = o->helo_timeout, [SMTP_PHASE_MAIL] = o->mail_timeout,
		[SMTP_PHASE_RCPT] = o->rcpt_timeout,
		[SMTP_PHASE_DATA_INIT] = o->data_init_timeout,
		[SMTP_PHASE_DATA_XFER] = o->data_xfer_timeout,
		[SMTP_PHASE_DATA_DONE] = o->data_done_timeout,
		[SMTP_PHASE_RSET] = o->rset_timeout } } };
}

static void
set_env(struct dlv_relay *r, const struct relay_options *o)
{
	r->job_limit = (unsigned)o->job_limit;
	dlv_sts_set(r->sts, o->mta_sts, (uint16_t)o->mta_sts_port);
	dlv_tlsrpt_set(r->tlsrpt, o->tlsrpt);
	r->env = (struct dlv_smtp_env){ .loop = r->loop, .dns = r->dns, .sts = r->sts,
	    .tlsrpt = r->tlsrpt, .pool = r->pool,
	    .lookup = r->lookup, .known = r->known, .postage = r->postage, .press = r->press,
	    .room = &r->room, .charsets = r->charsets,
	    .hostname = r->hostname, .self = r->self,
	    .preference = (enum relay_preference)o->address_preference,
	    .address_limit = (unsigned)o->mx_address_limit,
	    .session_limit = (unsigned)o->mx_session_limit, .port = (uint16_t)o->port };
}

void
dlv_relay_set_options(struct dlv_relay *r, const struct relay_options *o)
{
	struct dlv_pool_config c = pool_config(o);

	dlv_pool_set_config(r->pool, &c);
	set_env(r, o);
	r->options = *o;
}

static void
drop_routes(struct dlv_relay *r)
{
	for (unsigned i = 0; i < r->route_count; i++)
		dlv_route_unref(&r->routes[i]);
	free(r->routes);
	r->routes = NULL;
	r->route_count = 0;
}

static void
add_route(struct dlv_relay *r, struct dlv_route *route)
{
	r->routes = must_realloc(r->routes, r->route_count + 1, sizeof(*r->routes));
	r->routes[r->route_count++] = route;
}

void
dlv_relay_begin_routes(struct dlv_relay *r)
{
	drop_routes(r);
	add_route(r, dlv_route_new("", NULL, &r->options));
	if (r->lookup != NULL)
		dlv_lookup_set_route(r->lookup, r->routes[0]);
}

void
dlv_relay_add_route(struct dlv_relay *r, const char *title, const struct route_options *o)
{
	add_route(r, dlv_route_new(title, o, &r->options));
}

static struct dlv_route *
find_route(const struct dlv_relay *r, struct slice title)
{
	for (unsigned i = 0; i < r->route_count; i++)
		if (slice_eq_str(title, r->routes[i]->title))
			return r->routes[i];
	return NULL;
}

void
dlv_relay_set_self(struct dlv_relay *r, struct dlv_self *self)
{
	must(r->self == NULL);
	r->self = self;
	r->env.self = self;
}

void
dlv_relay_set_keyd(struct dlv_relay *r, struct ipc_peer *keyd)
{
	dlv_pool_set_keyd(r->pool, keyd);
}

void
dlv_relay_set_queue(struct dlv_relay *r, struct ipc_peer *queue)
{
	dlv_sts_set_queue(r->sts, queue);
	dlv_tlsrpt_set_queue(r->tlsrpt, queue);
}

void
dlv_relay_post(struct dlv_relay *r, struct ipc_peer *queue, const struct ipc_tlsrpt_post *m,
    struct ipc_in *in)
{
	dlv_tlsrpt_on_post(r->tlsrpt, queue, m, in);
}

/* RFC 8460 s4.3.2.2: counted for the domain, though no session was begun. */
static void
on_no_policy(void *arg, const char *domain, enum tls_failure failure, const char *why)
{
	const struct dlv_relay *r = arg;
	const struct tls_tally_session s = { .type = TLS_POLICY_STS, .failure = failure,
	    .domain = slice_str(domain), .reason = slice_str(why), .count = 1 };

	dlv_tlsrpt_add(r->tlsrpt, domain, &s);
}

/* ---- a job's end ---- */

static void
free_job(struct job *j)
{
	struct dlv_relay *r = j->relay;

	list_remove(&j->link);
	dlv_smtp_free(&j->smtp);
	dlv_source_close(&j->mail.source);
	for (unsigned i = 0; i < j->mail.count; i++)
		dlv_outcome_unref(&j->mail.rcpts[i].outcome);
	dlv_route_unref(&j->route);
	free(j->mail.rcpts);
	free(j->text);
	free(j);
	loop_defer(r->loop, &r->turn);
}

static void
answer(struct job *j, enum relay_feedback feedback)
{
	struct ipc_relay_done m = { .feedback = (uint8_t)feedback };
	struct buf b;

	if (j->queue == NULL)
		return;
	buf_init(&b, DLV_RESULTS_MAX);
	for (unsigned i = 0; i < j->mail.count; i++)
		dlv_outcome_put(&b, j->mail.rcpts[i].outcome, j->mail.rcpts[i].idx,
		    j->mail.count);
	must(buf_err(&b) == ERR_OK);
	m.results = buf_slice(&b);
	daemon_crash_at("relay.done");
	ipc_reply(j->queue, j->request, IPC_MSG_relay_done, &m);
	buf_fini(&b);
}

static void
on_settled(void *arg)
{
	struct job *j = arg;

	answer(j, dlv_smtp_feedback(j->smtp));
	j->relay->job_count--;
	free_job(j);
}

/* Before it is at work. */
static void
refuse(struct job *j, const struct dlv_verdict *v)
{
	uint64_t now = loop_now(j->relay->loop);
	struct dlv_delays d = { .before_ms = j->mail.active_ms > j->mail.arrival_ms ?
	    j->mail.active_ms - j->mail.arrival_ms : 0, .queue_ms = now - j->taken_ms };

	dlv_mail_fail(&j->mail, v, &d);
	answer(j, v->feedback);
	free_job(j);
}

static void
refuse_for(struct job *j, enum err e, const char *dsn, const char *text)
{
	struct dlv_verdict v;

	dlv_verdict_set(&v, e, RELAY_UNKNOWN, dsn, "%s", text);
	refuse(j, &v);
}

/* ---- a job's beginning ---- */

static struct slice
keep(char **at, struct slice s)
{
	struct slice kept = slice_of(*at, s.n);

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

/*
 * The sender with its domain as A-labels, so that the address needs SMTPUTF8
 * only where its local part does.  The local part stays as it is.
 */
static struct slice
keep_sender(char **at, struct slice sender)
{
	size_t domain = slice_rfind(sender, '@') + 1;
	char mem[ADDR_DOMAIN_MAX + 1];
	struct slice canon, local;

	if (domain >= sender.n || addr_canon_domain(slice_from(sender, domain), mem,
	    &canon) != ERR_OK)
		return keep(at, sender);
	local = keep(at, slice_head(sender, domain));
	canon = keep(at, canon);
	return slice_of(local.p, local.n + canon.n);
}

/* What the frame holds outlives it; returns the recipients' bytes. */
static struct slice
keep_text(struct job *j, const struct ipc_relay_job *m)
{
	char *at;

	j->text = must_alloc(1, m->site.n + m->sender.n + ADDR_DOMAIN_MAX + m->envid.n + m->rcpts.n + 1);
	at = j->text;
	j->mail.site = keep(&at, m->site);
	j->mail.sender = keep_sender(&at, m->sender);
	j->mail.envid = keep(&at, m->envid);
	return keep(&at, m->rcpts);
}

/* ERR_VIOLATION: the list is not what queue may send. */
static enum err
read_rcpts(struct job *j, struct slice list)
{
	struct ipc_reader r = ipc_reader_of(list);
	struct ipc_relay_rcpt m;

	j->mail.rcpts = must_alloc(RELAY_JOB_RCPTS, sizeof(*j->mail.rcpts));
	while (ipc_reader_more(&r)) {
		ipc_relay_rcpt_get(&r, &m);
		if (r.bad || j->mail.count == RELAY_JOB_RCPTS || m.address.n == 0)
			return ERR_VIOLATION;
		j->mail.rcpts[j->mail.count++] = (struct dlv_rcpt_to){ .idx = m.idx,
		    .notify = m.notify, .address = m.address, .original = m.original,
		    .orcpt = m.orcpt };
	}
	return j->mail.count == 0 ? ERR_VIOLATION : ipc_reader_done(&r);
}

static struct job *
new_job(struct dlv_relay *r, struct ipc_peer *queue, const struct ipc_relay_job *m,
    const struct ipc_in *in)
{
	struct job *j = must_alloc(1, sizeof(*j));

	list_init(&j->link);
	j->relay = r;
	j->queue = queue;
	j->request = in->id;
	j->taken_ms = loop_now(r->loop);
	j->deadline_ms = in->deadline_ms > j->taken_ms + 2 * ANSWER_MS ?
	    in->deadline_ms - ANSWER_MS : j->taken_ms + ANSWER_MS;
	j->mail = (struct dlv_mail){ .msg = m->msg, .session = m->session,
	    .arrival_ms = m->arrival_ms,
	    .active_ms = m->active_ms, .retry_ms = m->retry_ms, .flags = m->flags,
	    .source = { .fd = -1 } };
	return j;
}

static void
begin(struct job *j)
{
	struct dlv_relay *r = j->relay;

	r->job_count++;
	list_push(&r->jobs, &j->link);
	j->smtp = dlv_smtp_new(&r->env, &j->mail, j->route, j->deadline_ms, on_settled, j);
}

void
dlv_relay_take(struct dlv_relay *r, struct ipc_peer *queue, const struct ipc_relay_job *m,
    struct ipc_in *in)
{
	struct job *j = new_job(r, queue, m, in);
	struct dlv_route *route = find_route(r, m->route);

	if (read_rcpts(j, keep_text(j, m)) != ERR_OK) {
		free_job(j);
		ipc_peer_violation(queue, "relay_job: recipients");
		return;
	}
	if (dlv_source_open(&j->mail.source, ipc_take_fd(in, 0), m->form, m->size,
	    m->key) != ERR_OK) {
		refuse_for(j, ERR_IO, "4.3.0", "The message cannot be read");
	} else if (route == NULL) {
		refuse_for(j, ERR_AGAIN, "4.3.5", "The route is not known here");
	} else if (r->is_draining || r->line_count >= DLV_LINE_MAX) {
		refuse_for(j, ERR_BUSY, "4.3.2", "Too many deliveries at the same time");
	} else {
		j->route = dlv_route_ref(route);
		list_push(&r->line, &j->link);
		r->line_count++;
		loop_defer(r->loop, &r->turn);
	}
}

/* ---- keys of other servers ---- */

void
dlv_relay_find(struct dlv_relay *r, struct ipc_peer *cmtpd, const struct ipc_cmtp_find *m,
    struct ipc_in *in)
{
	const struct ipc_cmtp_found down = { .error = ERR_AGAIN,
		.reason = SLICE_LIT("relay is going down") };

	if (r->lookup != NULL && !r->is_draining)
		dlv_lookup_take(r->lookup, cmtpd, m, in);
	else
		ipc_reply(cmtpd, in->id, IPC_MSG_cmtp_found, &down);
}

void
dlv_relay_pass(struct dlv_relay *r, struct ipc_peer *cmtpd, const struct ipc_cmtp_ask *m,
    struct ipc_in *in)
{
	const struct ipc_cmtp_asked down = { .status = CMTP2_LATER };

	if (r->lookup != NULL && !r->is_draining)
		dlv_lookup_pass(r->lookup, cmtpd, m, in);
	else
		ipc_reply(cmtpd, in->id, IPC_MSG_cmtp_asked, &down);
}

void
dlv_relay_pass1(struct dlv_relay *r, struct ipc_peer *cmtpd, const struct ipc_cmtp1_ask *m,
    struct ipc_in *in)
{
	const struct ipc_cmtp1_asked down = { .key = SLICE_NONE };

	if (r->lookup != NULL && !r->is_draining)
		dlv_lookup_pass1(r->lookup, cmtpd, m, in);
	else
		ipc_reply(cmtpd, in->id, IPC_MSG_cmtp1_asked, &down);
}

void
dlv_relay_cmtpd_left(struct dlv_relay *r, struct ipc_peer *cmtpd)
{
	if (r->lookup != NULL)
		dlv_lookup_left(r->lookup, cmtpd);
}

/* ---- turns ---- */

static struct job *
first_in_line(struct dlv_relay *r)
{
	struct list *n = list_first(&r->line);
	struct job *j = n == NULL ? NULL : obj_of(n, struct job, link);

	if (j != NULL) {
		list_remove(n);
		r->line_count--;
	}
	return j;
}

static void
on_pool_drained(void *arg)
{
	struct dlv_relay *r = arg;

	r->drained(r->drained_arg);
}

static void
on_turn(void *arg)
{
	struct dlv_relay *r = arg;
	struct job *j;

	while (r->job_count < r->job_limit && (j = first_in_line(r)) != NULL) {
		if (loop_now(r->loop) < j->deadline_ms)
			begin(j);
		else
			refuse_for(j, ERR_BUSY, "4.3.2", "Too many deliveries at the same time");
	}
	if (r->is_draining && r->job_count == 0 && !r->is_leaving) {
		r->is_leaving = true;
		dlv_tlsrpt_flush(r->tlsrpt);
		dlv_lookup_free(&r->lookup);
		r->env.lookup = NULL;
		dlv_pool_drain(r->pool, on_pool_drained, r);
	}
}

void
dlv_relay_queue_left(struct dlv_relay *r, struct ipc_peer *queue)
{
	struct list *n, *tmp;

	dlv_tlsrpt_left(r->tlsrpt, queue);
	LIST_EACH(n, tmp, &r->line) {
		struct job *j = obj_of(n, struct job, link);

		if (j->queue == queue) {
			r->line_count--;
			free_job(j);
		}
	}
	LIST_EACH(n, tmp, &r->jobs) {
		struct job *j = obj_of(n, struct job, link);

		if (j->queue != queue)
			continue;
		j->queue = NULL;
		/* Its successor gives the message again; but what is sent is sent. */
		if (!dlv_smtp_is_finishing(j->smtp)) {
			r->job_count--;
			free_job(j);
		}
	}
}

/* ---- life ---- */

struct dlv_relay *
dlv_relay_new(const struct dlv_relay_parts *p)
{
	struct dlv_relay *r = must_alloc(1, sizeof(*r));
	struct dlv_pool_config c = pool_config(p->options);

	r->loop = p->loop;
	r->dns = p->dns;
	r->sts = dlv_sts_new(p->loop, p->dns, p->tls);
	r->tlsrpt = dlv_tlsrpt_new(p->loop, p->dns, p->tls);
	dlv_sts_set_failed(r->sts, on_no_policy, r);
	r->pool = dlv_pool_new(p->loop, p->hostname, p->tls, &c);
	r->options = *p->options;
	list_init(&r->jobs);
	list_init(&r->line);
	loop_idle_init(&r->turn, on_turn, r);
	r->known = dlv_known_new();
	r->postage = dlv_postage_new(p->loop);
	r->press = seal_press_new();
	r->charsets = p->charsets;
	r->hostname = p->hostname;
	set_env(r, p->options);
	r->lookup = dlv_lookup_new(&r->env);
	r->env.lookup = r->lookup;
	dlv_relay_begin_routes(r);
	return r;
}

void
dlv_relay_free(struct dlv_relay **rp)
{
	struct dlv_relay *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	must(r->job_count == 0 && r->line_count == 0);
	loop_idle_cancel(&r->turn);
	dlv_lookup_free(&r->lookup);
	dlv_known_free(&r->known);
	dlv_postage_free(&r->postage);
	seal_press_free(&r->press);
	drop_routes(r);
	dlv_pool_free(&r->pool);
	dlv_sts_free(&r->sts);
	dlv_tlsrpt_free(&r->tlsrpt);
	dlv_self_free(&r->self);
	free(r);
}

unsigned
dlv_relay_job_count(const struct dlv_relay *r)
{
	return r->job_count + r->line_count;
}

unsigned
dlv_relay_session_count(const struct dlv_relay *r)
{
	return dlv_pool_count(r->pool);
}

void
dlv_relay_drain(struct dlv_relay *r, timer_fn *fn, void *arg)
{
	struct job *j;

	r->is_draining = true;
	r->drained = fn;
	r->drained_arg = arg;
	while ((j = first_in_line(r)) != NULL)
		refuse_for(j, ERR_AGAIN, "4.3.2", "The system is shutting down");
	loop_defer(r->loop, &r->turn);
}
