/* SPDX-License-Identifier: ISC */
/*
 * A run is one Argon2id job; waits are the logins that hang on it.  Answers
 * find their peer again by role and instance: it may be gone by then.
 */
#include "keyd/key_login.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_cache.h"
#include "keyd/key_gate.h"
#include "keyd/key_hash.h"
#include "keyd/key_token.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/mail/addr.h"

enum { CLIENT_MAX = 64, CLIENT_SHARE = 10 };

struct wait {
	struct list	 link;
	enum ipc_role	 role;
	uint32_t	 instance;
	uint64_t	 id;
	struct key_grant grant;
	char		 client[CLIENT_MAX + 1];
};

struct run {
	struct key_hash_job	 job;
	struct keyd		*k;
	struct list		 link;		/* in key_login.runs */
	struct list		 waits;
	unsigned char		 mac[KEY_CACHE_MAC_BYTES];
	uint64_t		 account;	/* 0: there is none */
	uint32_t		 serial;
	unsigned char		 verifier[32];
};

struct slot_run {
	struct key_hash_job	 job;
	key_login_slot_fn	*fn;
	void			*arg;
};

struct key_login {
	struct key_cache	*cache;
	struct list		 runs;
	size_t			 wait_count;
	unsigned char		 no_one[32];	/* the verifier of unknown users */
	unsigned char		 no_salt[16];
};

struct key_login *
key_login_new(struct keyd *k)
{
	struct key_login *l = must_alloc(1, sizeof(*l));

	(void)k;
	l->cache = key_cache_new();
	list_init(&l->runs);
	cry_random(l->no_one, sizeof(l->no_one));
	cry_random(l->no_salt, sizeof(l->no_salt));
	return l;
}

void
key_login_free(struct key_login **lp)
{
	struct key_login *l = *lp;

	if (l == NULL)
		return;
	key_cache_free(&l->cache);
	secret_wipe(l, sizeof(*l));
	free(l);
	*lp = NULL;
}

unsigned
key_login_threads(uint64_t option, long processors)
{
	if (option > 0)
		return (unsigned)option;
	return processors > 3 ? (unsigned)(processors / 2) : 1;
}

/* ---- names */

const struct domain_options *
key_login_domain(const struct keyd *k, struct slice address)
{
	struct slice domain = slice_from(address, slice_rfind(address, '@') + 1);
	const struct domain_options *o;
	const char *title;
	unsigned i;

	for (i = 0; (o = daemon_section(k->app, "domain", i, &title)) != NULL; i++)
		if (o->class == CONF_CLASS_MAILBOX && slice_ieq(slice_str(title), domain))
			return o;
	return NULL;
}

static const char *
default_domain(const struct keyd *k)
{
	const struct godwit_options *g = daemon_options(k->app, "godwit", NULL);
	const struct domain_options *o;
	const char *title;
	unsigned i;

	if (g->default_domain[0] != '\0')
		return g->default_domain;
	for (i = 0; (o = daemon_section(k->app, "domain", i, &title)) != NULL; i++)
		if (o->class == CONF_CLASS_MAILBOX)
			return title;
	return "";
}

/* What the domain stands for, if it is an alias; else itself. */
static struct slice
domain_target(const struct keyd *k, struct slice domain)
{
	const struct domain_options *o;
	const char *title;
	unsigned i;

	for (i = 0; (o = daemon_section(k->app, "domain", i, &title)) != NULL; i++)
		if (o->class == CONF_CLASS_ALIAS && o->target[0] != '\0' &&
		    slice_ieq(slice_str(title), domain))
			return slice_str(o->target);
	return domain;
}

enum err
key_login_address(const struct keyd *k, struct slice user,
    char dst[KEY_ADDRESS_MAX + 1], struct slice *out)
{
	char canon[ADDR_TEXT_MAX + 1];
	struct slice text, domain;
	struct buf b;
	size_t at;
	enum err e;

	buf_init(&b, KEY_ADDRESS_MAX);
	buf_put_slice(&b, user);
	if (slice_find(user, '@') == user.n) {
		buf_put_char(&b, '@');
		buf_put_str(&b, default_domain(k));
	}
	e = buf_err(&b) == ERR_OK ? addr_canon_text(buf_slice(&b), canon, &text) : ERR_LIMIT;
	if (e == ERR_OK) {
		at = slice_rfind(text, '@');
		domain = domain_target(k, slice_from(text, at + 1));
		buf_reset(&b);
		buf_put_slice(&b, slice_head(text, at + 1));
		buf_put_slice(&b, domain);
		/* A target may be written in capitals. */
		e = buf_err(&b) == ERR_OK ? addr_canon_text(buf_slice(&b), dst, out) : ERR_LIMIT;
	}
	buf_fini(&b);
	return e == ERR_OK ? ERR_OK : ERR_SYNTAX;
}

/* ---- answers */

static void
answer_right(struct keyd *k, struct ipc_peer *p, uint64_t id, const struct key_grant *g,
    struct key_account *a)
{
	unsigned char token[TOKEN_BYTES] = { 0 };
	struct ipc_login_ok m = { .account = a->id, .address = a->address,
		.token = slice_of(token, sizeof(token)) };
	enum err e;

	if (!a->enabled) {
		key_gate_refuse(p, id, ERR_DISABLED, "account is disabled");
		return;
	}
	e = key_token_issue(k, a, g, ipc_peer_role(p), ipc_peer_instance(p), token);
	if (e != ERR_OK)
		key_gate_refuse(p, id, e, "too many sessions of this user");
	else
		ipc_reply(p, id, IPC_MSG_login_ok, &m);
	secret_wipe(token, sizeof(token));
}

static void
answer(struct keyd *k, struct ipc_peer *p, uint64_t id, const struct key_grant *g,
    enum err e, struct key_account *a)
{
	if (e == ERR_OK)
		answer_right(k, p, id, g, a);
	else
		key_gate_refuse(p, id, e, e == ERR_AUTH ? "wrong user name or password" :
		    "too many logins at once; try again");
}

/* Everyone who waits for this run; the account may have changed meanwhile. */
static void
run_answer(struct run *r, enum err e, struct key_account *a)
{
	struct keyd *k = r->k;
	struct list *l;

	while ((l = list_first(&r->waits)) != NULL) {
		struct wait *w = obj_of(l, struct wait, link);
		struct ipc_peer *p = key_gate_peer(k, w->role, w->instance);

		if (p != NULL)
			answer(k, p, w->id, &w->grant, e, a);
		list_remove(l);
		k->login->wait_count--;
		free(w);
	}
}

static void
run_done(struct key_hash_job *job)
{
	struct run *r = obj_of(job, struct run, job);
	struct keyd *k = r->k;
	struct key_account *a = key_ring_find(k->ring, r->account);
	unsigned char got[32];
	enum err e = job->result;

	if (e == ERR_OK && r->account != 0 && (a == NULL || a->serial != r->serial))
		e = ERR_BUSY;
	if (e == ERR_OK) {
		cry_subkey(got, job->out, "godwit password verifier");
		/* The comparison comes first: it is made for unknown users too. */
		e = secret_eq(got, r->verifier, sizeof(got)) && a != NULL ? ERR_OK : ERR_AUTH;
		key_cache_put(k->login->cache, r->mac, e == ERR_OK, r->account, r->serial,
		    loop_now(k->loop) + key_options(k)->login_cache_time);
		secret_wipe(got, sizeof(got));
	}
	list_remove(&r->link);
	run_answer(r, e, a);
	secret_wipe(r, sizeof(*r));
	free(r);
}

/* ---- requests */

static struct run *
run_find(const struct key_login *login, const unsigned char *mac)
{
	struct list *l;

	for (l = list_first(&login->runs); l != NULL; l = list_next(&login->runs, l)) {
		struct run *r = obj_of(l, struct run, link);

		if (secret_eq(r->mac, mac, KEY_CACHE_MAC_BYTES))
			return r;
	}
	return NULL;
}

/* How many logins of this client address wait already? */
static size_t
client_waits(const struct key_login *login, struct slice client)
{
	struct list *l, *w;
	size_t n = 0;

	for (l = list_first(&login->runs); l != NULL; l = list_next(&login->runs, l)) {
		const struct run *r = obj_of(l, struct run, link);

		for (w = list_first(&r->waits); w != NULL; w = list_next(&r->waits, w))
			n += slice_eq_str(client, obj_of(w, struct wait, link)->client);
	}
	return n;
}

static struct run *
run_new(struct keyd *k, const struct key_account *a, const unsigned char *mac,
    struct slice password, uint64_t deadline_ms)
{
	const struct keyd_options *o = key_options(k);
	struct run *r = must_alloc(1, sizeof(*r));

	r->k = k;
	list_init(&r->waits);
	memcpy(r->mac, mac, sizeof(r->mac));
	memcpy(r->verifier, a != NULL ? a->password.verifier : k->login->no_one, 32);
	memcpy(r->job.salt, a != NULL ? a->password.salt : k->login->no_salt, 16);
	r->job.passes = a != NULL ? a->password.passes : (uint32_t)o->password_passes;
	r->job.memory_kib = a != NULL ? a->password.memory_kib :
	    (uint32_t)(o->password_memory / 1024);
	r->account = a != NULL ? a->id : 0;
	r->serial = a != NULL ? a->serial : 0;
	memcpy(r->job.password, password.p, password.n);
	r->job.password_n = password.n;
	r->job.deadline_ms = deadline_ms;
	r->job.done = run_done;
	list_push(&k->login->runs, &r->link);
	key_hash_submit(k->hash, &r->job);
	return r;
}

static struct key_grant
grant_of(const struct ipc_login *m)
{
	return (struct key_grant){ m->scope == TOKEN_MAIL ? TOKEN_MAIL : TOKEN_SUBMIT,
	    m->session_max };
}

static void
run_join(struct keyd *k, struct run *r, struct ipc_peer *p, const struct ipc_login *m,
    uint64_t id)
{
	struct wait *w = must_alloc(1, sizeof(*w));

	w->role = ipc_peer_role(p);
	w->instance = ipc_peer_instance(p);
	w->id = id;
	w->grant = grant_of(m);
	if (!slice_to_cstr(m->client, w->client, sizeof(w->client)))
		w->client[0] = '\0';
	list_push(&r->waits, &w->link);
	k->login->wait_count++;
}

static bool
has_room(const struct keyd *k, struct slice client)
{
	uint64_t limit = key_options(k)->password_queue_limit;

	return k->login->wait_count < limit &&
	    client_waits(k->login, client) < limit / CLIENT_SHARE + 1;
}

/* Only who can use a token of the scope may ask for one. */
static bool
scope_fits(enum ipc_role role, uint8_t scope)
{
	return role == IPC_IMAPD ? scope == TOKEN_MAIL : scope == TOKEN_SUBMIT;
}

void
key_login_on_login(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_login *m = msg;
	const struct key_grant grant = grant_of(m);
	char address[KEY_ADDRESS_MAX + 1];
	unsigned char mac[KEY_CACHE_MAC_BYTES];
	struct slice name = m->user;
	struct key_account *a = NULL;
	uint64_t deadline_ms = loop_now(k->loop) + key_options(k)->password_wait;
	struct run *r;
	bool is_right;

	if (!scope_fits(ipc_peer_role(p), m->scope)) {
		ipc_peer_violation(p, "login for a scope of others");
		return;
	}
	if (!m->tls) {
		key_gate_refuse(p, in->id, ERR_DENIED, "login needs TLS");
		return;
	}
	if (key_login_address(k, m->user, address, &name) == ERR_OK)
		a = key_ring_find_address(k->ring, name);
	key_cache_mac(k->login->cache, mac, name, m->password);
	if (key_cache_get(k->login->cache, mac, a != NULL ? a->id : 0,
	    a != NULL ? a->serial : 0, loop_now(k->loop), &is_right)) {
		answer(k, p, in->id, &grant, is_right ? ERR_OK : ERR_AUTH, a);
		return;
	}
	if (!has_room(k, m->client)) {
		answer(k, p, in->id, &grant, ERR_BUSY, NULL);
		return;
	}
	r = run_find(k->login, mac);
	if (r == NULL || r->account != (a != NULL ? a->id : 0) ||
	    (a != NULL && r->serial != a->serial))
		r = run_new(k, a, mac, m->password,
		    in->deadline_ms < deadline_ms ? in->deadline_ms : deadline_ms);
	run_join(k, r, p, m, in->id);
}

/* ---- new passwords */

static void
slot_done(struct key_hash_job *job)
{
	struct slot_run *r = obj_of(job, struct slot_run, job);
	struct key_slot slot = { .passes = job->passes, .memory_kib = job->memory_kib };

	memcpy(slot.salt, job->salt, sizeof(slot.salt));
	cry_subkey(slot.verifier, job->out, "godwit password verifier");
	r->fn(r->arg, job->result, &slot);
	secret_wipe(&slot, sizeof(slot));
	secret_wipe(r, sizeof(*r));
	free(r);
}

enum err
key_login_make_slot(struct keyd *k, struct slice password, key_login_slot_fn *fn, void *arg)
{
	const struct keyd_options *o = key_options(k);
	struct slot_run *r;

	if (password.n > KEY_PASSWORD_MAX)
		return ERR_TOOBIG;
	if (key_hash_waiting(k->hash) > 2 * o->password_queue_limit)
		return ERR_BUSY;
	r = must_alloc(1, sizeof(*r));
	r->fn = fn;
	r->arg = arg;
	memcpy(r->job.password, password.p, password.n);
	r->job.password_n = password.n;
	cry_random(r->job.salt, sizeof(r->job.salt));
	r->job.passes = (uint32_t)o->password_passes;
	r->job.memory_kib = (uint32_t)(o->password_memory / 1024);
	r->job.deadline_ms = loop_now(k->loop) + o->password_wait;
	r->job.done = slot_done;
	key_hash_submit(k->hash, &r->job);
	return ERR_OK;
}
