/* SPDX-License-Identifier: ISC */
#include "keyd/key_account.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "keyd/key_facts.h"
#include "keyd/key_heard.h"
#include "keyd/key_open.h"
#include "keyd/key_owner.h"
#include "keyd/key_public.h"
#include "keyd/key_token.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum { ANSWER_MAX = 8192 };

/* What a verb does once its passwords were worked on. */
struct job;
typedef enum err job_fn(struct job *, struct key_owner *, const struct key_hashed *, struct buf *);

struct job {
	struct keyd		*k;
	uint64_t		 id;
	const char		*action;	/* for the audit log */
	job_fn			*fn;
	bool			 makes_slot;	/* of second, or of the only one */
	bool			 is_new;
	bool			 revokes;	/* sessions end */
	bool			 forgets;	/* wraps of before open what shall stay closed */
	enum sealing		 sealing;
	unsigned char		 public_key[32];	/* SEALING_CLIENT */
	uint32_t		 serial;	/* of the account when it was verified */
	struct key_unlocked	 unlocked;
	struct key_made		 code;
	size_t			 second_n;
	char			 second[KEY_PASSWORD_MAX];
	size_t			 name_n;
	char			 name[KEY_SLOT_NAME_MAX];
	size_t			 address_n;
	char			 address[KEY_ADDRESS_MAX + 1];
};

const char *
key_account_sealing_name(enum sealing s)
{
	switch (s) {
	case SEALING_ESCROW:
		return "escrow";
	case SEALING_PASSWORD:
		return "password";
	case SEALING_CLIENT:
		return "client";
	case SEALING_SERVER:
		return "server";
	}
	return "";
}

static bool
sealing_find(struct slice name, enum sealing *s)
{
	static const enum sealing all[] = { SEALING_ESCROW, SEALING_PASSWORD, SEALING_CLIENT,
		SEALING_SERVER };

	for (size_t i = 0; i < lengthof(all); i++)
		if (slice_eq_str(name, key_account_sealing_name(all[i]))) {
			*s = all[i];
			return true;
		}
	return false;
}

static struct slice
address_of(const struct job *j)
{
	return slice_of(j->address, j->address_n);
}

static struct job *
job_new(const struct key_tool_request *q, const char *action, job_fn *fn, struct slice address)
{
	struct job *j = must_alloc(1, sizeof(*j));

	j->k = q->k;
	j->id = q->id;
	j->action = action;
	j->fn = fn;
	must(address.n <= KEY_ADDRESS_MAX);
	memcpy(j->address, address.p, address.n);
	j->address_n = address.n;
	return j;
}

static void
job_free(struct job *j)
{
	secret_wipe(j, sizeof(*j));
	free(j);
}

/* ---- running */

static void
tell(struct job *j, enum err e, struct slice text)
{
	struct slice a = address_of(j);

	if (e == ERR_OK)
		key_heard_reply(j->k, j->id, text);
	else if (e == ERR_AUTH)
		key_tool_reply(j->k, j->id, EX_NOPERM, "wrong password or code", a);
	else if (e == ERR_STATE)
		key_tool_reply(j->k, j->id, EX_DATAERR,
		    "its keys cannot be opened by what was given", a);
	else if (e == ERR_CRYPTO)
		key_tool_reply(j->k, j->id, EX_DATAERR, "nothing can be sealed to that key", a);
	else if (e == ERR_LIMIT)
		key_tool_reply(j->k, j->id, EX_DATAERR, "has too many of these", a);
	else
		key_tool_reply_err(j->k, j->id, e, a);
}

/* All of it, or nothing. */
static enum err
change(struct job *j, const struct key_hashed *h, struct key_account **out, struct buf *text)
{
	struct key_account *a = key_ring_find_address(j->k->ring, address_of(j));
	struct key_account fresh = { .enabled = true, .created_s = key_now_s(j->k),
		.id = key_ring_next_id(j->k->ring), .address = address_of(j) };
	struct key_owner o;
	enum err e;

	if (a == NULL && !j->is_new)
		return ERR_NOTFOUND;
	if (a != NULL && (j->is_new || (j->serial != 0 && a->serial != j->serial)))
		return j->is_new ? ERR_EXISTS : ERR_BUSY;
	e = key_owner_init(&o, j->k, a != NULL ? a : &fresh);
	o.unlocked = j->unlocked;
	if (e == ERR_OK)
		e = j->fn(j, &o, h, text);
	if (e == ERR_OK && j->revokes)
		o.a.since_s = key_token_end_s(j->k, &o.a);
	/* The wraps are bound to the id it will have. */
	if (j->is_new)
		o.a.id = 0;
	if (e == ERR_OK)
		e = key_owner_put(&o, out);
	key_owner_fini(&o);
	return e;
}

/*
 * Earlier records have the secrets under the root key, or in reach of a
 * password that is no longer one.  The change holds whatever becomes of this;
 * the log says when they are still in the file.
 */
static void
forget_wraps(struct job *j, const struct key_account *a)
{
	enum err e = key_ring_rewrite(j->k->ring);

	key_open_forget(j->k->open, a->id);
	key_tool_audit("forget", a->address, a->id, err_text(e));
}

static void
apply(struct job *j, const struct key_hashed *h)
{
	struct key_account *a = NULL;
	struct buf text;
	enum err e;

	buf_init(&text, ANSWER_MAX);
	text.secret = true;
	e = h != NULL && h->error != ERR_OK ? h->error : change(j, h, &a, &text);
	key_tool_audit(j->action, address_of(j), a != NULL ? a->id : 0, err_text(e));
	if (e == ERR_OK) {
		if (j->revokes)
			key_token_revoke(j->k, a->id, a->since_s);
		key_facts_account(j->k, a);
		if (j->forgets)
			forget_wraps(j, a);
	}
	tell(j, e, buf_slice(&text));
	buf_fini(&text);
	job_free(j);
}

static void
on_made(void *arg, const struct key_hashed *h)
{
	apply(arg, h);
}

static void
fail(struct job *j, enum err e)
{
	key_tool_audit(j->action, address_of(j), 0, err_text(e));
	tell(j, e, SLICE_NONE);
	job_free(j);
}

static void
on_tried(void *arg, const struct key_hashed *h)
{
	struct job *j = arg;
	const struct key_account *a = key_ring_find_address(j->k->ring, address_of(j));
	struct key_owner o;
	enum err e = h->error;

	if (e == ERR_OK && (a == NULL || a->serial != j->serial))
		e = ERR_BUSY;
	if (e == ERR_OK)
		e = key_owner_init(&o, j->k, a);
	if (e == ERR_OK) {
		e = key_owner_verify(&o, h) ? ERR_OK : ERR_AUTH;
		j->unlocked = o.unlocked;
		key_owner_fini(&o);
	}
	if (e == ERR_OK && j->makes_slot)
		e = key_login_make_slot(j->k, slice_of(j->second, j->second_n), on_made, j);
	else if (e == ERR_OK) {
		apply(j, h);
		return;
	}
	if (e != ERR_OK)
		fail(j, e);
}

/* Check the present password first. */
static void
start_verified(struct job *j, const struct key_account *a, struct slice password)
{
	enum err e;

	j->serial = a->serial;
	e = key_login_try_slot(j->k, &a->password, password, on_tried, j);
	if (e != ERR_OK)
		fail(j, e);
}

/* With the account's password first, where that is needed. */
static void
start(struct job *j, const struct key_tool_request *q, const struct key_account *a,
    bool by_password)
{
	char mem[KEY_PASSWORD_MAX + 1];
	size_t n = 0;

	j->serial = a->serial;
	if (!by_password)
		apply(j, NULL);
	else if (key_tool_password(q, mem, &n))
		start_verified(j, a, slice_of(mem, n));
	else
		job_free(j);
	secret_wipe(mem, sizeof(mem));
}

static void
start_made(struct job *j, struct slice password)
{
	enum err e = key_login_make_slot(j->k, password, on_made, j);

	if (e != ERR_OK)
		fail(j, e);
}

static void
put_code(struct buf *text, const char *label, const struct key_made *m)
{
	char s[KEY_MADE_TEXT_MAX];

	key_made_text(s, m);
	buf_printf(text, "%s%s\n", label, s);
	secret_wipe(s, sizeof(s));
}

static enum err
give_recovery(struct key_owner *o, struct buf *text)
{
	struct key_made code;
	enum err e = key_owner_add_recovery(o, &code);

	if (e == ERR_OK)
		put_code(text, "recovery code: ", &code);
	secret_wipe(&code, sizeof(code));
	return e;
}

/* ---- user.add */

static enum err
do_add(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	enum err e;

	if (key_login_domain(j->k, address_of(j)) == NULL)
		return ERR_NOTFOUND;
	o->a.sealing = j->sealing;
	o->a.password = h->slot;
	switch (j->sealing) {
	case SEALING_PASSWORD:
		key_owner_new_vault(o, h);
		e = key_owner_new_pair(o, KEY_FORM_VAULT);
		return e == ERR_OK ? give_recovery(o, text) : e;
	case SEALING_ESCROW:
	case SEALING_SERVER:
		return key_owner_new_pair(o, KEY_FORM_ROOT);
	case SEALING_CLIENT:
		return key_owner_use_public(o, j->public_key);
	}
	return ERR_SYNTAX;
}

static enum sealing
domain_sealing(const struct domain_options *d)
{
	switch (d->sealing) {
	case CONF_SEALING_PASSWORD:
		return SEALING_PASSWORD;
	case CONF_SEALING_CLIENT:
		return SEALING_CLIENT;
	case CONF_SEALING_SERVER:
		return SEALING_SERVER;
	default:
		return SEALING_ESCROW;
	}
}

/* The words MODE and KEY, from argv[at] on; false: answered. */
static bool
mode_of(const struct key_tool_request *q, unsigned at, struct job *j)
{
	bool has_key = q->argc > at + 1;

	if (q->argc > at && !sealing_find(q->argv[at], &j->sealing)) {
		key_tool_reply(q->k, q->id, EX_USAGE,
		    "allowed: escrow, password, client, server", q->argv[at]);
		return false;
	}
	if (has_key != (j->sealing == SEALING_CLIENT)) {
		key_tool_reply(q->k, q->id, EX_USAGE, has_key ?
		    "only sealing = client takes a public key" :
		    "sealing = client needs its public key: --key", address_of(j));
		return false;
	}
	if (has_key && key_public_parse(j->public_key, q->argv[at + 1]) != ERR_OK) {
		key_tool_reply(q->k, q->id, EX_DATAERR,
		    "an X25519 public key is wanted, as PEM or 32 bytes in base64",
		    address_of(j));
		return false;
	}
	return true;
}

void
key_account_add(const struct key_tool_request *q)
{
	char mem[KEY_ADDRESS_MAX + 1], password[KEY_PASSWORD_MAX + 1];
	struct slice address;
	struct job *j;
	size_t n = 0;

	if (!key_tool_address_of(q, q->argv[0], mem, &address))
		return;
	if (key_ring_find_address(q->k->ring, address) != NULL) {
		key_tool_reply(q->k, q->id, KEY_TOOL_EXISTS, "exists already", address);
		return;
	}
	if (key_ring_find_alias(q->k->ring, address) != NULL) {
		key_tool_reply(q->k, q->id, KEY_TOOL_EXISTS, "exists already, as an alias",
		    address);
		return;
	}
	j = job_new(q, "add", do_add, address);
	j->is_new = true;
	j->sealing = domain_sealing(key_login_domain(q->k, address));
	if (!mode_of(q, 1, j) || !key_tool_password(q, password, &n)) {
		job_free(j);
		return;
	}
	start_made(j, slice_of(password, n));
	secret_wipe(password, sizeof(password));
}

/* ---- user.passwd */

static enum err
do_passwd(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	(void)j;
	(void)text;
	key_owner_set_password(o, h);
	return ERR_OK;
}

/* The owner forgot it: new mail is readable, old mail waits for its code. */
static enum err
do_reset(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	enum err e;

	(void)j;
	o->a.password = h->slot;
	key_owner_new_vault(o, h);
	e = key_owner_new_pair(o, KEY_FORM_VAULT);
	return e == ERR_OK ? give_recovery(o, text) : e;
}

static void
passwd_old(const struct key_tool_request *q, const struct key_account *a)
{
	char mem[2 * KEY_PASSWORD_MAX + 2];
	struct slice first, second;
	struct job *j;

	if (!key_tool_two_passwords(q, mem, &first, &second))
		return;
	j = job_new(q, "passwd", do_passwd, a->address);
	j->revokes = true;
	j->forgets = a->sealing == SEALING_PASSWORD;
	j->makes_slot = true;
	memcpy(j->second, second.p, second.n);
	j->second_n = second.n;
	start_verified(j, a, first);
	secret_wipe(mem, sizeof(mem));
}

void
key_account_passwd(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct slice how = q->argc > 1 ? q->argv[1] : SLICE_NONE;
	char mem[KEY_PASSWORD_MAX + 1];
	bool is_reset = slice_eq_str(how, "reset");
	struct job *j;
	size_t n = 0;

	if (a == NULL)
		return;
	if (slice_eq_str(how, "old")) {
		passwd_old(q, a);
		return;
	}
	if (how.n > 0 && !is_reset) {
		key_tool_reply(q->k, q->id, EX_USAGE, "unknown form", how);
		return;
	}
	if ((a->sealing == SEALING_PASSWORD) != is_reset) {
		key_tool_reply(q->k, q->id, EX_DATAERR, is_reset ?
		    "only with sealing = password there is something to reset" :
		    "its mail opens with its password only: --old keeps it readable, "
		    "--reset does not (until its recovery code comes)", a->address);
		return;
	}
	if (!key_tool_password(q, mem, &n))
		return;
	j = job_new(q, is_reset ? "reset" : "passwd", is_reset ? do_reset : do_passwd, a->address);
	j->revokes = true;
	j->forgets = is_reset;
	j->serial = a->serial;
	start_made(j, slice_of(mem, n));
	secret_wipe(mem, sizeof(mem));
}

/* ---- user.sealing */

static enum err
do_sealing(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	enum err e;

	if (j->sealing == SEALING_CLIENT)
		return key_owner_use_public(o, j->public_key);
	e = key_owner_seal(o, j->sealing, h);
	if (e == ERR_OK && j->sealing == SEALING_PASSWORD)
		e = give_recovery(o, text);
	return e;
}

static bool
is_new_key(const struct job *j, const struct key_account *a)
{
	return j->sealing == SEALING_CLIENT &&
	    memcmp(j->public_key, a->public_key, sizeof(a->public_key)) != 0;
}

void
key_account_sealing(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct job *j;

	if (a == NULL)
		return;
	j = job_new(q, "sealing", do_sealing, a->address);
	if (!mode_of(q, 1, j)) {
		job_free(j);
		return;
	}
	if (j->sealing == a->sealing && !is_new_key(j, a)) {
		key_tool_reply_done(q->k, q->id);
		job_free(j);
		return;
	}
	j->revokes = true;
	j->forgets = j->sealing == SEALING_PASSWORD || j->sealing == SEALING_CLIENT;
	start(j, q, a, j->sealing == SEALING_PASSWORD || a->sealing == SEALING_PASSWORD);
}

/* ---- user.renew */

static enum err
do_renew(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	(void)j;
	(void)h;
	(void)text;
	return key_owner_renew(o);
}

void
key_account_renew(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct job *j;

	if (a == NULL)
		return;
	if (a->sealing == SEALING_CLIENT) {
		key_tool_reply(q->k, q->id, EX_DATAERR,
		    "its key is made on a device of the owner: sealing client --key", a->address);
		return;
	}
	j = job_new(q, "renew", do_renew, a->address);
	/* What they append would be sealed to the key of before. */
	j->revokes = true;
	start(j, q, a, a->sealing == SEALING_PASSWORD);
}

/* ---- recovery codes */

static enum err
do_recovery(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	(void)j;
	(void)h;
	return give_recovery(o, text);
}

static bool
is_by_password(const struct key_tool_request *q, const struct key_account *a)
{
	if (a != NULL && a->sealing != SEALING_PASSWORD)
		key_tool_reply(q->k, q->id, EX_DATAERR,
		    "a recovery code belongs to sealing = password", a->address);
	return a != NULL && a->sealing == SEALING_PASSWORD;
}

void
key_account_recovery(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct job *j;

	if (!is_by_password(q, a))
		return;
	j = job_new(q, "recovery", do_recovery, a->address);
	j->forgets = true;
	start(j, q, a, true);
}

static enum err
do_recover(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	unsigned count = 0;
	enum err e = key_owner_recover(o, &j->code, &count);

	(void)h;
	if (e == ERR_OK)
		buf_printf(text, "%u earlier key%s opened\n", count, count == 1 ? "" : "s");
	return e;
}

void
key_account_recover(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	char mem[2 * KEY_PASSWORD_MAX + 2];
	struct slice first, second;
	struct job *j;

	if (a == NULL || !key_tool_two_passwords(q, mem, &first, &second))
		return;
	j = job_new(q, "recover", do_recover, a->address);
	j->revokes = true;
	j->forgets = a->sealing == SEALING_PASSWORD;
	if (key_made_parse(&j->code, KEY_SLOT_RECOVERY, second) == ERR_OK)
		start_verified(j, a, first);
	else
		fail(j, ERR_AUTH);
	secret_wipe(mem, sizeof(mem));
}

/* ---- app passwords */

static enum err
do_app_add(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	struct key_made made;
	enum err e = key_owner_add_app(o, slice_of(j->name, j->name_n), &made);

	(void)h;
	if (e == ERR_OK)
		put_code(text, "", &made);
	secret_wipe(&made, sizeof(made));
	return e;
}

static enum err
do_app_del(struct job *j, struct key_owner *o, const struct key_hashed *h, struct buf *text)
{
	(void)h;
	(void)text;
	return key_owner_drop_app(o, slice_of(j->name, j->name_n));
}

/* NULL: answered. */
static struct job *
app_job(const struct key_tool_request *q, const char *action, job_fn *fn,
    const struct key_account *a)
{
	struct slice name = q->argv[1];
	struct job *j;

	if (!key_tool_is_name(q, name))
		return NULL;
	j = job_new(q, action, fn, a->address);
	memcpy(j->name, name.p, name.n);
	j->name_n = name.n;
	return j;
}

void
key_account_app_add(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct job *j;

	if (a != NULL && (j = app_job(q, "app-add", do_app_add, a)) != NULL)
		start(j, q, a, a->sealing == SEALING_PASSWORD);
}

void
key_account_app_del(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct job *j;

	if (a == NULL || (j = app_job(q, "app-del", do_app_del, a)) == NULL)
		return;
	/* Who may hold it is out; so are the others, who log in again. */
	j->revokes = true;
	j->forgets = a->sealing == SEALING_PASSWORD;
	start(j, q, a, false);
}

void
key_account_app_list(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct clock_date d;
	struct key_more more;
	struct buf b;

	if (a == NULL)
		return;
	if (key_more_get(&more, a->more) != ERR_OK) {
		key_tool_reply_err(q->k, q->id, ERR_CORRUPT, a->address);
		return;
	}
	buf_init(&b, ANSWER_MAX);
	for (unsigned i = 0; i < more.slot_n; i++) {
		const struct key_made_slot *s = &more.slots[i];

		if (s->kind != KEY_SLOT_APP)
			continue;
		clock_to_date((int64_t)s->created_s, &d);
		buf_printf(&b, "%04d-%02d-%02d ", d.year, d.month, d.day);
		buf_put_slice(&b, slice_of(s->name, s->name_n));
		buf_put_char(&b, '\n');
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}
