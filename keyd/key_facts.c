/* SPDX-License-Identifier: ISC */
#include "keyd/key_facts.h"

#include <stdlib.h>

#include "keyd/key_login.h"
#include "keyd/key_token.h"
#include "lib/base/must.h"

enum { SLICE_FACTS = 500, QUEUED_MAX = 2 << 20, PAUSE_MS = 5 };

enum stage { STAGE_ACCOUNTS, STAGE_ALIASES, STAGE_END, STAGE_DONE };

/* One replay to one peer. at_* is the last one sent. */
struct stream {
	struct list		 link;
	struct keyd		*k;
	struct ipc_peer		*peer;
	struct timer		 timer;
	enum stage		 stage;
	uint32_t		 generation;
	const struct key_account *at_account;
	const struct key_alias	*at_alias;
};

struct key_facts {
	struct list	 streams;
	uint32_t	 generation;
};

struct key_facts *
key_facts_new(struct keyd *k)
{
	struct key_facts *f = must_alloc(1, sizeof(*f));

	(void)k;
	list_init(&f->streams);
	return f;
}

void
key_facts_free(struct key_facts **fp)
{
	if (*fp != NULL)
		must(list_is_empty(&(*fp)->streams));
	free(*fp);
	*fp = NULL;
}

/* A failure means that the peer is going: its next replay makes it good. */
static bool
say(struct ipc_peer *p, enum ipc_type type, const void *m)
{
	return ipc_send(p, type, m, NULL, 0) == ERR_OK;
}

uint64_t
key_facts_quota(const struct keyd *k, const struct key_account *a)
{
	const struct domain_options *d = key_login_domain(k, a->address);

	return a->quota_bytes > 0 || d == NULL ? a->quota_bytes : d->quota;
}

static bool
say_account(const struct keyd *k, struct ipc_peer *p, const struct key_account *a)
{
	const struct ipc_fact_account m = {
		.account = a->id, .address = a->address,
		.public_key = slice_of(a->public_key, sizeof(a->public_key)),
		.key_generation = a->generation, .sealing = (uint8_t)a->sealing,
		.enabled = a->enabled,
		.quota_bytes = key_facts_quota(k, a)
	};

	return say(p, IPC_MSG_fact_account, &m);
}

static bool
say_alias(struct ipc_peer *p, struct slice address, struct slice targets)
{
	const struct ipc_fact_alias m = { .address = address, .targets = targets };

	return say(p, IPC_MSG_fact_alias, &m);
}

/* With it the store lets users read what others share; it checks their rights. */
static bool
say_grant_key(const struct keyd *k, struct ipc_peer *p)
{
	const struct ipc_grant_key m = { .key = slice_of(k->roots.grant, 32) };

	return ipc_peer_role(p) != IPC_STORE || say(p, IPC_MSG_grant_key, &m);
}

/* The token key comes with the revocations that tokens alive may need. */
static bool
say_tokens(const struct keyd *k, struct ipc_peer *p)
{
	const struct ipc_token_key m = { .key = key_tokens_key(k->tokens) };
	uint64_t life_s = key_options(k)->token_lifetime / 1000, now_s = key_now_s(k);
	const struct key_account *a = NULL;
	bool sent = say(p, IPC_MSG_token_key, &m);

	while (sent && (a = key_ring_next(k->ring, a)) != NULL) {
		const struct ipc_token_revoke r = { .account = a->id, .before_s = a->since_s };

		if (a->since_s > 0 && a->since_s + life_s > now_s)
			sent = say(p, IPC_MSG_token_revoke, &r);
	}
	return sent;
}

static bool
step_end(struct stream *s)
{
	const struct ipc_fact_end m = { .generation = s->generation };

	s->stage = STAGE_DONE;
	return say_tokens(s->k, s->peer) && say_grant_key(s->k, s->peer) &&
	    say(s->peer, IPC_MSG_fact_end, &m);
}

/* One fact; false when the peer is going. */
static bool
stream_step(struct stream *s)
{
	const struct key_account *a;
	const struct key_alias *al;

	switch (s->stage) {
	case STAGE_ACCOUNTS:
		a = key_ring_next(s->k->ring, s->at_account);
		if (a == NULL) {
			s->stage = STAGE_ALIASES;
			return true;
		}
		s->at_account = a;
		return say_account(s->k, s->peer, a);
	case STAGE_ALIASES:
		al = key_ring_next_alias(s->k->ring, s->at_alias);
		if (al == NULL) {
			s->stage = STAGE_END;
			return true;
		}
		s->at_alias = al;
		return say_alias(s->peer, al->address, al->targets);
	case STAGE_END:
		return step_end(s);
	case STAGE_DONE:
		return false;
	}
	return false;
}

static void
stream_end(struct stream *s)
{
	timer_stop(&s->timer);
	list_remove(&s->link);
	free(s);
}

static void
stream_run(void *arg)
{
	struct stream *s = arg;
	bool alive = true;
	unsigned n;

	for (n = 0; alive && n < SLICE_FACTS && s->stage != STAGE_DONE &&
	    ipc_peer_queued_bytes(s->peer) < QUEUED_MAX; n++)
		alive = stream_step(s);
	if (alive && s->stage != STAGE_DONE)
		timer_set(&s->timer, loop_now(s->k->loop) + PAUSE_MS);
	else
		stream_end(s);
}

void
key_facts_joined(struct keyd *k, struct ipc_peer *p)
{
	struct ipc_fact_begin m = { .generation = ++k->facts->generation };
	struct stream *s;

	key_facts_left(k, p);
	if (!say(p, IPC_MSG_fact_begin, &m))
		return;
	s = must_alloc(1, sizeof(*s));
	s->k = k;
	s->peer = p;
	s->generation = m.generation;
	timer_init(&s->timer, k->loop, stream_run, s);
	list_push(&k->facts->streams, &s->link);
	stream_run(s);
}

void
key_facts_left(struct keyd *k, struct ipc_peer *p)
{
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &k->facts->streams) {
		struct stream *s = obj_of(l, struct stream, link);

		if (s->peer == p)
			stream_end(s);
	}
}

struct ipc_peer *
key_facts_listener(const struct keyd *k, unsigned idx)
{
	static const enum ipc_role listeners[] = { IPC_QUEUE, IPC_STORE };
	struct ipc_peer *p;

	for (unsigned i = 0; i < lengthof(listeners); i++)
		for (unsigned n = 0; (p = daemon_peer(k->app, listeners[i], n)) != NULL; n++)
			if (idx-- == 0)
				return p;
	return NULL;
}

void
key_facts_replay(struct keyd *k)
{
	struct ipc_peer *p;

	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		key_facts_joined(k, p);
}

void
key_facts_account(struct keyd *k, const struct key_account *a)
{
	struct ipc_peer *p;

	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		(void)say_account(k, p, a);
}

void
key_facts_account_going(struct keyd *k, const struct key_account *a)
{
	struct list *l;

	for (l = list_first(&k->facts->streams); l != NULL; l = list_next(&k->facts->streams, l)) {
		struct stream *s = obj_of(l, struct stream, link);

		if (s->at_account == a)
			s->at_account = key_ring_prev(k->ring, a);
	}
}

void
key_facts_account_gone(struct keyd *k, uint64_t account)
{
	const struct ipc_fact_account_gone m = { .account = account };
	struct ipc_peer *p;

	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		(void)say(p, IPC_MSG_fact_account_gone, &m);
}

void
key_facts_alias_going(struct keyd *k, const struct key_alias *al)
{
	struct list *l;

	for (l = list_first(&k->facts->streams); l != NULL; l = list_next(&k->facts->streams, l)) {
		struct stream *s = obj_of(l, struct stream, link);

		if (s->at_alias == al)
			s->at_alias = key_ring_prev_alias(k->ring, al);
	}
}

void
key_facts_alias(struct keyd *k, struct slice address, struct slice targets)
{
	struct ipc_peer *p;

	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		(void)say_alias(p, address, targets);
}
