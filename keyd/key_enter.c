/* SPDX-License-Identifier: ISC */
/*
 * The rows of LOGIN2, and what they share with those of key_enrol.c and
 * key_xzibit.c: names, rates, sealed states and the file keys/login.
 */
#include "keyd/key_enter.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp2_login.h"

/* keys/login: under the kind and the address, all little-endian */
#define ENTRY_VERSION	1
#define ENTRY_HEAD	(1 + 8 + 8 + 8)

struct key_enter {
	struct secret_arena	*arena;
	struct opaque_server	*server;	/* in the arena, as state_key */
	unsigned char		*state_key;
	struct key_book		*book;
	struct rate_table	 clients;
	struct rate_table	 users;
	unsigned char		 hash_key[CRY_KEY_BYTES];	/* of what is counted */
};

/* ---- the file */

static struct slice
entry_name(char mem[KEY_BOOK_NAME_MAX], enum key_entry_kind kind, struct slice address)
{
	must(address.n < KEY_BOOK_NAME_MAX);
	mem[0] = (char)kind;
	memcpy(mem + 1, address.p, address.n);
	return slice_of(mem, address.n + 1);
}

static enum err
entry_read(struct key_entry *e, struct slice name, struct slice bytes)
{
	if (name.n < 1 || bytes.n < ENTRY_HEAD || bytes.p[0] != ENTRY_VERSION)
		return ERR_VERSION;
	e->kind = name.p[0] == KEY_ENTRY_XZIBIT ? KEY_ENTRY_XZIBIT : KEY_ENTRY_RECORD;
	e->account = dec_le64(bytes.p + 1);
	e->created_s = dec_le64(bytes.p + 9);
	e->number = dec_le64(bytes.p + 17);
	e->bytes = slice_from(bytes, ENTRY_HEAD);
	if (e->kind == KEY_ENTRY_XZIBIT)
		return e->bytes.n == XZIBIT_BYTES ? ERR_OK : ERR_CORRUPT;
	return e->bytes.n >= OPAQUE_RECORD_BYTES ? ERR_OK : ERR_CORRUPT;
}

bool
key_enter_find(const struct keyd *k, struct key_entry *e, enum key_entry_kind kind,
    const struct key_account *a)
{
	char mem[KEY_BOOK_NAME_MAX];
	const struct key_book_entry *b;

	if (a == NULL)
		return false;
	b = key_book_find(k->enter->book, entry_name(mem, kind, a->address));
	return b != NULL && entry_read(e, b->name, b->bytes) == ERR_OK && e->account == a->id;
}

enum err
key_enter_put(struct keyd *k, const struct key_entry *e, const struct key_account *a)
{
	struct key_book_put put = { .keep_until_s = UINT64_MAX, .now_s = key_now_s(k),
		.max = KEY_ENTER_MAX };
	char mem[KEY_BOOK_NAME_MAX], head[ENTRY_HEAD];
	struct buf b;
	enum err result;

	head[0] = ENTRY_VERSION;
	enc_le64(head + 1, a->id);
	enc_le64(head + 9, key_now_s(k));
	enc_le64(head + 17, e->number);
	buf_init(&b, KEY_BOOK_BYTES_MAX);
	buf_put(&b, head, sizeof(head));
	buf_put_slice(&b, e->bytes);
	put.name = entry_name(mem, e->kind, a->address);
	put.bytes = buf_slice(&b);
	result = buf_err(&b) == ERR_OK ? key_book_put(k->enter->book, &put) : ERR_LIMIT;
	buf_fini(&b);
	return result;
}

static enum err
drop(struct keyd *k, struct slice name)
{
	const struct key_book_put gone = { .name = name, .now_s = key_now_s(k) };

	return key_book_find(k->enter->book, name) != NULL ?
	    key_book_put(k->enter->book, &gone) : ERR_NOTFOUND;
}

enum err
key_enter_forget(struct keyd *k, struct slice address)
{
	char mem[KEY_BOOK_NAME_MAX];
	enum err e = drop(k, entry_name(mem, KEY_ENTRY_XZIBIT, address));
	enum err other = drop(k, entry_name(mem, KEY_ENTRY_RECORD, address));

	if (e == ERR_OK || e == ERR_NOTFOUND)
		return other == ERR_NOTFOUND ? e : other;
	return e;
}

const struct key_book_entry *
key_enter_next(const struct keyd *k, const struct key_book_entry *after, struct key_entry *e,
    struct slice *address)
{
	while ((after = key_book_next(k->enter->book, after)) != NULL) {
		*address = slice_from(after->name, 1);
		if (entry_read(e, after->name, after->bytes) == ERR_OK)
			return after;
	}
	return NULL;
}

/* Entries of accounts that went while a crash came between. */
static void
tidy(struct keyd *k)
{
	const struct key_book *b = k->enter->book;
	const struct key_book_entry *e, *next = key_book_next(b, NULL);

	while ((e = next) != NULL) {
		const struct key_account *a = key_ring_find_address(k->ring,
		    slice_from(e->name, 1));
		struct key_entry entry;
		enum err result;

		next = key_book_next(b, e);
		if (entry_read(&entry, e->name, e->bytes) != ERR_OK ||
		    (a != NULL && a->id == entry.account))
			continue;
		result = drop(k, e->name);
		(void)result;	/* the next start tries again; nobody gets it */
	}
}

struct key_enter *
key_enter_new(struct keyd *k)
{
	struct key_enter *t = must_alloc(1, sizeof(*t));
	unsigned char file_key[CRY_KEY_BYTES];
	const char *why;

	t->arena = k->arena;
	t->server = secret_arena_alloc(k->arena, sizeof(*t->server));
	t->state_key = secret_arena_alloc(k->arena, CRY_KEY_BYTES);
	must(t->server != NULL && t->state_key != NULL);
	opaque_server_init(t->server, k->roots.enter);
	cry_random(t->state_key, CRY_KEY_BYTES);
	cry_random(t->hash_key, sizeof(t->hash_key));
	rate_init(&t->clients, KEY_ENTER_COUNTED_MAX);
	rate_init(&t->users, KEY_ENTER_COUNTED_MAX);
	cry_subkey(file_key, k->roots.enter, "godwit keys/login");
	if (key_book_open(&t->book, daemon_dir(k->app), "login", file_key, &why) != ERR_OK)
		log_fatal("keys/login: %s", why);
	secret_wipe(file_key, sizeof(file_key));
	if (key_book_torn_bytes(t->book) > 0)
		log_event(LOG_recover, log_str("what", "keys/login"),
		    log_num("bytes", key_book_torn_bytes(t->book)));
	k->enter = t;
	tidy(k);
	return t;
}

void
key_enter_free(struct key_enter **tp)
{
	struct key_enter *t = *tp;

	if (t == NULL)
		return;
	secret_arena_release(t->arena, t->server, sizeof(*t->server));
	secret_arena_release(t->arena, t->state_key, CRY_KEY_BYTES);
	key_book_free(&t->book);
	rate_fini(&t->clients);
	rate_fini(&t->users);
	free(t);
	*tp = NULL;
}

const struct opaque_server *
key_enter_server(const struct keyd *k)
{
	return k->enter->server;
}

/* ---- who */

struct slice
key_enter_join(struct buf *b, struct slice user, struct slice domain)
{
	buf_put_slice(b, user);
	if (domain.n > 0) {
		buf_put_char(b, '@');
		buf_put_slice(b, domain);
	}
	return buf_slice(b);
}

void
key_enter_who(const struct keyd *k, struct key_enter_who *w, struct slice name)
{
	w->account = NULL;
	w->credential = name;
	if (key_login_address(k, name, w->mem, &w->credential) != ERR_OK) {
		w->credential = name;
		return;
	}
	w->account = key_ring_find_address(k->ring, w->credential);
	if (w->account != NULL && !w->account->enabled)
		w->account = NULL;
}

static enum err
count(struct key_enter *t, struct rate_table *table, struct slice what,
    const struct opt_rate *limit, uint64_t now_ms)
{
	const struct rate r = { limit->count, limit->per_ms };
	unsigned char h[16];

	cry_mac(h, sizeof(h), t->hash_key, what);
	return rate_take(table, dec_le64(h), &r, now_ms);
}

enum err
key_enter_take_turn(struct keyd *k, struct slice client, const struct key_enter_who *w)
{
	const struct keyd_options *o = key_options(k);
	struct key_enter *t = k->enter;
	enum err e = count(t, &t->clients, client, &o->cmtp_login_rate, loop_now(k->loop));

	return e != ERR_OK ? e : count(t, &t->users, w->credential, &o->cmtp_login_user_rate,
	    loop_now(k->loop));
}

/* ---- between the steps */

void
key_enter_seal(struct keyd *k, unsigned char out[KEY_ENTER_STATE_BYTES],
    const struct key_enter_state *s)
{
	unsigned char plain[KEY_ENTER_PLAIN_BYTES];

	plain[0] = (unsigned char)s->purpose;
	enc_le64(plain + 1, s->account);
	enc_le32(plain + 9, s->serial);
	enc_le64(plain + 13, s->entry);
	enc_le64(plain + 21, loop_now(k->loop) + KEY_ENTER_MS);
	memcpy(plain + 29, s->mac, sizeof(s->mac));
	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(k->aead, CRY_AES256_GCM, k->enter->state_key);
	cry_aead_seal(k->aead, out + CRY_NONCE_BYTES, slice_of(plain, sizeof(plain)), out,
	    SLICE_NONE);
	secret_wipe(plain, sizeof(plain));
}

enum err
key_enter_open(struct keyd *k, struct key_enter_state *s, struct slice sealed,
    enum key_enter_purpose purpose)
{
	unsigned char plain[KEY_ENTER_PLAIN_BYTES];
	enum err e = ERR_AUTH;

	if (sealed.n != KEY_ENTER_STATE_BYTES)
		return ERR_AUTH;
	cry_aead_key(k->aead, CRY_AES256_GCM, k->enter->state_key);
	if (cry_aead_open(k->aead, plain, slice_from(sealed, CRY_NONCE_BYTES),
	    (const unsigned char *)sealed.p, SLICE_NONE) == ERR_OK &&
	    plain[0] == purpose && loop_now(k->loop) < dec_le64(plain + 21)) {
		s->purpose = purpose;
		s->account = dec_le64(plain + 1);
		s->serial = dec_le32(plain + 9);
		s->entry = dec_le64(plain + 13);
		memcpy(s->mac, plain + 29, sizeof(s->mac));
		e = ERR_OK;
	}
	secret_wipe(plain, sizeof(plain));
	return e;
}

/* ---- LOGIN2 */

struct answer {
	unsigned char	 ke2[OPAQUE_KE2_BYTES];
	unsigned char	 state[KEY_ENTER_STATE_BYTES];
};

static enum err
answer(struct keyd *k, struct answer *out, const struct ipc_cmtp2_login *m,
    const struct key_enter_who *w)
{
	struct key_enter_state s = { .purpose = KEY_ENTER_PROVE };
	unsigned char record[OPAQUE_RECORD_BYTES];
	struct opaque_suite suite = { .stretch = NULL };
	const struct opaque_server_request q = { &suite, w->credential, record,
	    (const unsigned char *)m->ke1.p };
	struct opaque_server_random r;
	struct opaque_keys keys;
	struct key_entry entry;
	struct buf context;
	enum err e;

	/* The fake one is made for everybody: it takes time. */
	opaque_server_fake(record, k->enter->server, w->credential);
	if (key_enter_find(k, &entry, KEY_ENTRY_RECORD, w->account)) {
		memcpy(record, entry.bytes.p, sizeof(record));
		s.account = entry.account;
		s.entry = entry.number;
	}
	buf_init(&context, OPAQUE_CONTEXT_MAX);
	cmtp2_login_context(&context, m->user, m->domain);
	suite.context = buf_slice(&context);
	opaque_server_random(&r);
	e = opaque_server_answer(out->ke2, &keys, k->enter->server, &q, &r);
	if (e == ERR_OK) {
		memcpy(s.mac, keys.client_mac, sizeof(s.mac));
		key_enter_seal(k, out->state, &s);
	}
	buf_fini(&context);
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&r, sizeof(r));
	secret_wipe(&s, sizeof(s));
	return e;
}

void
key_enter_on_login(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_login *m = msg;
	struct answer out;
	const struct ipc_cmtp2_entering reply = {
		.content = slice_of(out.ke2, sizeof(out.ke2)),
		.state = slice_of(out.state, sizeof(out.state)) };
	struct key_enter_who who;
	struct buf name;
	enum err e;

	if (m->ke1.n != OPAQUE_KE1_BYTES) {
		ipc_peer_violation(p, "cmtp2_login: no KE1");
		return;
	}
	buf_init(&name, KEY_ENTER_NAME_MAX);
	key_enter_who(k, &who, key_enter_join(&name, m->user, m->domain));
	e = key_enter_take_turn(k, m->client, &who);
	if (e == ERR_OK)
		e = answer(k, &out, m, &who) == ERR_OK ? ERR_OK : ERR_AUTH;
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp2_entering, &reply);
	else
		key_gate_refuse(p, in->id, e, e == ERR_AUTH ? "that is no request" :
		    "too many logins");
	buf_fini(&name);
}

/* The bundle, to be copied at once; ERR_AUTH. */
static enum err
prove(struct keyd *k, struct slice *bundle, const struct ipc_cmtp2_prove *m)
{
	const struct key_account *a;
	struct key_enter_state s;
	struct key_entry entry;
	enum err e = key_enter_open(k, &s, m->state, KEY_ENTER_PROVE);

	if (e != ERR_OK)
		return e;
	e = m->ke3.n == sizeof(s.mac) && secret_eq(m->ke3.p, s.mac, sizeof(s.mac)) ?
	    ERR_OK : ERR_AUTH;
	secret_wipe(&s.mac, sizeof(s.mac));
	if (e != ERR_OK || s.account == 0)
		return ERR_AUTH;
	a = key_ring_find(k->ring, s.account);
	if (a == NULL || !a->enabled || !key_enter_find(k, &entry, KEY_ENTRY_RECORD, a) ||
	    entry.number != s.entry)
		return ERR_AUTH;
	*bundle = slice_from(entry.bytes, OPAQUE_RECORD_BYTES);
	return ERR_OK;
}

void
key_enter_on_prove(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct ipc_cmtp2_entered reply = { .bundle = SLICE_NONE };

	if (prove(k, &reply.bundle, msg) == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp2_entered, &reply);
	else
		key_gate_refuse(p, in->id, ERR_AUTH, "wrong user name or password");
}
