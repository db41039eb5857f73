/* SPDX-License-Identifier: ISC */
/*
 * Tickets and questions.  A ticket stands in the list of its question until
 * that has an answer, or is late; then in the ready list until the end of the
 * loop turn, when its fn is called (deliver).  A question lives from its first
 * ticket to its answer or its last ticket; it waits its turn when as many as
 * may be are on the wire (pump).
 */
#include "lib/dns/dns.h"

#include <stdlib.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/dns/dns_answer_priv.h"
#include "lib/dns/dns_cache.h"
#include "lib/dns/dns_query.h"

struct dns {
	struct dns_query_env env;
	struct dns_cache cache;
	struct map	 questions;
	struct list	 waiting;	/* of questions */
	struct list	 running;
	unsigned	 running_count;
	unsigned	 ticket_count;
	struct list	 ready;		/* of tickets */
	struct loop_idle turn_end;
	bool		 is_delivering;
};

struct question {
	struct map_node	 node;
	struct list	 link;		/* waiting or running */
	struct dns	*dns;
	struct list	 tickets;
	bool		 is_running;
	struct dns_query query;
};

struct dns_ticket {
	struct list	 link;		/* of its question, or ready */
	struct dns	*dns;
	struct question	*question;	/* NULL: ready */
	struct dns_answer *answer;	/* when ready */
	struct timer	 deadline;
	dns_fn		*fn;
	void		*arg;
	struct dns_ticket **self;	/* the asker's pointer */
};

/* ---- questions ---- */

static uint64_t
hash_key(const struct dns_name *name, enum dns_type type)
{
	return hash_slice(dns_name_slice(name)) ^ hash_u64((uint64_t)type);
}

static struct question *
question_find(const struct dns *d, const struct dns_name *name,
    enum dns_type type)
{
	struct map_node *n;
	struct question *q;

	for (n = map_first(&d->questions, hash_key(name, type)); n != NULL;
	    n = map_next(n)) {
		q = obj_of(n, struct question, node);
		if (q->query.wire.type == type &&
		    slice_eq(dns_name_slice(&q->query.asked),
		    dns_name_slice(name)))
			return q;
	}
	return NULL;
}

static void
question_free(struct question *q)
{
	struct dns *d = q->dns;

	must(list_is_empty(&q->tickets));
	dns_query_stop(&q->query);
	d->running_count -= q->is_running;
	map_remove(&d->questions, &q->node);
	list_remove(&q->link);
	free(q);
}

static void
pump(struct dns *d)
{
	struct list *n;
	struct question *q;

	while (d->running_count < DNS_SOCKETS_MAX &&
	    (n = list_first(&d->waiting)) != NULL) {
		q = obj_of(n, struct question, link);
		list_remove(n);
		list_push(&d->running, n);
		q->is_running = true;
		d->running_count++;
		dns_query_start(&q->query);	/* q may be gone */
	}
}

/* ---- tickets ---- */

static void
ticket_ready(struct dns_ticket *t, const struct dns_answer *a)
{
	timer_stop(&t->deadline);
	list_remove(&t->link);
	list_push(&t->dns->ready, &t->link);
	t->question = NULL;
	t->answer = dns_answer_ref(a);
	loop_defer(t->dns->env.loop, &t->dns->turn_end);
}

static void
ticket_free(struct dns_ticket *t)
{
	t->dns->ticket_count--;
	timer_stop(&t->deadline);
	list_remove(&t->link);
	dns_answer_unref(&t->answer);
	*t->self = NULL;
	free(t);
}

static void
drop_if_unasked(struct question *q)
{
	struct dns *d = q->dns;

	if (!list_is_empty(&q->tickets))
		return;
	question_free(q);
	pump(d);
}

static void
on_deadline(void *arg)
{
	struct dns_ticket *t = arg;
	struct question *q = t->question;
	struct dns_answer *a;

	a = dns_answer_failure(dns_name_slice(&q->query.asked), "timed out");
	ticket_ready(t, a);
	dns_answer_unref(&a);
	drop_if_unasked(q);
}

/* Those that become ready meanwhile have their turn in the next one. */
static void
deliver(void *arg)
{
	struct dns *d = arg;
	struct list now, *n;
	struct dns_ticket *t;

	list_init(&now);
	while ((n = list_first(&d->ready)) != NULL) {
		list_remove(n);
		list_push(&now, n);
	}
	d->is_delivering = true;
	while ((n = list_first(&now)) != NULL) {
		struct dns_answer *a;
		dns_fn *fn;
		void *fn_arg;

		t = obj_of(n, struct dns_ticket, link);
		a = dns_answer_ref(t->answer);
		fn = t->fn;
		fn_arg = t->arg;
		ticket_free(t);
		fn(fn_arg, a);
		dns_answer_unref(&a);
	}
	d->is_delivering = false;
}

/* ---- answers ---- */

static uint64_t
keep_ms(const struct dns_config *c, const struct dns_answer *a)
{
	uint64_t max_ms = c->cache_max_ms, ms = (uint64_t)a->ttl_s * 1000;

	if (a->status == DNS_SERVFAIL)
		return DNS_FAILURE_MS;
	if (a->status != DNS_OK && c->cache_negative_ms < max_ms)
		max_ms = c->cache_negative_ms;
	if (ms < c->cache_min_ms)
		ms = c->cache_min_ms;
	return ms < max_ms ? ms : max_ms;
}

static void
on_answer(void *arg, struct dns_answer *take_answer, bool has_ttl)
{
	struct question *q = arg;
	struct dns *d = q->dns;
	uint64_t ms = keep_ms(&d->env.config, take_answer);
	struct list *n, *tmp;

	if (has_ttl && ms > 0)
		dns_cache_put(&d->cache, dns_name_slice(&q->query.asked),
		    q->query.wire.type, take_answer,
		    loop_now(d->env.loop) + ms);
	LIST_EACH(n, tmp, &q->tickets)
		ticket_ready(obj_of(n, struct dns_ticket, link), take_answer);
	dns_answer_unref(&take_answer);
	question_free(q);
}

/* A ticket that became ready has left a place on the wire. */
static void
on_turn_end(void *arg)
{
	struct dns *d = arg;

	pump(d);
	deliver(d);
}

/* ---- asking ---- */

static struct question *
question_new(struct dns *d, const struct dns_name *name, enum dns_type type)
{
	struct question *q = must_alloc(1, sizeof(*q));

	q->dns = d;
	list_init(&q->tickets);
	list_init(&q->link);
	list_push(&d->waiting, &q->link);
	map_insert(&d->questions, &q->node, hash_key(name, type));
	dns_query_init(&q->query, &d->env, name, type, on_answer, q);
	return q;
}

static void
ticket_join(struct dns_ticket *t, const struct dns_name *name,
    enum dns_type type, uint64_t deadline_ms)
{
	struct dns *d = t->dns;
	struct question *q = question_find(d, name, type);

	if (q != NULL)
		d->env.counts.merged++;
	else
		q = question_new(d, name, type);
	t->question = q;
	list_push(&q->tickets, &t->link);
	timer_set(&t->deadline, deadline_ms);
	pump(d);
}

enum err
dns_ask(struct dns *d, struct slice name, enum dns_type type,
    uint64_t deadline_ms, dns_fn *fn, void *arg, struct dns_ticket **ticket)
{
	const struct dns_answer *known;
	struct dns_name normal;
	struct dns_ticket *t;
	enum err e;

	*ticket = NULL;
	if ((e = dns_name_read(&normal, name)) != ERR_OK)
		return e;
	if (d->ticket_count >= DNS_TICKETS_MAX)
		return ERR_BUSY;
	t = must_alloc(1, sizeof(*t));
	*t = (struct dns_ticket){
		.dns = d, .fn = fn, .arg = arg, .self = ticket,
	};
	list_init(&t->link);
	timer_init(&t->deadline, d->env.loop, on_deadline, t);
	*ticket = t;
	d->ticket_count++;
	d->env.counts.asked++;
	known = dns_cache_find(&d->cache, dns_name_slice(&normal), type,
	    loop_now(d->env.loop));
	if (known != NULL) {
		d->env.counts.from_cache++;
		ticket_ready(t, known);
	} else {
		ticket_join(t, &normal, type, deadline_ms);
	}
	return ERR_OK;
}

void
dns_cancel(struct dns_ticket **ticket)
{
	struct dns_ticket *t = *ticket;
	struct question *q;

	if (t == NULL)
		return;
	q = t->question;
	ticket_free(t);
	if (q != NULL)
		drop_if_unasked(q);
}

/* ---- life ---- */

struct dns *
dns_new(struct loop *loop, const struct dns_config *config)
{
	struct dns *d = must_alloc(1, sizeof(*d));

	d->env.loop = loop;
	d->env.config = *config;
	dns_server_init(&d->env.servers, config->servers, config->server_count);
	dns_cache_init(&d->cache, config->cache_limit, DNS_CACHE_BYTES_MAX);
	map_init(&d->questions);
	list_init(&d->waiting);
	list_init(&d->running);
	list_init(&d->ready);
	loop_idle_init(&d->turn_end, on_turn_end, d);
	return d;
}

/* What is on the wire was asked of servers that are no longer believed. */
static void
restart(struct dns *d)
{
	struct list *n;

	dns_cache_clear(&d->cache);
	while ((n = list_first(&d->running)) != NULL) {
		struct question *q = obj_of(n, struct question, link);

		dns_query_stop(&q->query);
		q->is_running = false;
		d->running_count--;
		list_remove(n);
		list_push(&d->waiting, n);
	}
	loop_defer(d->env.loop, &d->turn_end);
}

void
dns_set_config(struct dns *d, const struct dns_config *config)
{
	bool is_same = config->is_trusted == d->env.config.is_trusted &&
	    dns_server_same(&d->env.servers, config->servers,
	    config->server_count);

	d->env.config = *config;
	dns_cache_set_limit(&d->cache, config->cache_limit);
	if (is_same)
		return;
	dns_server_init(&d->env.servers, config->servers, config->server_count);
	restart(d);
}

static void
free_questions(struct list *questions)
{
	struct list *n, *ticket;

	while ((n = list_first(questions)) != NULL) {
		struct question *q = obj_of(n, struct question, link);

		while ((ticket = list_first(&q->tickets)) != NULL)
			ticket_free(obj_of(ticket, struct dns_ticket, link));
		question_free(q);
	}
}

void
dns_free(struct dns **dp)
{
	struct dns *d = *dp;
	struct list *n;

	if (d == NULL)
		return;
	must(!d->is_delivering);
	*dp = NULL;
	free_questions(&d->waiting);
	free_questions(&d->running);
	while ((n = list_first(&d->ready)) != NULL)
		ticket_free(obj_of(n, struct dns_ticket, link));
	loop_idle_cancel(&d->turn_end);
	dns_cache_fini(&d->cache);
	map_fini(&d->questions);
	free(d);
}

struct dns_counts
dns_counts(const struct dns *d)
{
	return d->env.counts;
}
