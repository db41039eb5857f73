/* SPDX-License-Identifier: ISC */
#include "queue/queue_forward.h"

#include <string.h>

#include "lib/base/log.h"
#include "queue/queue_route.h"

#define KEY_MS		10000u	/* keyd answers at once or is not well */
#define ASK_MS		5000u	/* between two questions */

/* ---- keys ---- */

static void
on_keys(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_srs_keys_reply *m = msg;
	struct queue *q = arg;

	(void)in;
	if (e != ERR_OK || type != IPC_MSG_srs_keys_reply || m->keys.n != sizeof(q->srs.keys)) {
		log_event(LOG_key, log_str("action", "srs"), log_str("result", "none"),
		    log_str("reason", e != ERR_OK ? err_text(e) : "keyd refuses"));
		return;
	}
	memcpy(q->srs.keys, m->keys.p, sizeof(q->srs.keys));
	q->srs.has_keys = true;
	q->srs_until_s = m->until_s;
}

void
queue_forward_ask(struct queue *q)
{
	const struct ipc_srs_keys m = { .unused = 0 };

	q->srs_ask_mono_ms = loop_now(q->loop) + ASK_MS;
	if (ipc_call(q->keyd, IPC_MSG_srs_keys, &m, NULL, 0, loop_now(q->loop) + KEY_MS,
	    on_keys, q, NULL) != ERR_OK)
		log_event(LOG_key, log_str("action", "srs"), log_str("result", "none"));
}

/* The keys of the last period do until the new ones come. */
static uint64_t
now_with_keys(struct queue *q)
{
	uint64_t now_s = loop_real_ms(q->loop) / 1000;

	if (q->keyd != NULL && (!q->srs.has_keys || now_s >= q->srs_until_s) &&
	    loop_now(q->loop) >= q->srs_ask_mono_ms)
		queue_forward_ask(q);
	return now_s;
}

/* ---- the way back ---- */

struct returning {
	queue_resolve_fn	*fn;
	void			*arg;
};

/* It leaves us again, for somebody who did not write to that host. */
static enum err
on_returned(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	const struct returning *r = arg;

	return r->fn(r->arg, address, class, a, forwarded || class == QUEUE_REMOTE);
}

static enum err
refuse(struct queue_refusal *why, enum err e, struct slice rcpt)
{
	*why = (struct queue_refusal){ .error = ERR_OK, .dsn = "" };
	if (e == ERR_AGAIN)
		queue_resolve_refuse(why, e, "4.3.0", SLICE_NONE, "Temporary lookup failure");
	else if (e == ERR_TIMEOUT)
		queue_resolve_refuse(why, ERR_DENIED, "5.7.1", rcpt,
		    "Recipient address rejected: return path has expired");
	else
		queue_resolve_refuse(why, ERR_NOTFOUND, "5.1.1", rcpt,
		    "Recipient address rejected: not a return path of ours");
	if (e != ERR_AGAIN)
		log_event(LOG_srs, log_str("action", "refuse"), log_addr("to", rcpt),
		    log_str("reason", e == ERR_TIMEOUT ? "old" : "forged"));
	return why->error;
}

static bool
is_ours(struct queue *q, struct slice domain)
{
	return queue_resolve_is_ours(&q->resolver, domain) ||
	    addr_domain_eq(domain, slice_str(q->srs_domain));
}

enum err
queue_forward_resolve(struct queue *q, struct slice rcpt, bool may_relay,
    queue_resolve_fn *fn, void *arg, struct queue_refusal *why)
{
	struct returning back = { .fn = fn, .arg = arg };
	char text[ADDR_TEXT_MAX + 1];
	struct addr a, to;
	enum err e;

	if (!slice_istarts(rcpt, "SRS") || addr_parse(rcpt, ADDR_UTF8, &a) != ERR_OK ||
	    !is_ours(q, addr_domain(&a)))
		return queue_resolve_rcpt(&q->resolver, rcpt, may_relay, fn, arg, why);
	e = queue_srs_reverse(&q->srs, &a, now_with_keys(q), &to);
	if (e == ERR_NOTFOUND)
		return queue_resolve_rcpt(&q->resolver, rcpt, may_relay, fn, arg, why);
	if (e != ERR_OK)
		return refuse(why, e, rcpt);
	return queue_resolve_rcpt(&q->resolver, addr_text(&to, text), true, on_returned, &back,
	    why);
}

/* ---- the way out ---- */

/* Nobody's domain but ours is rewritten, and a null sender stays one. */
enum err
queue_forward_rewrite(struct queue *q, struct queue_envelope *env)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice out;
	enum err e;

	if (env->forward_sender.n > 0 || !q->limits.srs || q->srs_domain[0] == '\0' ||
	    env->sender.n == 0 || is_ours(q, queue_route_domain(env->sender)))
		return ERR_OK;
	e = queue_srs_forward(&q->srs, env->sender, slice_str(q->srs_domain),
	    now_with_keys(q), text, &out);
	if (e == ERR_LIMIT) {
		log_event(LOG_srs, log_id("m", env->id), log_str("action", "keep"),
		    log_addr("from", env->sender), log_str("reason", "too long"));
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = queue_envelope_dup(env, &env->forward_sender, out);
	if (e == ERR_OK)
		log_event(LOG_srs, log_id("m", env->id), log_str("action", "rewrite"),
		    log_addr("from", env->sender), log_addr("sender", out));
	return e;
}
