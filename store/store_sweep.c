/* SPDX-License-Identifier: ISC */
#include "store/store_sweep.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/store_acl.h"
#include "store/store_check.h"
#include "store/store_columns.h"
#include "store/store_expire.h"
#include "store/store_mark.h"
#include "store/store_op.h"

#define TURN_MS		20		/* between two slices */
#define ROUND_MS	60000		/* looking for work */
#define AGE_ROUNDS	60		/* delivered records, expiry: every hour */
#define EXPIRE_ACCOUNTS	16		/* in one turn */

struct store_sweep {
	struct store	*store;
	struct timer	 timer;
	unsigned	 shard;
	unsigned	 rounds;
	struct kv_key	 removal;	/* looked at last, of this shard */
	struct mark	*mark;		/* the pass under way */
	uint64_t	 expire_after;	/* accounts up to this one had their turn */
	bool		 expire_again;	/* this one not yet whole */
	bool		 has_expired;	/* all of the shard had */
	uint64_t	 mark_after;	/* accounts up to this one had their turn */
	bool		 is_through;	/* a round ended, and nothing came since */
};

/* ---- removals ---- */

static void
free_content(struct store *s, struct slice v)
{
	struct record_content c;

	if (record_content_read(&c, v) != ERR_OK)
		return;
	blob_free(s->blob, &c.body);
	if (c.summary_ref.segment != 0)
		blob_free(s->blob, &c.summary_ref);
}

static void
free_epoch(struct store *s, struct slice v)
{
	struct record_epoch e;

	if (record_epoch_read(&e, v) == ERR_OK && e.place.segment != 0)
		blob_free(s->blob, &e.place);
}

/* Deletes up to max keys of a prefix; *left is what remains of max. */
static enum err
delete_prefix(struct store *s, struct kv_txn *t, const struct kv_key *prefix, unsigned *left)
{
	struct kv_key at = *prefix, found;
	struct slice v;
	enum err e = ERR_OK;

	while (*left > 0 &&
	    (e = kv_find(t, KV_GT, &at, prefix->n, &found, &v)) == ERR_OK) {
		if (found.n > 8 && found.b[8] == 'X')
			free_content(s, v);
		if (found.n > 8 && found.b[8] == 'P')
			acl_forget(t, dec_be64(found.b), v);
		else if (found.n > 8 && found.b[8] == 'O')
			columns_free(s, v);
		else if (found.n > 8 && found.b[8] == 'E')
			free_epoch(s, v);
		kv_del(t, &found);
		at = found;
		(*left)--;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err
remove_account(struct store *s, struct kv_txn *t, uint64_t account, unsigned *left)
{
	struct kv_key prefix = { 8, { 0 } };

	enc_be64(prefix.b, account);
	return delete_prefix(s, t, &prefix, left);
}

static enum err
remove_mailbox(struct store *s, struct kv_txn *t, uint64_t account, uint32_t mailbox,
    unsigned *left)
{
	static const char types[] = "DHICZKO";
	struct kv_key prefix;
	enum err e;

	for (const char *c = types; *c != '\0'; c++) {
		prefix = record_key_u32(account, *c, mailbox);
		/* The first part of 'K' has the prefix itself as its key. */
		if (*c == 'K')
			kv_del(t, &prefix);
		if ((e = delete_prefix(s, t, &prefix, left)) != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* The next removal of the shard whose time has come; *looked: others were skipped. */
static enum err
next_removal(struct store_sweep *w, struct kv_key *key, bool *looked)
{
	struct record_removal rec;
	unsigned left = SWEEP_ROWS;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	if ((e = kv_begin_shard(w->store->kv, w->shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	if (w->removal.n == 0)
		w->removal = record_key(0, 'R');
	while ((e = kv_find(t, KV_GT, &w->removal, 9, key, &v)) == ERR_OK) {
		/* A damaged one keeps its pages; the others have their turn. */
		if (key->n == 21 && record_removal_read(&rec, v) == ERR_OK &&
		    rec.due_s <= store_now_s(w->store))
			break;
		w->removal = *key;
		if (--left == 0) {
			*looked = true;
			e = ERR_NOTFOUND;
			break;
		}
	}
	kv_end(&t);
	return e;
}

static bool
has_account(struct kv_txn *t, uint64_t account)
{
	struct kv_key k = record_key(account, 'A');
	struct slice v;

	return kv_get(t, &k, &v) == ERR_OK;
}

/* One slice of one removal of a shard; *more when there is (perhaps) more. */
static enum err
remove_slice(struct store_sweep *w, bool *more)
{
	struct store *s = w->store;
	unsigned left = SWEEP_ROWS;
	struct kv_key key;
	uint64_t account;
	uint32_t mailbox;
	struct kv_txn *t;
	enum err e;

	if ((e = next_removal(w, &key, more)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	*more = true;
	account = dec_be64(key.b + 9);
	mailbox = dec_be32(key.b + 17);
	if ((e = kv_begin(s->kv, account, KV_WRITE, &t)) != ERR_OK)
		return e;
	e = mailbox == 0 ? remove_account(s, t, account, &left) :
	    remove_mailbox(s, t, account, mailbox, &left);
	if (e == ERR_OK && left > 0)
		kv_del(t, &key);
	/* Other mailboxes may name the same contents: the mark pass decides. */
	if (e == ERR_OK && left > 0 && mailbox != 0 && has_account(t, account))
		mark_due_now(t, account);
	if (e == ERR_OK)
		return kv_submit(&t, KV_LAZY, NULL, NULL);
	kv_end(&t);
	return e;
}

/* ---- delivered records ---- */

/* A queue id begins with 42 bits of milliseconds, so the oldest stand first. */
static enum err
age_delivered(struct store *s, unsigned shard, bool *more)
{
	uint64_t limit_ms = loop_real_ms(s->loop) - SWEEP_DELIVERED_DAYS * 86400000ull;
	struct kv_key at = record_key(0, 'Q'), found;
	unsigned count = 0;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	if ((e = kv_begin_shard(s->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	while (count < SWEEP_ROWS && (e = kv_find(t, KV_GT, &at, 9, &found, &v)) == ERR_OK) {
		if (found.n != KV_KEY_MAX || dec_be64(found.b + 9) >> 22 >= limit_ms)
			break;
		kv_del(t, &found);
		at = found;
		count++;
	}
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	*more |= count == SWEEP_ROWS;
	if (e == ERR_OK && count > 0)
		return kv_submit(&t, KV_LAZY, NULL, NULL);
	kv_end(&t);
	return e;
}

/* ---- mark passes ---- */

/* The next account of a shard that waits for its pass and is due. */
static enum err
next_due(struct store *s, unsigned shard, uint64_t after, uint64_t *account)
{
	struct kv_key at = record_key_u64(0, 'W', after), found;
	unsigned looked = 0;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	/* KV_WRITE: what a removal has just put off is seen. */
	if ((e = kv_begin_shard(s->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	while ((e = kv_find(t, KV_GT, &at, 9, &found, &v)) == ERR_OK) {
		at = found;
		if (found.n != 17 || v.n != 9)
			continue;
		*account = dec_be64(found.b + 9);
		if (dec_le64(v.p + 1) <= store_now_s(s))
			break;
		if (++looked == SWEEP_ROWS) {
			e = ERR_NOTFOUND;
			break;
		}
	}
	kv_end(&t);
	return e;
}

static enum err
mark_slice(struct store_sweep *w, bool *more)
{
	uint64_t account;
	bool done;
	enum err e;

	if (w->mark == NULL) {
		e = next_due(w->store, w->shard, w->mark_after, &account);
		if (e != ERR_OK) {
			w->mark_after = 0;
			return e == ERR_NOTFOUND ? ERR_OK : e;
		}
		w->mark_after = account;
		w->mark = mark_new(w->store, account);
	}
	*more = true;
	e = mark_step(w->mark, &done);
	if (e == ERR_OK && !done)
		return ERR_OK;
	/* Busy, damaged or removed meanwhile: another round begins anew. */
	mark_free(&w->mark);
	return ERR_OK;
}

void
sweep_saw(struct store *s, uint64_t account, uint64_t content)
{
	if (s->sweep != NULL && s->sweep->mark != NULL &&
	    mark_account(s->sweep->mark) == account)
		mark_saw(s->sweep->mark, content);
}

/* ---- expiry ---- */

/* Some accounts of the shard, or a slice of one that has much to remove. */
static enum err
expire_slice(struct store_sweep *w, bool *more)
{
	struct store *s = w->store;
	uint64_t account = w->expire_after;

	if (w->has_expired || s->expire_n == 0)
		return ERR_OK;
	for (unsigned n = 0; n < EXPIRE_ACCOUNTS; n++) {
		if (!w->expire_again &&
		    check_next_account(s, w->shard, w->expire_after, &account) != ERR_OK) {
			w->has_expired = true;
			return ERR_OK;
		}
		w->expire_after = account;
		/* Damage in one is no reason to leave out the others. */
		if (expire_step(s, account, &w->expire_again) != ERR_OK)
			w->expire_again = false;
		if (w->expire_again)
			break;
	}
	*more = true;
	return ERR_OK;
}

static void
next_shard(struct store_sweep *w)
{
	w->shard++;
	w->removal.n = 0;
	w->mark_after = 0;
	w->expire_after = 0;
	w->expire_again = w->has_expired = false;
}

/* ---- reservations ---- */

static void
age_reservations(struct store *s)
{
	uint64_t now = loop_now(s->loop);
	struct store_reservation *r;
	struct store_account *a;
	struct store_peer *p;
	struct list *l, *first;

	for (l = list_first(&s->peers); l != NULL; l = list_next(&s->peers, l)) {
		p = obj_of(l, struct store_peer, link);
		while ((first = list_first(&p->reservations)) != NULL) {
			r = obj_of(first, struct store_reservation, of_peer);
			if (r->made_ms + STORE_RESERVATION_MS > now)
				break;
			a = r->account;
			list_remove(&r->of_peer);
			list_remove(&r->of_account);
			free(r);
			store_account_release(s, a);
		}
	}
}

/* ---- turns ---- */

static void
turn(void *arg)
{
	struct store_sweep *w = arg;
	struct store *s = w->store;
	bool more = false;
	enum err e;

	e = remove_slice(w, &more);
	if (e == ERR_OK && !more && w->rounds % AGE_ROUNDS == 0)
		e = age_delivered(s, w->shard, &more);
	if (e == ERR_OK && !more && w->rounds % AGE_ROUNDS == 0)
		e = expire_slice(w, &more);
	if (e == ERR_OK && !more)
		e = mark_slice(w, &more);
	/* What fails now (too busy, damaged) is met again in the next round. */
	if (e != ERR_OK || !more)
		next_shard(w);
	if (w->shard >= kv_shard_count(s->kv)) {
		w->is_through = true;
		w->shard = 0;
		w->rounds++;
		age_reservations(s);
		timer_set(&w->timer, loop_now(s->loop) + ROUND_MS);
		return;
	}
	timer_set(&w->timer, loop_now(s->loop) + TURN_MS);
}

void
sweep_start(struct store *s)
{
	s->sweep = must_alloc(1, sizeof(*s->sweep));
	s->sweep->store = s;
	timer_init(&s->sweep->timer, s->loop, turn, s->sweep);
	timer_set(&s->sweep->timer, loop_now(s->loop) + TURN_MS);
}

void
sweep_stop(struct store *s)
{
	if (s->sweep == NULL)
		return;
	timer_stop(&s->sweep->timer);
	mark_free(&s->sweep->mark);
	free(s->sweep);
	s->sweep = NULL;
}

void
sweep_wanted(struct store *s)
{
	if (s->sweep == NULL)
		return;
	mark_free(&s->sweep->mark);
	s->sweep->shard = 0;
	s->sweep->removal.n = 0;
	s->sweep->mark_after = 0;
	s->sweep->expire_after = 0;
	s->sweep->expire_again = s->sweep->has_expired = false;
	s->sweep->is_through = false;
	timer_set(&s->sweep->timer, loop_now(s->loop) + TURN_MS);
}

bool
sweep_is_through(const struct store *s)
{
	return s->sweep != NULL && s->sweep->is_through;
}
