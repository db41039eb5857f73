/* SPDX-License-Identifier: ISC */
#include "keyd/key_token.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_facts.h"
#include "keyd/key_open.h"
#include "keyd/key_pair.h"
#include "keyd/key_vault.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum { STORED_BYTES = KEY_WRAPPED_BYTES + 4 };

struct key_tokens {
	unsigned char	*key;		/* in the arena */
	struct map	 sessions;	/* by the token's random number */
	struct list	 all;
	size_t		 mail_count;
};

/* Instance numbers grow as long as master lives: a lower one may be of this run. */
static bool
key_restore(struct keyd *k, unsigned char *key)
{
	struct slice s = key_ring_value(k->ring, KEY_VALUE_TOKEN);

	return s.n == STORED_BYTES &&
	    dec_le32(s.p + KEY_WRAPPED_BYTES) < daemon_instance(k->app) &&
	    key_pair_unwrap_value(key, k->aead, k->roots.value, KEY_VALUE_TOKEN,
	    slice_head(s, KEY_WRAPPED_BYTES)) == ERR_OK;
}

static void
key_store(struct keyd *k, const unsigned char *key)
{
	unsigned char stored[STORED_BYTES];
	enum err e;

	key_pair_wrap_value(stored, k->aead, k->roots.value, KEY_VALUE_TOKEN, key);
	enc_le32(stored + KEY_WRAPPED_BYTES, daemon_instance(k->app));
	e = key_ring_put_value(k->ring, KEY_VALUE_TOKEN, slice_of(stored, sizeof(stored)));
	if (e != ERR_OK)
		log_fatal("keys/ring cannot be written: %s", err_text(e));
}

struct key_tokens *
key_tokens_new(struct keyd *k)
{
	struct key_tokens *t = must_alloc(1, sizeof(*t));

	map_init(&t->sessions);
	list_init(&t->all);
	t->key = secret_arena_alloc(k->arena, 32);
	must(t->key != NULL);
	if (!key_restore(k, t->key))
		cry_random(t->key, 32);
	key_store(k, t->key);
	return t;
}

/* Of those the account has a limit. */
static bool
is_counted(enum token_scope scope)
{
	return scope != TOKEN_SUBMIT;
}

static void
session_drop(struct keyd *k, struct key_session *s)
{
	struct key_tokens *t = k->tokens;
	struct key_account *a = key_ring_find(k->ring, s->token.account);

	if (is_counted(s->token.scope)) {
		t->mail_count--;
		if (a != NULL && --a->session_count == 0) {
			key_vault_close(k, a->id);
			if (a->sealing == SEALING_PASSWORD)
				key_open_forget(k->open, a->id);
		}
	}
	if (s->opened > 0)
		log_event(LOG_open, log_text("user", a != NULL ? a->address : SLICE_NONE),
		    log_num("account", s->token.account),
		    log_str("peer", ipc_role_name(s->role)), log_num("count", s->opened),
		    log_str("result", "session ended"));
	map_remove(&t->sessions, &s->node);
	list_remove(&s->link);
	secret_wipe(s, sizeof(*s));
	free(s);
}

void
key_tokens_free(struct key_tokens **tp, struct keyd *k)
{
	struct key_tokens *t = *tp;

	if (t == NULL)
		return;
	key_token_drop(k, 0, 0);
	map_fini(&t->sessions);
	secret_arena_release(k->arena, t->key, 32);
	free(t);
	*tp = NULL;
}

struct slice
key_tokens_key(const struct key_tokens *t)
{
	return slice_of(t->key, 32);
}

size_t
key_tokens_sessions(const struct key_tokens *t)
{
	return t->mail_count;
}

static struct key_session *
session_add(struct keyd *k, struct key_account *a, const struct token *token,
    enum ipc_role role)
{
	struct key_session *s = must_alloc(1, sizeof(*s));

	s->token = *token;
	s->role = role;
	map_insert(&k->tokens->sessions, &s->node, hash_u64(token->random));
	list_push(&k->tokens->all, &s->link);
	if (is_counted(token->scope)) {
		k->tokens->mail_count++;
		a->session_count++;
	}
	return s;
}

static void
drop_expired(struct keyd *k)
{
	uint64_t now_s = key_now_s(k);
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &k->tokens->all) {
		struct key_session *s = obj_of(l, struct key_session, link);

		if (s->token.expires_s <= now_s)
			session_drop(k, s);
	}
}

static bool
has_room(const struct keyd *k, const struct key_account *a, const struct key_grant *g)
{
	uint64_t max = key_options(k)->user_session_limit;

	if (g->session_max > 0 && g->session_max < max)
		max = g->session_max;
	return k->tokens->sessions.count < KEY_SESSIONS_MAX &&
	    (!is_counted(g->scope) || a->session_count < max);
}

enum err
key_token_issue(struct keyd *k, struct key_account *a, const struct key_grant *g,
    enum ipc_role role, uint32_t instance, unsigned char out[TOKEN_BYTES])
{
	const struct keyd_options *o = key_options(k);
	uint64_t now_s = key_now_s(k);
	struct token t = {
		.scope = g->scope, .instance = instance, .account = a->id,
		/* Within the second of a revocation it must still be good. */
		.issued_s = now_s > a->since_s ? now_s : a->since_s,
		.expires_s = now_s + o->token_lifetime / 1000,
		.random = cry_random_u64()
	};

	if (!has_room(k, a, g))
		drop_expired(k);
	if (!has_room(k, a, g))
		return ERR_LIMIT;
	token_make(out, &t, k->tokens->key);
	(void)session_add(k, a, &t, role);
	return ERR_OK;
}

static struct key_session *
session_find(const struct key_tokens *t, const struct token *token)
{
	struct map_node *n;

	for (n = map_first(&t->sessions, hash_u64(token->random)); n != NULL; n = map_next(n)) {
		struct key_session *s = obj_of(n, struct key_session, node);

		if (s->token.random == token->random && s->token.account == token->account &&
		    s->token.instance == token->instance)
			return s;
	}
	return NULL;
}

enum err
key_token_check(struct keyd *k, struct slice bytes, unsigned scopes, enum ipc_role role,
    uint32_t instance, struct key_session **sp, struct key_account **ap)
{
	struct token token;
	enum err e = token_verify(&token, bytes, k->tokens->key, instance, scopes, key_now_s(k));

	if (e != ERR_OK)
		return e;
	*ap = key_ring_find(k->ring, token.account);
	if (*ap == NULL || !(*ap)->enabled || token.issued_s < (*ap)->since_s)
		return ERR_AUTH;
	*sp = session_find(k->tokens, &token);
	/* keyd was restarted since: the token is good all the same. */
	if (*sp == NULL)
		*sp = session_add(k, *ap, &token, role);
	return ERR_OK;
}

void
key_token_drop(struct keyd *k, uint64_t account, uint32_t instance)
{
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &k->tokens->all) {
		struct key_session *s = obj_of(l, struct key_session, link);

		if ((account == 0 || s->token.account == account) &&
		    (instance == 0 || s->token.instance == instance))
			session_drop(k, s);
	}
}

uint64_t
key_token_end_s(const struct keyd *k, const struct key_account *a)
{
	uint64_t now_s = key_now_s(k);

	return (now_s > a->since_s ? now_s : a->since_s) + 1;
}

void
key_token_revoke(struct keyd *k, uint64_t account, uint64_t before_s)
{
	struct ipc_token_revoke m = { .account = account, .before_s = before_s };
	struct ipc_peer *p;

	for (unsigned i = 0; (p = key_facts_listener(k, i)) != NULL; i++)
		/* One that is lost hears it again when it is back. */
		if (ipc_send(p, IPC_MSG_token_revoke, &m, NULL, 0) != ERR_OK)
			continue;
	key_token_drop(k, account, 0);
}

bool
key_session_allows(struct key_session *s, const struct opt_rate *rate, uint64_t count,
    uint64_t now_ms)
{
	uint64_t burst = rate->count * 1000, gain;

	if (s->allowance_ms == 0 || now_ms - s->allowance_ms >= rate->per_ms) {
		s->allowance = burst;
		s->allowance_ms = now_ms;
	}
	if (s->allowance > burst)
		s->allowance = burst;	/* the rate was lowered */
	gain = burst / rate->per_ms * (now_ms - s->allowance_ms);
	if (gain > 0) {
		s->allowance = burst - s->allowance > gain ? s->allowance + gain : burst;
		s->allowance_ms = now_ms;
	}
	if (s->allowance < count * 1000)
		return false;
	s->allowance -= count * 1000;
	return true;
}

void
key_token_on_logout(struct keyd *k, struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_logout *out = m;
	struct key_session *s;
	struct token token;

	(void)in;
	if (token_verify(&token, out->token, k->tokens->key, ipc_peer_instance(p),
	    TOKEN_SUBMIT | TOKEN_MAIL | TOKEN_INDEX, 0) != ERR_OK)
		return;
	s = session_find(k->tokens, &token);
	if (s != NULL)
		session_drop(k, s);
}
