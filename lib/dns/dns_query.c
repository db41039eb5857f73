/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_query.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/dns/dns_answer_priv.h"

static void	 try_next(struct dns_query *);

/* ---- servers ---- */

static void
log_server(const struct dns_query *q, const char *state, const char *reason)
{
	char text[CONN_ADDR_TEXT_BYTES];

	conn_addr_str(text, &q->env->servers.v[q->server].addr);
	log_event(LOG_resolver, log_str("server", text),
	    log_str("state", state), log_str("reason", reason));
}

static void
server_answered(struct dns_query *q)
{
	if (dns_server_answered(&q->env->servers, q->server))
		log_server(q, "up", "it answers again");
}

static void
server_failed(struct dns_query *q, const char *reason)
{
	q->reason = reason;
	if (dns_server_failed(&q->env->servers, q->server,
	    loop_now(q->env->loop)))
		log_server(q, "down", reason);
}

/* ---- the end ---- */

static void
finish(struct dns_query *q, struct dns_answer *take_answer, bool has_ttl)
{
	dns_query_stop(q);
	q->fn(q->arg, take_answer, has_ttl);
}

static void
give_up(struct dns_query *q, const char *reason)
{
	finish(q, dns_answer_failure(dns_name_slice(&q->wire.name), reason),
	    true);
}

static void
finish_answer(struct dns_query *q, const struct dns_wire_reply *r)
{
	struct dns_answer *a = r->answer;

	a->is_alias = q->aliases > 0;
	a->is_secure = q->is_secure && q->env->config.is_trusted;
	a->ttl_s = q->ttl_s;
	finish(q, a, r->has_ttl);
}

/* ---- one try ---- */

/* A new id and a new socket for each query that is sent. */
static enum err
send_query(struct dns_query *q, bool is_tcp)
{
	const struct dns_query_env *env = q->env;
	struct buf b;
	enum err e;

	q->wire.id = dns_exchange_random();
	buf_init(&b, DNS_WIRE_QUERY_MAX);
	e = dns_wire_put_query(&b, &q->wire);
	if (e == ERR_OK)
		e = dns_exchange_start(&q->exchange,
		    &env->servers.v[q->server].addr, is_tcp, buf_slice(&b));
	buf_fini(&b);
	if (e == ERR_OK) {
		q->env->counts.sent++;
		q->env->counts.over_tcp += is_tcp;
		timer_set(&q->timer, loop_now(env->loop) + env->config.timeout_ms);
	} else if (e == ERR_GONE) {
		server_failed(q, "the server cannot be reached");
	} else {
		q->reason = "no socket";
	}
	return e;
}

static void
send_again(struct dns_query *q, bool is_tcp)
{
	if (send_query(q, is_tcp) != ERR_OK)
		try_next(q);
}

static void
try_next(struct dns_query *q)
{
	const struct dns_query_env *env = q->env;
	int server;

	dns_exchange_stop(&q->exchange);
	do {
		server = dns_server_pick(&q->env->servers, q->tries,
		    env->config.attempts, loop_now(env->loop));
		if (server < 0) {
			give_up(q, q->reason);
			return;
		}
		q->server = (unsigned)server;
		q->tries[server]++;
		q->strays = 0;
		q->wire.has_edns = true;
	} while (send_query(q, false) != ERR_OK);
}

static void
on_try_timeout(void *arg)
{
	struct dns_query *q = arg;

	server_failed(q, "timed out");
	try_next(q);
}

/* ---- what comes back ---- */

/* Secure is only what is secure all along the chain (RFC 7672 s2.2.2). */
static void
add_step(struct dns_query *q, const struct dns_wire_reply *r)
{
	q->aliases += r->aliases;
	q->is_secure = q->is_secure && r->answer->is_secure;
	if (r->answer->ttl_s < q->ttl_s)
		q->ttl_s = r->answer->ttl_s;
}

static void
go_to_alias(struct dns_query *q, struct dns_wire_reply *r)
{
	enum err e = dns_name_read(&q->wire.name, r->answer->name);

	dns_answer_unref(&r->answer);
	if (e != ERR_OK) {
		give_up(q, "an alias to what is no host name");
		return;
	}
	memset(q->tries, 0, sizeof(q->tries));
	try_next(q);
}

static void
on_step(struct dns_query *q, struct dns_wire_reply *r, bool is_end)
{
	server_answered(q);
	add_step(q, r);
	if (q->aliases > DNS_ALIASES_MAX) {
		dns_answer_unref(&r->answer);
		give_up(q, "too many aliases");
	} else if (is_end) {
		finish_answer(q, r);
	} else {
		go_to_alias(q, r);
	}
}

static void
on_stray(struct dns_query *q)
{
	if (q->exchange.is_tcp) {
		q->reason = "an answer to another question";
		try_next(q);
	} else if (++q->strays > DNS_STRAYS_MAX) {
		send_again(q, true);	/* somebody is guessing */
	}
}

static void
on_truncated(struct dns_query *q)
{
	server_answered(q);
	if (!q->exchange.is_tcp) {
		send_again(q, true);
		return;
	}
	q->reason = "truncated over TCP";
	try_next(q);
}

static void
on_message(void *arg, struct slice message)
{
	struct dns_query *q = arg;
	struct dns_wire_reply r;

	switch (dns_wire_read(message, &q->wire, &r)) {
	case DNS_WIRE_ANSWER:
		on_step(q, &r, true);
		break;
	case DNS_WIRE_ALIAS:
		on_step(q, &r, false);
		break;
	case DNS_WIRE_TRUNCATED:
		on_truncated(q);
		break;
	case DNS_WIRE_NO_EDNS:
		q->wire.has_edns = false;
		send_again(q, q->exchange.is_tcp);
		break;
	case DNS_WIRE_REFUSED:
	case DNS_WIRE_MALFORMED:	/* of the domain, as likely as of the server */
		server_answered(q);
		q->reason = r.reason;
		try_next(q);
		break;
	case DNS_WIRE_STRAY:
		on_stray(q);
		break;
	}
}

static void
on_failed(void *arg, const char *reason)
{
	struct dns_query *q = arg;

	server_failed(q, reason);
	try_next(q);
}

/* ---- life ---- */

void
dns_query_init(struct dns_query *q, struct dns_query_env *env,
    const struct dns_name *name, enum dns_type type, dns_query_fn *fn, void *arg)
{
	static const struct dns_exchange_ops ops = {
		.on_message = on_message, .on_failed = on_failed,
	};

	*q = (struct dns_query){
		.env = env, .fn = fn, .arg = arg, .asked = *name,
		.wire = { .type = type },
	};
	dns_exchange_init(&q->exchange, env->loop, &ops, q);
	timer_init(&q->timer, env->loop, on_try_timeout, q);
}

void
dns_query_start(struct dns_query *q)
{
	q->wire.name = q->asked;
	memset(q->tries, 0, sizeof(q->tries));
	q->aliases = 0;
	q->is_secure = true;
	q->ttl_s = UINT32_MAX;
	q->reason = "no server";
	timer_stop(&q->timer);
	try_next(q);
}

void
dns_query_stop(struct dns_query *q)
{
	timer_stop(&q->timer);
	dns_exchange_stop(&q->exchange);
}
