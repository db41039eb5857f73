/* SPDX-License-Identifier: ISC */
/*
 * A run is one Argon2id job; waits are the logins that hang on it.  Answers
 * find their peer again by role and instance: it may be gone by then.
 */
#include "keyd/key_login.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_cache.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_gate.h"
#include "keyd/key_made.h"
#include "keyd/key_scram.h"
#include "keyd/key_tool.h"
#include "keyd/key_vault.h"
#include "keyd/key_visit.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/daemon/daemon_domain.h"
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
	struct key_attempt	 attempt;
	uint64_t		 account;	/* 0: there is none */
	uint32_t		 serial;
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
		buf_put_str(&b, daemon_domain_default(k->app));
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

void
key_login_unlock(struct keyd *k, const struct key_account *a, const struct key_wrap *w,
    const unsigned char under[32], struct key_unlocked *u)
{
	u->vault = w->vault;
	if (u->vault != 0 && key_vault_unwrap(u->master, w, k->aead, under, a->id) != ERR_OK)
		u->vault = 0;
}

static void
answer_right(struct keyd *k, struct ipc_peer *p, uint64_t id, const struct key_grant *g,
    const struct key_proof *proof)
{
	struct key_account *a = proof->account;
	unsigned char token[TOKEN_BYTES] = { 0 };
	struct ipc_login_ok m = { .account = a->id, .address = a->address,
		.token = slice_of(token, sizeof(token)), .signature = proof->signature };
	enum err e;

	if (!a->enabled) {
		key_gate_refuse(p, id, ERR_DISABLED, "account is disabled");
		return;
	}
	e = key_token_issue(k, a, g, ipc_peer_role(p), ipc_peer_instance(p), token);
	if (e != ERR_OK) {
		key_gate_refuse(p, id, e, "too many sessions of this user");
	} else {
		if (g->scope == TOKEN_MAIL && proof->unlocked.vault != 0) {
			const struct key_opener by = { k->roots.account, proof->unlocked.master,
			    proof->unlocked.vault };

			key_vault_open(k, a->id, proof->unlocked.vault, proof->unlocked.master);
			key_cmtp2_note(k, a, &by, NULL);
		}
		ipc_reply(p, id, IPC_MSG_login_ok, &m);
	}
	secret_wipe(token, sizeof(token));
}

void
key_login_answer(struct keyd *k, struct ipc_peer *p, uint64_t id, const struct key_grant *g,
    const struct key_proof *proof)
{
	if (proof->error == ERR_OK)
		answer_right(k, p, id, g, proof);
	else
		key_gate_refuse(p, id, proof->error, proof->error == ERR_AUTH ?
		    "wrong user name or password" : "too many logins at once; try again");
}

/* Everyone who waits for this run; the account may have changed meanwhile. */
static void
run_answer(struct run *r, const struct key_proof *proof)
{
	struct keyd *k = r->k;
	struct list *l;

	while ((l = list_first(&r->waits)) != NULL) {
		struct wait *w = obj_of(l, struct wait, link);
		struct ipc_peer *p = key_gate_peer(k, w->role, w->instance);

		if (p != NULL)
			key_login_answer(k, p, w->id, &w->grant, proof);
		list_remove(l);
		k->login->wait_count--;
		free(w);
	}
}

/*
 * The password is right and was set before there was SCRAM: keep its other
 * verifier too.  When it cannot be written nothing is lost.
 */
static void
add_scram(struct run *r, struct key_account **a, const struct key_unlocked *u)
{
	struct keyd *k = r->k;
	struct key_account changed = **a;
	struct key_more more;
	struct buf b;

	if (r->job.scram.rounds == 0 || changed.password.scram.rounds > 0 ||
	    key_more_get(&more, changed.more) != ERR_OK)
		return;
	buf_init(&b, KEY_MORE_MAX);
	changed.password.scram = r->job.scram;
	if (u->vault != 0) {
		unsigned char under[32];

		cry_subkey(under, r->job.client_key, "godwit scram wrap");
		key_vault_wrap(&more.by_scram, k->aead, under, changed.id, u->vault, u->master);
		key_more_put(&b, &more);
		changed.more = buf_slice(&b);
		secret_wipe(under, sizeof(under));
	}
	if (buf_err(&b) == ERR_OK && key_ring_put(k->ring, &changed, a) == ERR_OK)
		key_tool_audit("scram", (*a)->address, (*a)->id, err_text(ERR_OK));
	buf_fini(&b);
}

static void
unlock_by_password(struct run *r, const struct key_account *a, struct key_unlocked *u)
{
	unsigned char under[32];
	struct key_more more;

	if (a->more.n == 0 || key_more_get(&more, a->more) != ERR_OK)
		return;
	cry_subkey(under, r->job.out, "godwit password wrap");
	key_login_unlock(r->k, a, &more.by_password, under, u);
	secret_wipe(under, sizeof(under));
}

static void
remember(struct run *r, const struct key_proof *proof)
{
	struct keyd *k = r->k;
	const struct key_account *a = proof->account;
	struct key_outcome o = { .is_right = proof->error == ERR_OK, .account = r->account,
		.serial = a != NULL ? a->serial : r->serial };

	if (proof->unlocked.vault != 0)
		key_vault_wrap(&o.wrap, k->aead, r->attempt.under, r->account,
		    proof->unlocked.vault, proof->unlocked.master);
	key_cache_put(k->login->cache, r->attempt.mac, &o,
	    loop_now(k->loop) + key_options(k)->login_cache_time);
}

static void
run_done(struct key_hash_job *job)
{
	struct run *r = obj_of(job, struct run, job);
	struct keyd *k = r->k;
	struct key_account *a = key_ring_find(k->ring, r->account);
	struct key_proof proof = { .error = job->result };
	unsigned char got[32];

	if (proof.error == ERR_OK && r->account != 0 && (a == NULL || a->serial != r->serial))
		proof.error = ERR_BUSY;
	if (proof.error == ERR_OK) {
		key_hash_verifier(got, job->out);
		/* The comparison comes first: it is made for unknown users too. */
		proof.error = secret_eq(got, job->verifier, sizeof(got)) && a != NULL ?
		    ERR_OK : ERR_AUTH;
		if (proof.error == ERR_OK) {
			unlock_by_password(r, a, &proof.unlocked);
			add_scram(r, &a, &proof.unlocked);
			proof.account = a;
		}
		remember(r, &proof);
		secret_wipe(got, sizeof(got));
	}
	list_remove(&r->link);
	run_answer(r, &proof);
	secret_wipe(&proof, sizeof(proof));
	secret_wipe(r, sizeof(*r));
	free(r);
}

/* ---- requests */

static struct run *
run_find(const struct key_login *login, const struct key_attempt *at)
{
	struct list *l;

	for (l = list_first(&login->runs); l != NULL; l = list_next(&login->runs, l)) {
		struct run *r = obj_of(l, struct run, link);

		if (secret_eq(r->attempt.mac, at->mac, KEY_CACHE_MAC_BYTES))
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
run_new(struct keyd *k, const struct key_account *a, const struct key_attempt *at,
    struct slice password, uint64_t deadline_ms)
{
	const struct keyd_options *o = key_options(k);
	struct run *r = must_alloc(1, sizeof(*r));

	r->k = k;
	list_init(&r->waits);
	r->attempt = *at;
	r->job.is_password = r->job.is_checked = true;
	memcpy(r->job.verifier, a != NULL ? a->password.verifier : k->login->no_one, 32);
	memcpy(r->job.salt, a != NULL ? a->password.salt : k->login->no_salt, 16);
	r->job.passes = a != NULL ? a->password.passes : (uint32_t)o->password_passes;
	r->job.memory_kib = a != NULL ? a->password.memory_kib :
	    (uint32_t)(o->password_memory / 1024);
	r->account = a != NULL ? a->id : 0;
	r->serial = a != NULL ? a->serial : 0;
	if (a != NULL && a->password.scram.rounds == 0)
		key_scram_prepare(k, &r->job.scram);
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

bool
key_login_scope_fits(enum ipc_role role, uint8_t scope)
{
	return role == IPC_IMAPD ? scope == TOKEN_MAIL : scope == TOKEN_SUBMIT;
}

/* The slot of an app password; NULL. */
static const struct key_made_slot *
app_slot(struct key_more *more, const struct key_account *a, struct slice password,
    uint8_t scope, unsigned char under[32])
{
	struct key_made made;
	const struct key_made_slot *found = NULL;

	if (a == NULL || a->more.n == 0 || key_more_get(more, a->more) != ERR_OK ||
	    key_made_parse(&made, KEY_SLOT_APP, password) != ERR_OK)
		return NULL;
	for (unsigned i = 0; i < more->slot_n && found == NULL; i++) {
		const struct key_made_slot *s = &more->slots[i];

		if (s->kind == KEY_SLOT_APP && (s->scopes & scope) != 0 &&
		    key_made_fits(s, &made, under))
			found = s;
	}
	secret_wipe(&made, sizeof(made));
	return found;
}

/* App passwords cost no Argon2id; true: this was one, and is answered. */
static bool
login_by_app(struct keyd *k, struct ipc_peer *p, const struct ipc_login *m, uint64_t id,
    struct key_account *a)
{
	const struct key_grant grant = grant_of(m);
	struct key_proof proof = { .error = ERR_OK, .account = a };
	unsigned char under[32];
	struct key_more more;
	const struct key_made_slot *s = app_slot(&more, a, m->password, (uint8_t)grant.scope,
	    under);

	if (s == NULL)
		return false;
	key_login_unlock(k, a, &s->wrap, under, &proof.unlocked);
	key_login_answer(k, p, id, &grant, &proof);
	secret_wipe(under, sizeof(under));
	secret_wipe(&proof, sizeof(proof));
	return true;
}

/* Only imapd reads mail for its owner or, with a ticket, for the operator. */
static bool
login_by_visit(struct keyd *k, struct ipc_peer *p, const struct ipc_login *m, uint64_t id,
    struct key_account *a)
{
	const struct key_grant grant = grant_of(m);
	const struct key_proof proof = { .error = ERR_OK, .account = a };

	if (ipc_peer_role(p) != IPC_IMAPD || !key_visit_take(k, a, m->password))
		return false;
	key_login_answer(k, p, id, &grant, &proof);
	return true;
}

static void
answer_cached(struct keyd *k, struct ipc_peer *p, uint64_t id, const struct key_grant *g,
    const struct key_attempt *at, const struct key_outcome *o, struct key_account *a)
{
	struct key_proof proof = { .error = o->is_right ? ERR_OK : ERR_AUTH, .account = a };

	if (o->is_right)
		key_login_unlock(k, a, &o->wrap, at->under, &proof.unlocked);
	key_login_answer(k, p, id, g, &proof);
	secret_wipe(&proof, sizeof(proof));
}

static void
login_by_password(struct keyd *k, struct ipc_peer *p, const struct ipc_login *m,
    struct ipc_in *in, struct slice name, struct key_account *a)
{
	const struct key_grant grant = grant_of(m);
	const struct key_proof busy = { .error = ERR_BUSY };
	uint64_t now = loop_now(k->loop), deadline_ms = now + key_options(k)->password_wait;
	struct key_attempt at;
	struct key_outcome o;
	struct run *r;

	key_cache_attempt(k->login->cache, &at, name, m->password);
	if (key_cache_get(k->login->cache, at.mac, a != NULL ? a->id : 0,
	    a != NULL ? a->serial : 0, now, &o)) {
		answer_cached(k, p, in->id, &grant, &at, &o, a);
	} else if (!has_room(k, m->client)) {
		key_login_answer(k, p, in->id, &grant, &busy);
	} else {
		r = run_find(k->login, &at);
		if (r == NULL || r->account != (a != NULL ? a->id : 0) ||
		    (a != NULL && r->serial != a->serial))
			r = run_new(k, a, &at, m->password,
			    in->deadline_ms < deadline_ms ? in->deadline_ms : deadline_ms);
		run_join(k, r, p, m, in->id);
	}
	secret_wipe(&at, sizeof(at));
}

/* Whom, the daemon that talks to the client knows. */
bool
key_login_takes_cleartext(const struct keyd *k)
{
	const struct godwit_options *o = daemon_options(k->app, "godwit", NULL);

	return o->auth_cleartext != CONF_AUTH_CLEARTEXT_NO;
}

void
key_login_on_login(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_login *m = msg;
	char address[KEY_ADDRESS_MAX + 1];
	struct slice name = m->user;
	struct key_account *a = NULL;

	if (!key_login_scope_fits(ipc_peer_role(p), m->scope)) {
		ipc_peer_violation(p, "login for a scope of others");
		return;
	}
	if (!m->tls && !key_login_takes_cleartext(k)) {
		key_gate_refuse(p, in->id, ERR_DENIED, "login needs TLS");
		return;
	}
	if (key_login_address(k, m->user, address, &name) == ERR_OK)
		a = key_ring_find_address(k->ring, name);
	if (!login_by_app(k, p, m, in->id, a) && !login_by_visit(k, p, m, in->id, a))
		login_by_password(k, p, m, in, name, a);
}

/* ---- new passwords */

static void
slot_done(struct key_hash_job *job)
{
	struct slot_run *r = obj_of(job, struct slot_run, job);
	struct key_hashed h = { .error = job->result, .slot = { .passes = job->passes,
	    .memory_kib = job->memory_kib, .scram = job->scram } };

	memcpy(h.slot.salt, job->salt, sizeof(h.slot.salt));
	key_hash_verifier(h.slot.verifier, job->out);
	cry_subkey(h.wrap_key, job->out, "godwit password wrap");
	cry_subkey(h.client_key, job->client_key, "godwit scram wrap");
	r->fn(r->arg, &h);
	secret_wipe(&h, sizeof(h));
	secret_wipe(r, sizeof(*r));
	free(r);
}

static enum err
slot_submit(struct keyd *k, struct slot_run *r, struct slice password, key_login_slot_fn *fn,
    void *arg)
{
	if (password.n > KEY_PASSWORD_MAX ||
	    key_hash_waiting(k->hash) > 2 * key_options(k)->password_queue_limit) {
		free(r);
		return password.n > KEY_PASSWORD_MAX ? ERR_TOOBIG : ERR_BUSY;
	}
	r->fn = fn;
	r->arg = arg;
	r->job.is_password = true;
	memcpy(r->job.password, password.p, password.n);
	r->job.password_n = password.n;
	r->job.deadline_ms = loop_now(k->loop) + key_options(k)->password_wait;
	r->job.done = slot_done;
	key_hash_submit(k->hash, &r->job);
	return ERR_OK;
}

enum err
key_login_make_slot(struct keyd *k, struct slice password, key_login_slot_fn *fn, void *arg)
{
	const struct keyd_options *o = key_options(k);
	struct slot_run *r = must_alloc(1, sizeof(*r));

	cry_random(r->job.salt, sizeof(r->job.salt));
	r->job.passes = (uint32_t)o->password_passes;
	r->job.memory_kib = (uint32_t)(o->password_memory / 1024);
	key_scram_prepare(k, &r->job.scram);
	return slot_submit(k, r, password, fn, arg);
}

enum err
key_login_try_slot(struct keyd *k, const struct key_slot *s, struct slice password,
    key_login_slot_fn *fn, void *arg)
{
	struct slot_run *r = must_alloc(1, sizeof(*r));

	r->job.is_checked = true;
	memcpy(r->job.verifier, s->verifier, sizeof(r->job.verifier));
	memcpy(r->job.salt, s->salt, sizeof(r->job.salt));
	r->job.passes = s->passes;
	r->job.memory_kib = s->memory_kib;
	if (s->scram.rounds > 0) {
		r->job.scram.rounds = s->scram.rounds;
		memcpy(r->job.scram.salt, s->scram.salt, sizeof(s->scram.salt));
	}
	return slot_submit(k, r, password, fn, arg);
}
