/* SPDX-License-Identifier: ISC */
#include "keyd/key_cmtp2.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_book.h"
#include "keyd/key_chain.h"
#include "keyd/key_cmtp.h"
#include "keyd/key_gate.h"
#include "keyd/key_host.h"
#include "keyd/key_login.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp_wire.h"

struct key_cmtp2 {
	struct keyd	*k;
	struct key_book	*chains;
	struct timer	 sweep;
	uint64_t	 next;		/* account after which the sweep goes on; 0: the first */
};

/* ---- a user's chain */

/* Of the pair by which the owner of that generation signs. */
static enum err
seed_of(unsigned char seed[CRY_ED_SEED_BYTES], const struct keyd *k, const struct key_account *a,
    uint32_t generation, const struct key_opener *by)
{
	struct key_pair pair;
	enum err e = key_pair_open(&pair, a, generation, k->aead, by);

	if (e == ERR_OK)
		cry_subkey(seed, pair.secret, "godwit cmtp 2 user");
	secret_wipe(&pair, sizeof(pair));
	return e;
}

enum err
key_cmtp2_seed(unsigned char seed[CRY_ED_SEED_BYTES], const struct keyd *k,
    const struct key_account *a, const struct key_opener *by)
{
	return seed_of(seed, k, a, a->generation, by);
}

static struct slice
bytes_of(const struct keyd *k, struct slice address)
{
	const struct key_book_entry *e = key_book_find(k->cmtp2->chains, address);

	return e != NULL ? e->bytes : SLICE_NONE;
}

/* What the chain's names are borrowed from ends with this. */
static void
keep(struct keyd *k, struct slice address, const struct key_chain *c)
{
	struct key_book_put p = { .name = address, .now_s = key_now_s(k), .max = KEY_ACCOUNTS_MAX };
	bool is_live = key_chain_is_live(c);
	struct buf b;
	enum err e;

	buf_init(&b, KEY_BOOK_BYTES_MAX);
	e = key_chain_put(&b, c);
	p.bytes = buf_slice(&b);
	p.keep_until_s = key_chain_newest(c)->expires_s;
	if (e == ERR_OK)
		e = key_book_put(k->cmtp2->chains, &p);
	buf_fini(&b);
	log_event(LOG_key, log_str("action", is_live ? "chain" : "chain-end"),
	    log_text("key", address), log_str("result", err_text(e)));
}

/* Only cut, or past its half: time enough for a vault's owner to come by. */
static bool
is_due(const struct key_chain *c, const struct key_account *a, uint64_t now_s)
{
	const struct cmtp_key *r = key_chain_newest(c);

	return !key_chain_is_live(c) || r->generation != a->generation ||
	    memcmp(r->seal, a->public_key, sizeof(r->seal)) != 0 || now_s >= r->expires_s ||
	    r->expires_s - now_s < (r->expires_s - r->created_s) / 2;
}

/* Does that seed's pair sign by the key of the record?  Then its secret. */
static bool
is_pair_of(unsigned char secret[CRY_ED_SECRET_BYTES], const struct cmtp_key *r,
    const unsigned char seed[CRY_ED_SEED_BYTES])
{
	unsigned char public_key[CRY_KEY_BYTES];

	cry_ed_pair(public_key, secret, seed);
	return memcmp(public_key, r->sign, sizeof(public_key)) == 0;
}

/* The secret of the newest record, from wherever it can be had. */
static bool
find_before(unsigned char secret[CRY_ED_SECRET_BYTES], const struct keyd *k,
    const struct key_chain *c, const struct key_account *a, const struct key_opener *by,
    const unsigned char *before)
{
	const struct cmtp_key *last = key_chain_newest(c);
	unsigned char seed[CRY_ED_SEED_BYTES];
	bool has;

	if (!key_chain_is_live(c))
		return false;
	if ((c->has_seed && is_pair_of(secret, last, c->seed)) ||
	    (before != NULL && is_pair_of(secret, last, before)))
		return true;
	has = seed_of(seed, k, a, last->generation, by) == ERR_OK && is_pair_of(secret, last, seed);
	secret_wipe(seed, sizeof(seed));
	return has;
}

struct link {
	const struct key_account	*a;
	unsigned char			 seed[CRY_ED_SEED_BYTES];
	unsigned char			 before[CRY_ED_SECRET_BYTES];
	bool				 has_before;
};

static void
extend(const struct keyd *k, struct key_chain *c, const struct link *l)
{
	const struct key_account *a = l->a;
	size_t at = slice_rfind(a->address, '@');
	struct cmtp_key r = { .kind = CMTP_KEY_LIVE, .generation = a->generation,
		.created_s = key_now_s(k), .domain = slice_from(a->address, at + 1),
		.user = slice_head(a->address, at) };
	unsigned char secret[CRY_ED_SECRET_BYTES];

	r.expires_s = r.created_s + key_options(k)->cmtp_key_lifetime / 1000;
	memcpy(r.seal, a->public_key, sizeof(r.seal));
	cry_ed_pair(r.sign, secret, l->seed);
	key_chain_extend(c, &r, secret, l->has_before ? l->before : NULL);
	secret_wipe(secret, sizeof(secret));
}

void
key_cmtp2_end(struct keyd *k, struct slice address)
{
	struct key_chain c;

	if (key_chain_get(&c, bytes_of(k, address)) == ERR_OK && key_chain_end(&c))
		keep(k, address, &c);
}

void
key_cmtp2_note(struct keyd *k, const struct key_account *a, const struct key_opener *by,
    const unsigned char *before)
{
	struct link l = { .a = a };
	struct key_chain c;

	if (key_chain_get(&c, bytes_of(k, a->address)) != ERR_OK)
		memset(&c, 0, sizeof(c));
	if (!is_due(&c, a, key_now_s(k)))
		return;
	if (a->form == KEY_FORM_NONE)
		cry_random(l.seed, sizeof(l.seed));
	else if (seed_of(l.seed, k, a, a->generation, by) != ERR_OK)
		return;
	l.has_before = find_before(l.before, k, &c, a, by, before);
	extend(k, &c, &l);
	c.has_seed = a->form == KEY_FORM_NONE;
	memcpy(c.seed, l.seed, sizeof(c.seed));
	keep(k, a->address, &c);
	secret_wipe(&l, sizeof(l));
	secret_wipe(c.seed, sizeof(c.seed));
}

/* ---- what is due */

/* Its account is gone: a crash came between, or nobody holds to the chain any more. */
static void
tidy_chain(struct keyd *k, const struct key_book_entry *e)
{
	struct key_book_put gone = { .name = e->name };
	struct key_chain c;
	enum err result;

	if (key_ring_find_address(k->ring, e->name) != NULL)
		return;
	if (e->keep_until_s > key_now_s(k)) {
		if (key_chain_get(&c, e->bytes) == ERR_OK && key_chain_end(&c))
			keep(k, e->name, &c);
		return;
	}
	result = key_book_put(k->cmtp2->chains, &gone);
	(void)result;	/* the next sweep tries again */
}

static void
tidy(struct keyd *k)
{
	const struct key_book *b = k->cmtp2->chains;
	const struct key_book_entry *e, *next = key_book_next(b, NULL);
	size_t n = key_book_count(b);

	while ((e = next) != NULL && n-- > 0) {
		next = key_book_next(b, e);
		tidy_chain(k, e);
	}
}

/* A slice of the accounts, so that logins do not wait for all of them. */
static bool
sweep_slice(struct key_cmtp2 *c)
{
	const struct key_opener by = { .root = c->k->roots.account };
	const struct key_account *a = c->next != 0 ? key_ring_find(c->k->ring, c->next) : NULL;

	for (unsigned i = 0; i < KEY_CMTP2_SLICE; i++) {
		a = key_ring_next(c->k->ring, a);
		if (a == NULL) {
			c->next = 0;
			return true;
		}
		key_cmtp2_note(c->k, a, &by, NULL);
		c->next = a->id;
	}
	return false;
}

static void
on_sweep(void *arg)
{
	struct key_cmtp2 *c = arg;
	bool is_done = sweep_slice(c);
	enum err e;

	if (is_done)
		tidy(c->k);
	if (is_done && key_host_is_due(c->k)) {
		e = key_host_rotate(c->k);
		if (e != ERR_OK)
			log_event(LOG_key, log_str("action", "rotate"), log_str("key", "cmtp2"),
			    log_str("result", err_text(e)));
	}
	timer_set(&c->sweep, loop_now(c->k->loop) + (is_done ? KEY_CMTP2_SWEEP_MS : 1));
}

struct key_cmtp2 *
key_cmtp2_new(struct keyd *k)
{
	struct key_cmtp2 *c = must_alloc(1, sizeof(*c));
	const char *why;

	c->k = k;
	if (key_book_open(&c->chains, daemon_dir(k->app), "cmtp", k->roots.chains, &why) != ERR_OK)
		log_fatal("keys/cmtp: %s", why);
	if (key_book_torn_bytes(c->chains) > 0)
		log_event(LOG_recover, log_str("what", "keys/cmtp"),
		    log_num("bytes", key_book_torn_bytes(c->chains)));
	timer_init(&c->sweep, k->loop, on_sweep, c);
	timer_set(&c->sweep, loop_now(k->loop));
	return c;
}

void
key_cmtp2_free(struct key_cmtp2 **cp)
{
	struct key_cmtp2 *c = *cp;

	if (c == NULL)
		return;
	timer_stop(&c->sweep);
	key_book_free(&c->chains);
	free(c);
	*cp = NULL;
}

/* ---- rows */

/*
 * An account's records, each signed by the server's key of now.  Nobody's are
 * made as somebody's of one record would be, and not given out.
 */
static unsigned
put_chain(struct keyd *k, struct buf *records, struct key_chain *c, uint64_t known)
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct cmtp_key *r = &c->records[i];

		if (r->serial <= known && i + 1 < c->n)
			continue;
		key_host_sign_record(k, r);
		if (cmtp_key_put(records, r) == ERR_OK)
			count++;
	}
	return count;
}

static void
decoy(struct keyd *k)
{
	struct cmtp_key r = { .kind = CMTP_KEY_LIVE, .serial = 1, .expires_s = 1,
		.domain = SLICE_LIT("invalid") };
	struct buf b;
	enum err e;

	buf_init(&b, CMTP_KEY_RECORD_MAX);
	key_host_sign_record(k, &r);
	e = cmtp_key_put(&b, &r);
	(void)e;
	buf_fini(&b);
}

/* Only by its own name: a record says one domain. */
static bool
is_its_name(struct slice asked, struct slice address)
{
	return slice_ieq(asked, address);
}

static uint8_t
user_keys(struct keyd *k, struct slice user, uint64_t known, struct buf *records, unsigned *count)
{
	char mem[KEY_ADDRESS_MAX + 1];
	const struct key_account *a = NULL;
	struct slice address;
	struct key_chain c = { .n = 0 };
	bool is_shown = false;

	if (key_login_address(k, user, mem, &address) == ERR_OK && is_its_name(user, address)) {
		a = key_ring_find_address(k->ring, address);
		is_shown = key_chain_get(&c, bytes_of(k, address)) == ERR_OK && c.n > 0 &&
		    (a != NULL ? a->enabled : !key_chain_is_live(&c));
	}
	if (is_shown)
		*count = put_chain(k, records, &c, known);
	else
		decoy(k);
	return *count > 0 ? CMTP2_FOUND : CMTP2_NONE;
}

static uint8_t
host_keys(struct keyd *k, struct slice asked, uint64_t known, struct buf *records, unsigned *count)
{
	char mem[CMTP_KEY_NAME_MAX + 1];
	struct slice domain;

	if (key_host_domain(k, asked, mem, &domain) != ERR_OK)
		return CMTP2_NOT_SERVED;
	key_host_records(k, domain, known, records, count);
	return *count > 0 ? CMTP2_FOUND : CMTP2_NONE;
}

void
key_cmtp2_on_keys(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_keys *m = msg;
	bool is_host = m->user.n > 0 && m->user.p[0] == '@';
	struct ipc_cmtp2_keys_reply reply = { .status = CMTP2_NONE };
	unsigned count = 0;
	struct buf b;

	if (!is_host && ipc_peer_role(p) == IPC_CMTPD &&
	    key_cmtp_take_turn(k, m->client, m->user) != ERR_OK) {
		key_gate_refuse(p, in->id, ERR_LIMIT, "too many key requests");
		return;
	}
	buf_init(&b, KEY_CHAIN_RECORDS_MAX * CMTP_KEY_RECORD_MAX);
	reply.status = is_host ? host_keys(k, slice_from(m->user, 1), m->known, &b, &count) :
	    user_keys(k, m->user, m->known, &b, &count);
	reply.count = (uint8_t)count;
	reply.records = buf_slice(&b);
	ipc_reply(p, in->id, IPC_MSG_cmtp2_keys_reply, &reply);
	buf_fini(&b);
}

static const struct purpose {
	const char	*text;
	enum ipc_role	 role;
} purposes[] = {
	[CMTP2_KEY_REPLY] = { "key-reply", IPC_CMTPD },
	[CMTP2_MAIL] = { "mail", IPC_RELAY },
	[CMTP2_MAIL_REPLY] = { "mail-reply", IPC_CMTPD },
};

static enum err
read_fields(struct cmtp_sign *s, struct slice fields)
{
	struct ipc_reader r = ipc_reader_of(fields);
	struct ipc_cmtp2_field f;

	while (ipc_reader_more(&r)) {
		if (s->count == CMTP_SIGN_FIELDS_MAX)
			return ERR_LIMIT;
		ipc_cmtp2_field_get(&r, &f);
		s->fields[s->count++] = f.bytes;
	}
	return ipc_reader_done(&r) == ERR_OK ? ERR_OK : ERR_SYNTAX;
}

void
key_cmtp2_on_sign(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_sign *m = msg;
	const struct purpose *u = m->purpose < lengthof(purposes) ? &purposes[m->purpose] : NULL;
	struct cmtp_sign s = { .count = 0 };
	unsigned char sig[CRY_ED_SIG_BYTES];
	struct ipc_cmtp2_signature reply = { .serial = m->serial,
		.sig = slice_of(sig, sizeof(sig)) };
	enum err e;

	if (u == NULL || u->role != ipc_peer_role(p) || (e = read_fields(&s, m->fields)) != ERR_OK) {
		ipc_peer_violation(p, "not permitted");
		return;
	}
	s.purpose = u->text;
	e = key_host_sign(k, &reply.serial, &s, sig);
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp2_signature, &reply);
	else
		key_gate_refuse(p, in->id, e, "no such key of the server");
}
