/* SPDX-License-Identifier: ISC */
#include "keyd/key_open.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_epoch.h"
#include "keyd/key_gate.h"
#include "keyd/key_more.h"
#include "keyd/key_pair.h"
#include "keyd/key_token.h"
#include "keyd/key_vault.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/grant.h"
#include "lib/seal/epoch.h"

struct cached {
	struct map_node	 node;
	struct list	 link;		/* least recently used first */
	unsigned char	 name[32];
	unsigned char	*key;		/* in the arena; NULL: free */
	uint64_t	 account;
	bool		 is_rewrapped;
};

struct key_open {
	struct secret_arena	*arena;
	struct map		 by_name;
	struct list		 lru;
	struct cached		 entries[KEY_OPEN_CACHE];
};

/* An epoch of the request. */
struct asked {
	struct ipc_epoch	 m;
	struct cached		*entry;
	bool			 is_tried;
};

struct open_state {
	struct key_open			*o;
	const struct key_open_job	*job;
	struct cry_aead			*aead;
	struct key_pair			 pair;
	uint32_t			 away_of;	/* generation; 0: none yet */
	bool				 is_away;	/* with the owner's device */
	uint32_t			 told[KEY_GENERATIONS_MAX];
	unsigned			 told_count;
	uint32_t			 pair_of;	/* generation; 0: none yet */
	bool				 has_pair;	/* it opened */
	size_t				 epoch_count;
	struct asked			 epochs[KEY_OPEN_EPOCHS_MAX];
};

struct key_open *
key_open_new(struct secret_arena *arena)
{
	struct key_open *o = must_alloc(1, sizeof(*o));
	size_t i;

	o->arena = arena;
	map_init(&o->by_name);
	list_init(&o->lru);
	for (i = 0; i < KEY_OPEN_CACHE; i++)
		list_push(&o->lru, &o->entries[i].link);
	return o;
}

void
key_open_free(struct key_open **op)
{
	struct key_open *o = *op;
	size_t i;

	if (o == NULL)
		return;
	for (i = 0; i < KEY_OPEN_CACHE; i++)
		secret_arena_release(o->arena, o->entries[i].key, 32);
	map_fini(&o->by_name);
	free(o);
	*op = NULL;
}

/* ---- the cache */

/*
 * The name binds the entry to account, epoch and the very bytes: a peer that
 * passes off other bytes as that epoch neither gets nor spoils the entry.
 */
static void
name_make(unsigned char name[32], uint64_t account, const struct ipc_epoch *m)
{
	unsigned char b[21 + EPOCH_SEALED_BYTES + 16];

	must(m->data.n <= sizeof(b) - 21);
	enc_le64(b, account);
	enc_le64(b + 8, m->epoch);
	enc_le32(b + 16, m->generation);
	b[20] = m->form;
	if (m->data.n > 0)
		memcpy(b + 21, m->data.p, m->data.n);
	cry_hash(name, 32, slice_of(b, 21 + m->data.n));
}

static struct cached *
cache_find(struct key_open *o, const unsigned char name[32])
{
	struct map_node *n;

	for (n = map_first(&o->by_name, dec_le64(name)); n != NULL; n = map_next(n)) {
		struct cached *c = obj_of(n, struct cached, node);

		if (memcmp(c->name, name, 32) != 0)
			continue;
		list_remove(&c->link);
		list_push(&o->lru, &c->link);
		return c;
	}
	return NULL;
}

static struct cached *
cache_add(struct key_open *o, uint64_t account, const unsigned char name[32],
    const unsigned char key[32])
{
	struct cached *c = obj_of(list_first(&o->lru), struct cached, link);

	if (c->key == NULL)
		c->key = secret_arena_alloc(o->arena, 32);
	else
		map_remove(&o->by_name, &c->node);
	must(c->key != NULL);
	memcpy(c->key, key, 32);
	memcpy(c->name, name, 32);
	c->account = account;
	c->is_rewrapped = false;
	map_insert(&o->by_name, &c->node, dec_le64(name));
	list_remove(&c->link);
	list_push(&o->lru, &c->link);
	return c;
}

void
key_open_forget(struct key_open *o, uint64_t account)
{
	for (size_t i = 0; i < KEY_OPEN_CACHE; i++) {
		struct cached *c = &o->entries[i];

		if (c->key == NULL || c->account != account)
			continue;
		map_remove(&o->by_name, &c->node);
		secret_arena_release(o->arena, c->key, 32);
		c->key = NULL;
	}
}

/* ---- one request */

/* Mostly all of a request are of one generation. */
static bool
pair_ready(struct open_state *s, uint32_t generation)
{
	if (s->pair_of != generation || generation == 0)
		s->has_pair = key_pair_open(&s->pair, s->job->account, generation, s->aead,
		    &s->job->opener) == ERR_OK;
	s->pair_of = generation;
	return s->has_pair;
}

static void
tell_device(struct open_state *s, const struct key_generation *g)
{
	const struct ipc_device_key m = { .generation = g->number, .sealed_to = g->sealed_to,
		.secret = slice_of(g->sealed_secret, sizeof(g->sealed_secret)) };

	for (unsigned i = 0; i < s->told_count; i++)
		if (s->told[i] == g->number)
			return;
	s->told[s->told_count++] = g->number;
	ipc_device_key_put(s->job->devices, &m);
}

static bool
is_away(struct open_state *s, uint32_t generation)
{
	struct key_generation earlier;

	if (s->away_of == generation && generation != 0)
		return s->is_away;
	s->away_of = generation;
	s->is_away = key_pair_is_away(s->job->account, generation, &earlier);
	if (s->is_away && earlier.form == KEY_FORM_SEALED && !s->job->is_guest)
		tell_device(s, &earlier);
	secret_wipe(&earlier, sizeof(earlier));
	return s->is_away;
}

static struct cached *
epoch_get(struct open_state *s, struct asked *e)
{
	unsigned char name[32], key[32];

	if (e->is_tried)
		return e->entry;
	e->is_tried = true;
	name_make(name, s->job->account->id, &e->m);
	e->entry = cache_find(s->o, name);
	if (e->entry == NULL && pair_ready(s, e->m.generation) &&
	    key_epoch_open(key, s->job->account, &s->pair, &e->m, s->aead) == ERR_OK)
		e->entry = cache_add(s->o, s->job->account->id, name, key);
	secret_wipe(key, sizeof(key));
	return e->entry;
}

/* Only an epoch under which something opened is written back. */
static void
rewrap(struct open_state *s, struct asked *e)
{
	unsigned char wrapped[EPOCH_WRAPPED_BYTES] = { 0 };
	const struct epoch_id id = { s->job->account->id, e->m.epoch, e->m.generation };
	const struct ipc_epoch_rewrap m = { .account = id.account, .epoch = id.epoch,
		.generation = id.generation, .sealed = e->m.data,
		.data = slice_of(wrapped, sizeof(wrapped)) };

	if (e->m.form != EPOCH_SEALED || e->entry->is_rewrapped || !pair_ready(s, e->m.generation))
		return;
	epoch_wrap(s->aead, wrapped, e->entry->key, s->pair.epoch_wrap, &id);
	e->entry->is_rewrapped = true;
	s->job->rewrapped(s->job->arg, &m);
}

/*
 * A wrap is bound to the generation that its content was sealed in; the key
 * over it may be of a later one (key_rekey.h).
 */
static bool
wrap_open(struct open_state *s, const struct ipc_wrap *w, unsigned char key[32])
{
	const struct epoch_slot slot = { s->job->account->id, w->content, w->generation,
		(const unsigned char *)w->commitment.p };
	size_t i;

	if (w->commitment.n != 32)
		return false;
	for (i = 0; i < s->epoch_count; i++) {
		struct asked *e = &s->epochs[i];

		if (e->m.epoch != w->epoch || is_away(s, e->m.generation) ||
		    epoch_get(s, e) == NULL)
			continue;
		if (epoch_unwrap_content(s->aead, key, w->wrapped, e->entry->key, &slot) !=
		    ERR_OK)
			continue;
		rewrap(s, e);
		return true;
	}
	return false;
}

/* Is it the device that has what opens this, now? */
static bool
wrap_is_away(struct open_state *s, const struct ipc_wrap *w)
{
	bool is_named = false;

	for (size_t i = 0; i < s->epoch_count; i++) {
		if (s->epochs[i].m.epoch != w->epoch)
			continue;
		is_named = true;
		if (is_away(s, s->epochs[i].m.generation))
			return true;
	}
	return !is_named && is_away(s, w->generation);
}

static enum err
epochs_read(struct open_state *s)
{
	struct ipc_reader r = ipc_reader_of(s->job->epochs);

	while (ipc_reader_more(&r)) {
		if (s->epoch_count == KEY_OPEN_EPOCHS_MAX)
			return ERR_LIMIT;
		ipc_epoch_get(&r, &s->epochs[s->epoch_count++].m);
	}
	return ipc_reader_done(&r);
}

/*
 * Not more epochs than the cache holds, or an entry could go to another epoch
 * while a wrap of the same request still needs it.
 */
_Static_assert(KEY_OPEN_EPOCHS_MAX <= KEY_OPEN_CACHE, "the cache holds a request");

enum err
key_open_count(struct slice wraps, size_t *count)
{
	struct ipc_reader r = ipc_reader_of(wraps);
	struct ipc_wrap w;

	*count = 0;
	while (ipc_reader_more(&r)) {
		ipc_wrap_get(&r, &w);
		if (++*count > OPEN_KEYS_MAX)
			return ERR_VIOLATION;
	}
	return ipc_reader_done(&r);
}

enum err
key_open_run(struct key_open *o, const struct key_open_job *job, struct cry_aead *aead,
    unsigned char *out, size_t *count, size_t *good)
{
	struct open_state *s = must_alloc(1, sizeof(*s));
	struct ipc_reader r = ipc_reader_of(job->wraps);
	struct ipc_wrap w;
	enum err e = key_open_count(job->wraps, count);

	s->o = o;
	s->job = job;
	s->aead = aead;
	*good = 0;
	if (e == ERR_OK)
		e = epochs_read(s);
	while (e == ERR_OK && ipc_reader_more(&r)) {
		ipc_wrap_get(&r, &w);
		if (wrap_is_away(s, &w))
			out[0] = job->is_guest ? OPEN_NONE : OPEN_CLIENT;
		else
			out[0] = !job->is_closed && wrap_open(s, &w, out + 1) ? OPEN_KEY : OPEN_NONE;
		if (out[0] != OPEN_KEY)
			memset(out + 1, 0, 32);
		*good += out[0] == OPEN_KEY;
		out += KEY_OPEN_REPLY_BYTES;
	}
	secret_wipe(s, sizeof(*s));
	free(s);
	return e;
}

static void
on_rewrapped(void *arg, const struct ipc_epoch_rewrap *m)
{
	struct keyd *k = arg;
	struct ipc_peer *store = daemon_peer(k->app, IPC_STORE, 0);

	/* If it gets lost the next reader has the sealed form and tries again. */
	if (store != NULL && ipc_send(store, IPC_MSG_epoch_rewrap, m, NULL, 0) != ERR_OK)
		return;
}

/* Once for a session's own mail, and whenever it turns to an owner's. */
static void
log_first(struct ipc_peer *p, struct key_session *session, const struct key_account *user,
    const struct key_account *owner, size_t good)
{
	bool shared = owner != user;

	if (shared ? session->owner == owner->id : session->opened_own)
		return;
	if (shared)
		session->owner = owner->id;
	else
		session->opened_own = true;
	log_event(LOG_open, log_text("user", user->address), log_num("account", user->id),
	    log_str("peer", ipc_role_name(ipc_peer_role(p))), log_num("count", good),
	    log_text("owner", owner->address),
	    log_str("result", "first"));
}

/* A grant may be for one content alone. */
static bool
asks_only(struct slice wraps, uint64_t content)
{
	struct ipc_reader r = ipc_reader_of(wraps);
	struct ipc_wrap w;

	while (ipc_reader_more(&r)) {
		ipc_wrap_get(&r, &w);
		if (w.content != content)
			return false;
	}
	return true;
}

/* Whose mail: the user's own, or that of the owner whom a grant of the store names. */
static const char *
find_owner(struct keyd *k, const struct ipc_peer *p, const struct ipc_open_keys *m,
    const struct key_account *user, const struct key_account **owner)
{
	struct grant g;

	*owner = user;
	if (m->grant.n == 0)
		return NULL;
	if (grant_verify(&g, m->grant, k->roots.grant, ipc_peer_instance(p), user->id,
	    key_now_s(k)) != ERR_OK)
		return "the grant has expired";
	if (g.content != 0 && !asks_only(m->wraps, g.content))
		return "the grant is for another message";
	*owner = key_ring_find(k->ring, g.owner);
	if (*owner == NULL || (*owner)->generation != g.generation)
		return "the grant is of another key";
	if (((*owner)->sealing != SEALING_ESCROW && (*owner)->sealing != SEALING_SERVER) ||
	    (*owner)->form != KEY_FORM_ROOT)
		return "only the owner opens this mail";
	return NULL;
}

static void
open_reply(struct keyd *k, struct ipc_peer *p, const struct ipc_open_keys *m, uint64_t id,
    struct key_session *session, const struct key_account *user,
    const struct key_account *a)
{
	unsigned char out[OPEN_KEYS_MAX * KEY_OPEN_REPLY_BYTES], master[32];
	struct ipc_open_keys_reply reply;
	struct buf devices;
	struct key_open_job job = { .account = a, .wraps = m->wraps,
		.epochs = m->epochs, .rewrapped = on_rewrapped, .arg = k,
		.opener = { .root = k->roots.account }, .devices = &devices,
		.is_guest = a != user, .is_closed = session->token.scope != TOKEN_MAIL };
	size_t count = 0, good = 0;
	enum err e;

	buf_init(&devices, KEY_GENERATIONS_MAX * 100);
	if (key_vault_get(k, a->id, &job.opener.vault, master) == ERR_OK)
		job.opener.master = master;
	e = key_open_run(k->open, &job, k->aead, out, &count, &good);
	secret_wipe(master, sizeof(master));
	if (e != ERR_OK) {
		buf_fini(&devices);
		ipc_peer_violation(p, "malformed wraps");
		return;
	}
	if (good > 0)
		log_first(p, session, user, a, good);
	session->opened += good;
	reply.keys = slice_of(out, count * KEY_OPEN_REPLY_BYTES);
	reply.devices = buf_slice(&devices);
	ipc_reply(p, id, IPC_MSG_open_keys_reply, &reply);
	buf_fini(&devices);
	secret_wipe(out, sizeof(out));
}

void
key_open_on_keys(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_open_keys *m = msg;
	const struct key_account *a;
	struct key_session *session;
	struct key_account *user;
	const char *why;
	size_t count;
	enum err e;

	e = key_token_check(k, m->token, TOKEN_MAIL | TOKEN_INDEX, ipc_peer_role(p),
	    ipc_peer_instance(p), &session, &user);
	if (e != ERR_OK) {
		log_event(LOG_open, log_str("peer", ipc_role_name(ipc_peer_role(p))),
		    log_str("result", "token refused"));
		key_gate_refuse(p, in->id, e, "this session has ended");
		return;
	}
	if (key_open_count(m->wraps, &count) != ERR_OK) {
		ipc_peer_violation(p, "malformed wraps");
		return;
	}
	why = find_owner(k, p, m, user, &a);
	if (why != NULL) {
		log_event(LOG_open, log_text("user", user->address),
		    log_num("account", user->id), log_str("result", "grant refused"));
		key_gate_refuse(p, in->id, ERR_STATE, why);
		return;
	}
	/* keyd was restarted since the login: only the owner opens it again. */
	if (a->form == KEY_FORM_VAULT && session->token.scope == TOKEN_MAIL &&
	    !key_vault_is_open(k, a->id)) {
		key_gate_refuse(p, in->id, ERR_AUTH, "the mail is closed until the next login");
		return;
	}
	if (!key_session_allows(session, &key_options(k)->user_open_rate, count,
	    loop_now(k->loop))) {
		log_event(LOG_open, log_text("user", user->address),
		    log_num("account", user->id), log_num("count", session->opened),
		    log_str("result", "too fast"));
		key_gate_refuse(p, in->id, ERR_BUSY, "too many messages at once; try again");
		return;
	}
	open_reply(k, p, m, in->id, session, user, a);
}
