/* SPDX-License-Identifier: ISC */
#include "keyd/key_owner.h"

#include <string.h>

#include "keyd/key_cmtp.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_pair.h"
#include "keyd/key_vault.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum err
key_owner_init(struct key_owner *o, struct keyd *k, const struct key_account *a)
{
	memset(o, 0, sizeof(*o));
	o->k = k;
	o->a = *a;
	buf_init(&o->bytes, KEY_MORE_MAX);
	return key_more_get(&o->more, a->more);
}

void
key_owner_fini(struct key_owner *o)
{
	buf_fini(&o->bytes);
	secret_wipe(o, sizeof(*o));
}

static struct key_opener
opener(const struct key_owner *o)
{
	return (struct key_opener){ .root = o->k->roots.account,
	    .master = o->unlocked.vault != 0 ? o->unlocked.master : NULL,
	    .vault = o->unlocked.vault };
}

enum err
key_owner_put(struct key_owner *o, struct key_account **out)
{
	const struct key_opener by = opener(o);
	struct key_account *a = NULL;
	enum err e;

	if (o->a.id != 0)	/* a new account has it from key_owner_new_pair */
		key_cmtp_note(&o->more, &o->a, o->k->aead, &by);
	buf_reset(&o->bytes);
	key_more_put(&o->bytes, &o->more);
	if (buf_err(&o->bytes) != ERR_OK)
		return ERR_LIMIT;
	o->a.more = buf_slice(&o->bytes);
	e = key_ring_put(o->k->ring, &o->a, &a);
	if (e == ERR_OK)
		key_cmtp2_note(o->k, a, &by, o->has_seed ? o->seed : NULL);
	if (out != NULL)
		*out = a;
	return e;
}

/* ---- passwords */

bool
key_owner_verify(struct key_owner *o, const struct key_hashed *h)
{
	if (!secret_eq(h->slot.verifier, o->a.password.verifier, sizeof(h->slot.verifier)))
		return false;
	key_login_unlock(o->k, &o->a, &o->more.by_password, h->wrap_key, &o->unlocked);
	return true;
}

static void
wrap_master(struct key_owner *o, struct key_wrap *w, const unsigned char under[32])
{
	key_vault_wrap(w, o->k->aead, under, o->a.id, o->unlocked.vault, o->unlocked.master);
}

static void
wrap_by_password(struct key_owner *o, const struct key_hashed *h)
{
	memset(&o->more.by_password, 0, sizeof(o->more.by_password));
	memset(&o->more.by_scram, 0, sizeof(o->more.by_scram));
	if (o->unlocked.vault == 0)
		return;
	wrap_master(o, &o->more.by_password, h->wrap_key);
	if (o->a.password.scram.rounds > 0)
		wrap_master(o, &o->more.by_scram, h->client_key);
}

void
key_owner_set_password(struct key_owner *o, const struct key_hashed *h)
{
	o->a.password = h->slot;
	wrap_by_password(o, h);
}

/* Slots of a kind that open no vault but this one; 0: all of the kind. */
static void
drop_slots(struct key_owner *o, enum key_slot_kind kind, uint32_t vault)
{
	for (unsigned i = o->more.slot_n; i-- > 0;) {
		struct key_made_slot *s = &o->more.slots[i];

		if (s->kind == kind && (vault == 0 || s->wrap.vault == vault))
			key_more_drop_slot(&o->more, s);
	}
}

void
key_owner_new_vault(struct key_owner *o, const struct key_hashed *h)
{
	o->unlocked.vault = ++o->more.last_vault;
	cry_random(o->unlocked.master, sizeof(o->unlocked.master));
	drop_slots(o, KEY_SLOT_APP, 0);
	wrap_by_password(o, h);
}

/* ---- pairs */

static enum err
retire_pair(struct key_owner *o)
{
	struct key_generation g = { .number = o->a.generation, .form = o->a.form,
		.vault = o->a.vault };

	memcpy(g.public_key, o->a.public_key, sizeof(g.public_key));
	memcpy(g.wrapped_secret, o->a.wrapped_secret, sizeof(g.wrapped_secret));
	return key_more_add_generation(&o->more, &g);
}

enum err
key_owner_new_pair(struct key_owner *o, enum key_form form)
{
	const struct key_opener by = opener(o);
	enum err e = o->a.generation > 0 ? retire_pair(o) : ERR_OK;

	if (e != ERR_OK)
		return e;
	o->a.generation++;
	key_pair_make(&o->a, o->k->aead, &by, form);
	key_cmtp_note(&o->more, &o->a, o->k->aead, &by);
	return ERR_OK;
}

/* Nothing of the present vault is in reach of a credential any more. */
static void
leave_vault(struct key_owner *o)
{
	memset(&o->more.by_password, 0, sizeof(o->more.by_password));
	memset(&o->more.by_scram, 0, sizeof(o->more.by_scram));
	if (o->unlocked.vault != 0)
		drop_slots(o, KEY_SLOT_RECOVERY, o->unlocked.vault);
	for (unsigned i = 0; i < o->more.slot_n; i++)
		if (o->more.slots[i].kind == KEY_SLOT_APP)
			memset(&o->more.slots[i].wrap, 0, sizeof(o->more.slots[i].wrap));
}

/* What crypto_box_seal takes: not one of the points that give away all. */
static enum err
try_public(const unsigned char key[32])
{
	unsigned char out[KEY_SEALED_BYTES];

	return cry_box_seal(out, slice_of(key, 32), key) == ERR_OK ? ERR_OK : ERR_CRYPTO;
}

enum err
key_owner_use_public(struct key_owner *o, const unsigned char key[32])
{
	const struct key_opener from = opener(o);
	enum err e = try_public(key);

	if (e == ERR_OK && o->a.form == KEY_FORM_VAULT && o->unlocked.vault == 0)
		e = ERR_STATE;
	if (e == ERR_OK && o->a.generation > 0)
		e = retire_pair(o);
	if (e != ERR_OK)
		return e;
	o->has_seed = key_cmtp2_seed(o->seed, o->k, &o->a, &from) == ERR_OK;
	o->a.generation++;
	o->a.form = KEY_FORM_NONE;
	o->a.vault = 0;
	o->a.sealing = SEALING_CLIENT;
	memcpy(o->a.public_key, key, sizeof(o->a.public_key));
	memset(o->a.wrapped_secret, 0, sizeof(o->a.wrapped_secret));
	leave_vault(o);
	e = key_pair_release(o->a.id, &o->more, o->k->aead, &from, key, o->a.generation);
	/* Some may wait for the code of their vault. */
	return e == ERR_STATE ? ERR_OK : e;
}

/* ---- credentials that the server makes */

static enum err
add_made(struct key_owner *o, enum key_slot_kind kind, struct slice name, struct key_made *made)
{
	struct key_made_slot s = { .kind = kind, .scopes = TOKEN_SUBMIT | TOKEN_MAIL,
		.created_s = key_now_s(o->k), .name_n = name.n };
	unsigned char under[32];
	enum err e;

	if (o->a.form == KEY_FORM_VAULT && o->unlocked.vault == 0)
		return ERR_STATE;
	if (name.n > sizeof(s.name))
		return ERR_LIMIT;
	if (name.n > 0)
		memcpy(s.name, name.p, name.n);
	key_made_new(made, kind);
	key_made_slot(&s, made, under);
	if (o->unlocked.vault != 0)
		wrap_master(o, &s.wrap, under);
	e = key_more_add_slot(&o->more, &s);
	secret_wipe(under, sizeof(under));
	secret_wipe(&s, sizeof(s));
	return e;
}

/* One code for a vault: who makes a new one has lost the old one. */
enum err
key_owner_add_recovery(struct key_owner *o, struct key_made *code)
{
	if (o->unlocked.vault == 0)
		return ERR_STATE;
	drop_slots(o, KEY_SLOT_RECOVERY, o->unlocked.vault);
	return add_made(o, KEY_SLOT_RECOVERY, SLICE_NONE, code);
}

enum err
key_owner_add_app(struct key_owner *o, struct slice name, struct key_made *made)
{
	if (key_more_find(&o->more, KEY_SLOT_APP, name) != NULL)
		return ERR_EXISTS;
	return add_made(o, KEY_SLOT_APP, name, made);
}

enum err
key_owner_drop_app(struct key_owner *o, struct slice name)
{
	struct key_made_slot *s = key_more_find(&o->more, KEY_SLOT_APP, name);

	if (s == NULL)
		return ERR_NOTFOUND;
	key_more_drop_slot(&o->more, s);
	return ERR_OK;
}

/* ---- who can open */

static struct key_made_slot *
recovery_slot(struct key_owner *o, const struct key_made *code, struct key_unlocked *old)
{
	unsigned char under[32];

	for (unsigned i = 0; i < o->more.slot_n; i++) {
		struct key_made_slot *s = &o->more.slots[i];

		if (s->kind != KEY_SLOT_RECOVERY || !key_made_fits(s, code, under))
			continue;
		key_login_unlock(o->k, &o->a, &s->wrap, under, old);
		secret_wipe(under, sizeof(under));
		return old->vault != 0 ? s : NULL;
	}
	return NULL;
}

/* Wrapped under the root key, or in the present vault. */
static enum key_form
form_of(const struct key_owner *o)
{
	return o->a.sealing == SEALING_PASSWORD ? KEY_FORM_VAULT : KEY_FORM_ROOT;
}

enum err
key_owner_renew(struct key_owner *o)
{
	if (o->a.form == KEY_FORM_NONE || (o->a.form == KEY_FORM_VAULT && o->unlocked.vault == 0))
		return ERR_STATE;
	return key_owner_new_pair(o, form_of(o));
}

static unsigned
count_waiting(const struct key_owner *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->more.generation_n; i++)
		n += o->more.generations[i].form == KEY_FORM_VAULT &&
		    o->more.generations[i].vault != o->unlocked.vault;
	return n;
}

enum err
key_owner_recover(struct key_owner *o, const struct key_made *code, unsigned *count)
{
	struct key_unlocked old = { .vault = 0 };
	struct key_made_slot *s = recovery_slot(o, code, &old);
	struct key_opener from = { .root = o->k->roots.account, .master = old.master };
	const struct key_opener to = opener(o);
	unsigned before = count_waiting(o);
	enum err e;

	if (s == NULL)
		return ERR_AUTH;
	if (form_of(o) == KEY_FORM_VAULT && to.master == NULL)
		return ERR_STATE;
	from.vault = old.vault;
	/* What is in other vaults stays there: no error. */
	if (o->a.form == KEY_FORM_NONE)
		e = key_pair_release(o->a.id, &o->more, o->k->aead, &from, o->a.public_key,
		    o->a.generation);
	else
		e = key_pair_rewrap(&o->a, &o->more, o->k->aead, &from, &to, form_of(o));
	*count = before - count_waiting(o);
	if (old.vault != o->unlocked.vault)
		key_more_drop_slot(&o->more, s);
	secret_wipe(&old, sizeof(old));
	return e == ERR_STATE ? ERR_OK : e;
}

static enum err
seal_by_password(struct key_owner *o, const struct key_hashed *h)
{
	const struct key_opener from = opener(o);
	struct key_opener to;

	key_owner_new_vault(o, h);
	to = opener(o);
	return key_pair_rewrap(&o->a, &o->more, o->k->aead, &from, &to, KEY_FORM_VAULT);
}

static enum err
seal_by_root(struct key_owner *o)
{
	const struct key_opener by = opener(o);
	enum err e = key_pair_rewrap(&o->a, &o->more, o->k->aead, &by, &by, KEY_FORM_ROOT);

	leave_vault(o);
	return e;
}

/* The device keeps what it can open; what comes from now on is opened here. */
static enum err
leave_client(struct key_owner *o, enum sealing to, const struct key_hashed *h)
{
	if (to == SEALING_PASSWORD)
		key_owner_new_vault(o, h);
	return key_owner_new_pair(o, to == SEALING_PASSWORD ? KEY_FORM_VAULT : KEY_FORM_ROOT);
}

enum err
key_owner_seal(struct key_owner *o, enum sealing to, const struct key_hashed *h)
{
	enum err e;

	if (o->a.form == KEY_FORM_VAULT && o->unlocked.vault == 0)
		return ERR_STATE;
	if (o->a.form == KEY_FORM_NONE)
		e = leave_client(o, to, h);
	else
		e = to == SEALING_PASSWORD ? seal_by_password(o, h) : seal_by_root(o);
	/* Earlier generations may wait for their code: only the present one counts. */
	if (e == ERR_STATE && o->a.form == (to == SEALING_PASSWORD ? KEY_FORM_VAULT : KEY_FORM_ROOT))
		e = ERR_OK;
	if (e != ERR_OK)
		return e;
	o->a.sealing = to;
	return ERR_OK;
}
