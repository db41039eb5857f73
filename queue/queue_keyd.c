/* SPDX-License-Identifier: ISC */
#include "queue/queue_keyd.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "queue/queue_forward.h"
#include "queue/queue_keep.h"
#include "queue/queue_run.h"

#define KEY_MS		10000u	/* keyd answers at once or is not well */
#define AGAIN_MS	5000u

static void ask_key(struct queue *, uint32_t id);

/* Keys that are asked for in one go. */
struct asked {
	uint32_t	 ids[QUEUE_SPOOL_KEYS];
	unsigned	 n;
};

static void
ask_once(struct queue *q, struct asked *a, uint32_t id)
{
	unsigned i;

	if (id == 0 || a->n >= QUEUE_SPOOL_KEYS || queue_seal_find_key(&q->keys, id) != NULL)
		return;
	for (i = 0; i < a->n && a->ids[i] != id; i++)
		;
	if (i == a->n) {
		a->ids[a->n++] = id;
		ask_key(q, id);
	}
}

/* Items and files read at the start may be under older keys. */
static void
ask_old_keys(struct queue *q)
{
	struct asked a = { .n = 0 };
	struct list *l;

	for (l = q->keeps.next; l != &q->keeps; l = l->next)
		ask_once(q, &a, queue_keep_wants(obj_of(l, struct queue_keep, link)));
	for (l = q->table.order.next; l != &q->table.order && a.n < QUEUE_SPOOL_KEYS; l = l->next)
		ask_once(q, &a, obj_of(l, struct queue_item, order)->key_id);
}

static void
tell_keeps(struct queue *q)
{
	for (struct list *l = q->keeps.next; l != &q->keeps; l = l->next)
		queue_keep_on_key(obj_of(l, struct queue_keep, link));
}

/* keyd answers, and has no such key. */
static void
refused(struct queue *q, uint32_t id)
{
	for (struct list *l = q->keeps.next; l != &q->keeps; l = l->next)
		queue_keep_on_refused(obj_of(l, struct queue_keep, link), id);
}

static void
take_key(struct queue *q, const struct ipc_spool_key_reply *r, bool is_current)
{
	if (queue_seal_add_key(&q->keys, r->id, r->key) != ERR_OK) {
		log_event(LOG_key, log_str("action", "spool"), log_num("key", r->id),
		    log_str("result", "refused"));
		return;
	}
	if (is_current)
		q->keys.current = r->id;
	tell_keeps(q);
	if (is_current)
		ask_old_keys(q);
	queue_run_arm(q);
}

static void
on_key(struct queue *q, enum err e, uint16_t type, const void *m, bool is_current)
{
	if (e == ERR_OK && type == IPC_MSG_spool_key_reply)
		take_key(q, m, is_current);
	else {
		log_event(LOG_key, log_str("action", "spool"), log_str("result", "none"),
		    log_str("reason", e != ERR_OK ? err_text(e) : "keyd refuses"));
		timer_set(&q->key_timer, loop_now(q->loop) + AGAIN_MS);
	}
}

void
queue_keyd_due(void *arg)
{
	struct queue *q = arg;

	if (q->keyd != NULL && q->keys.current == 0)
		ask_key(q, 0);
	else if (q->keyd != NULL)
		ask_old_keys(q);
}

static void
on_current_key(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	(void)in;
	on_key(arg, e, type, m, true);
}

struct old_key {
	struct queue	*q;
	uint32_t	 id;
};

static void
on_old_key(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct old_key *ask = arg;
	struct queue *q = ask->q;
	uint32_t id = ask->id;

	(void)in;
	free(ask);
	if (e == ERR_OK && type != IPC_MSG_spool_key_reply)
		refused(q, id);
	on_key(q, e, type, m, false);
}

static enum err
call(struct queue *q, const struct ipc_spool_key *m, ipc_reply_fn *fn, void *arg)
{
	return ipc_call(q->keyd, IPC_MSG_spool_key, m, NULL, 0, loop_now(q->loop) + KEY_MS,
	    fn, arg, NULL);
}

static void
ask_key(struct queue *q, uint32_t id)
{
	const struct ipc_spool_key m = { .id = id };
	struct old_key *ask;
	enum err e;

	if (id == 0) {
		e = call(q, &m, on_current_key, q);
	} else {
		ask = must_alloc(1, sizeof(*ask));
		*ask = (struct old_key){ q, id };
		e = call(q, &m, on_old_key, ask);
		if (e != ERR_OK)
			free(ask);
	}
	if (e != ERR_OK)
		on_key(q, e, 0, NULL, false);
}

void
queue_keyd_join(struct queue *q, struct ipc_peer *peer)
{
	q->keyd = peer;
	queue_forward_ask(q);	/* first: no message comes before the spool key */
	ask_key(q, 0);
}

/* What it said holds until it comes back and says it anew. */
void
queue_keyd_leave(struct queue *q, struct ipc_peer *peer)
{
	if (q->keyd == peer)
		q->keyd = NULL;
}

void
queue_keyd_on_begin(struct queue *q, struct ipc_peer *peer, const struct ipc_fact_begin *m,
    struct ipc_in *in)
{
	(void)in;
	if (peer == q->keyd)	/* not one whose successor is here already */
		queue_resolve_begin(&q->resolver, m->generation);
}

void
queue_keyd_on_account(struct queue *q, struct ipc_peer *peer,
    const struct ipc_fact_account *m, struct ipc_in *in)
{
	(void)in;
	if (queue_resolve_account(&q->resolver, m) != ERR_OK)
		ipc_peer_violation(peer, "not an account");
}

void
queue_keyd_on_gone(struct queue *q, struct ipc_peer *peer,
    const struct ipc_fact_account_gone *m, struct ipc_in *in)
{
	(void)peer;
	(void)in;
	queue_resolve_gone(&q->resolver, m->account);
	token_gate_forget(&q->tokens, m->account);
}

void
queue_keyd_on_alias(struct queue *q, struct ipc_peer *peer, const struct ipc_fact_alias *m,
    struct ipc_in *in)
{
	(void)in;
	if (queue_resolve_alias(&q->resolver, m) != ERR_OK)
		ipc_peer_violation(peer, "not an alias");
}

void
queue_keyd_on_end(struct queue *q, struct ipc_peer *peer, const struct ipc_fact_end *m,
    struct ipc_in *in)
{
	(void)in;
	if (peer != q->keyd)
		return;
	queue_resolve_end(&q->resolver, m->generation);
	queue_run_arm(q);
}

void
queue_keyd_on_token_key(struct queue *q, struct ipc_peer *peer,
    const struct ipc_token_key *m, struct ipc_in *in)
{
	(void)in;
	if (token_gate_key(&q->tokens, m->key) != ERR_OK)
		ipc_peer_violation(peer, "not a token key");
}

void
queue_keyd_on_token_revoke(struct queue *q, struct ipc_peer *peer,
    const struct ipc_token_revoke *m, struct ipc_in *in)
{
	(void)peer;
	(void)in;
	token_gate_revoke(&q->tokens, m->account, m->before_s);
}

void
queue_keyd_on_heard(struct queue *q, struct ipc_peer *peer, const struct ipc_facts_heard *m,
    struct ipc_in *in)
{
	const struct ipc_facts_taken taken = { 0 };

	(void)q;
	(void)m;
	ipc_reply(peer, in->id, IPC_MSG_facts_taken, &taken);
}
