/* SPDX-License-Identifier: ISC */
/*
 * An entry is of one domain and one day: it is in the map while it counts,
 * from its first session on until it is given to queue, and then in the list
 * `given` until queue has it.  What is not taken stays there and is given
 * again by the timer.
 */
#include "delivery/dlv_tlsrpt.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/https_call.h"
#include "delivery/tlsrpt_record.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"

#define DAY_MS	86400000u

struct entry {
	struct dlv_tlsrpt	*owner;
	struct map_node		 node;		/* while it counts */
	struct list		 link;		/* of counting or given */
	struct dns_ticket	*ticket;
	bool			 is_wanted;	/* rua is known */
	bool			 is_given;
	uint64_t		 call;		/* 0: none under way */
	struct ipc_peer		*peer;		/* that was called */
	uint32_t		 day;
	struct tls_tally	 tally;
	struct buf		 rua;
	char			 domain[CONF_HOP_NAME_MAX + 1];
};

struct post {
	struct list		 link;
	struct dlv_tlsrpt	*owner;
	struct ipc_peer		*queue;		/* NULL: it went */
	uint64_t		 request;
	struct https_call	*call;
};

struct dlv_tlsrpt {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct ipc_peer		*queue;
	bool			 is_on;
	struct map		 entries;	/* that count, by domain */
	struct list		 counting;
	struct list		 given;
	unsigned		 count;		/* entries in both lists */
	size_t			 bytes;		/* of their tallies */
	struct timer		 timer;
	struct list		 posts;
	unsigned		 post_count;
};

/* ---- entries ---- */

static uint32_t
today(const struct dlv_tlsrpt *r)
{
	return (uint32_t)(loop_real_ms(r->loop) / DAY_MS);
}

static struct entry *
find(const struct dlv_tlsrpt *r, struct slice domain, uint32_t day)
{
	for (struct map_node *n = map_first(&r->entries, hash_slice(domain)); n != NULL;
	    n = map_next(n)) {
		struct entry *e = obj_of(n, struct entry, node);

		if (e->day == day && slice_eq_str(domain, e->domain))
			return e;
	}
	return NULL;
}

static void
drop(struct entry *e)
{
	struct dlv_tlsrpt *r = e->owner;

	if (!e->is_given)
		map_remove(&r->entries, &e->node);
	if (e->call != 0)
		ipc_cancel(e->peer, e->call);
	dns_cancel(&e->ticket);
	list_remove(&e->link);
	r->count--;
	r->bytes -= e->tally.bytes;
	tls_tally_fini(&e->tally);
	buf_fini(&e->rua);
	free(e);
}

static void
arm(struct dlv_tlsrpt *r, uint64_t ms)
{
	if (!timer_is_set(&r->timer))
		timer_set(&r->timer, loop_now(r->loop) + ms);
}

static void
on_txt(void *arg, const struct dns_answer *a)
{
	struct entry *e = arg;

	if (tlsrpt_record_put_rua(&e->rua, a) != ERR_OK || buf_err(&e->rua) != ERR_OK) {
		drop(e);
		return;
	}
	e->is_wanted = true;
	arm(e->owner, DLV_TLSRPT_FLUSH_MS);
}

/* RFC 8460 s3: _smtp._tls.DOMAIN */
static enum err
ask_record(struct entry *e)
{
	struct dlv_tlsrpt *r = e->owner;
	struct buf name;
	enum err err;

	buf_init(&name, 2 * CONF_HOP_NAME_MAX);
	buf_printf(&name, "_smtp._tls.%s", e->domain);
	err = dns_ask(r->dns, buf_slice(&name), DNS_TXT, loop_now(r->loop) + DLV_TLSRPT_TXT_MS,
	    on_txt, e, &e->ticket);
	buf_fini(&name);
	return err;
}

/* NULL: there are too many, or it cannot be asked for. */
static struct entry *
make(struct dlv_tlsrpt *r, struct slice domain, uint32_t day)
{
	struct entry *e;

	if (r->count >= DLV_TLSRPT_DOMAINS_MAX || r->bytes >= DLV_TLSRPT_BYTES_MAX)
		return NULL;
	e = must_alloc(1, sizeof(*e));
	e->owner = r;
	e->day = day;
	tls_tally_init(&e->tally);
	buf_init(&e->rua, TLSRPT_LIST_MAX);
	list_init(&e->link);
	list_push(&r->counting, &e->link);
	(void)slice_to_cstr(domain, e->domain, sizeof(e->domain));
	map_insert(&r->entries, &e->node, hash_slice(domain));
	r->count++;
	if (ask_record(e) == ERR_OK)
		return e;
	drop(e);
	return NULL;
}

bool
dlv_tlsrpt_is_on(const struct dlv_tlsrpt *r)
{
	return r->is_on;
}

void
dlv_tlsrpt_add(struct dlv_tlsrpt *r, const char *name, const struct tls_tally_session *s)
{
	struct slice domain = slice_str(name);
	uint32_t day = today(r);
	struct entry *e;
	size_t before;

	if (!r->is_on || domain.n == 0 || domain.n > CONF_HOP_NAME_MAX)
		return;
	e = find(r, domain, day);
	if (e == NULL)
		e = make(r, domain, day);
	if (e == NULL)
		return;
	before = e->tally.bytes;
	if (r->bytes < DLV_TLSRPT_BYTES_MAX)
		(void)tls_tally_add(&e->tally, s);
	r->bytes += e->tally.bytes - before;
}

unsigned
dlv_tlsrpt_count(const struct dlv_tlsrpt *r)
{
	return r->count;
}

/* ---- to queue ---- */

static void
on_kept(void *arg, enum err err, uint16_t type, const void *m, struct ipc_in *in)
{
	struct entry *e = arg;
	const struct ipc_tlsrpt_kept *reply = m;

	(void)in;
	e->call = 0;
	if (err == ERR_OK && type == IPC_MSG_tlsrpt_kept && reply->is_kept)
		drop(e);
	else
		arm(e->owner, DLV_TLSRPT_RETRY_MS);
}

static void
give(struct entry *e)
{
	struct dlv_tlsrpt *r = e->owner;
	struct ipc_tlsrpt_put m = { .day = e->day, .domain = slice_str(e->domain),
	    .rua = buf_slice(&e->rua) };
	struct buf rows;

	if (!e->is_given) {
		map_remove(&r->entries, &e->node);
		e->is_given = true;
		list_remove(&e->link);
		list_push(&r->given, &e->link);
	}
	buf_init(&rows, TLS_TALLY_PUT_MAX);
	tls_tally_put(&rows, &e->tally);
	m.policies = buf_slice(&rows);
	e->peer = r->queue;
	if (r->queue == NULL || ipc_call(r->queue, IPC_MSG_tlsrpt_put, &m, NULL, 0,
	    loop_now(r->loop) + DLV_TLSRPT_QUEUE_MS, on_kept, e, &e->call) != ERR_OK) {
		e->call = 0;
		arm(r, DLV_TLSRPT_RETRY_MS);
	}
	buf_fini(&rows);
}

void
dlv_tlsrpt_flush(struct dlv_tlsrpt *r)
{
	struct list *n, *tmp;

	timer_stop(&r->timer);
	LIST_EACH(n, tmp, &r->given) {
		struct entry *e = obj_of(n, struct entry, link);

		if (e->call == 0)
			give(e);
	}
	LIST_EACH(n, tmp, &r->counting) {
		struct entry *e = obj_of(n, struct entry, link);

		if (e->is_wanted)
			give(e);
	}
}

static void
on_timer(void *arg)
{
	dlv_tlsrpt_flush(arg);
}

/* ---- posts ---- */

static void
free_post(struct post *p)
{
	https_call_cancel(&p->call);
	list_remove(&p->link);
	p->owner->post_count--;
	free(p);
}

static void
answer_post(struct ipc_peer *queue, uint64_t request, enum err e, const char *why)
{
	const struct ipc_tlsrpt_posted m = { .error = e,
	    .reason = slice_head(slice_str(why), 255) };

	ipc_reply(queue, request, IPC_MSG_tlsrpt_posted, &m);
}

static void
on_posted(void *arg, const struct https_call_result *r)
{
	struct post *p = arg;

	p->call = NULL;
	if (p->queue != NULL)
		answer_post(p->queue, p->request, r->e, r->e == ERR_OK ? "" : r->why);
	free_post(p);
}

/* RFC 8460 s5.4 */
void
dlv_tlsrpt_on_post(struct dlv_tlsrpt *r, struct ipc_peer *queue,
    const struct ipc_tlsrpt_post *m, struct ipc_in *in)
{
	struct https_call_params call = { .loop = r->loop, .dns = r->dns, .tls = r->tls,
	    .type = "application/tlsrpt+gzip", .body = m->report };
	struct tlsrpt_uri uri;
	struct post *p;

	if (tlsrpt_record_parse_uri(&uri, m->uri) != ERR_OK) {
		answer_post(queue, in->id, ERR_SYNTAX, "not a URI");
		return;
	}
	if (r->post_count >= DLV_TLSRPT_POSTS_MAX) {
		answer_post(queue, in->id, ERR_BUSY, "too many at the same time");
		return;
	}
	p = must_alloc(1, sizeof(*p));
	p->owner = r;
	p->queue = queue;
	p->request = in->id;
	list_init(&p->link);
	list_push(&r->posts, &p->link);
	r->post_count++;
	call.host = uri.host;
	call.port = uri.port;
	call.path = uri.path;
	p->call = https_call_new(&call, on_posted, p);
}

void
dlv_tlsrpt_left(struct dlv_tlsrpt *r, struct ipc_peer *queue)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &r->posts) {
		struct post *p = obj_of(n, struct post, link);

		if (p->queue == queue)
			free_post(p);
	}
}

/* ---- life ---- */

struct dlv_tlsrpt *
dlv_tlsrpt_new(struct loop *loop, struct dns *dns, struct tls_client_ctx *tls)
{
	struct dlv_tlsrpt *r = must_alloc(1, sizeof(*r));

	r->loop = loop;
	r->dns = dns;
	r->tls = tls;
	map_init(&r->entries);
	list_init(&r->counting);
	list_init(&r->given);
	list_init(&r->posts);
	timer_init(&r->timer, loop, on_timer, r);
	return r;
}

void
dlv_tlsrpt_free(struct dlv_tlsrpt **rp)
{
	struct dlv_tlsrpt *r = *rp;
	struct list *n, *tmp;

	*rp = NULL;
	if (r == NULL)
		return;
	LIST_EACH(n, tmp, &r->counting)
		drop(obj_of(n, struct entry, link));
	LIST_EACH(n, tmp, &r->given)
		drop(obj_of(n, struct entry, link));
	LIST_EACH(n, tmp, &r->posts)
		free_post(obj_of(n, struct post, link));
	timer_stop(&r->timer);
	map_fini(&r->entries);
	free(r);
}

void
dlv_tlsrpt_set(struct dlv_tlsrpt *r, bool is_on)
{
	r->is_on = is_on;
}

/* The pending calls to the old one have ended, or will. */
void
dlv_tlsrpt_set_queue(struct dlv_tlsrpt *r, struct ipc_peer *queue)
{
	r->queue = queue;
	if (queue != NULL && r->count > 0)
		arm(r, DLV_TLSRPT_FLUSH_MS);
}
