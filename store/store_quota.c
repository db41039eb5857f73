/* SPDX-License-Identifier: ISC */
#include "store/store_quota.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_names.h"

#define SCAN_MS		20		/* between two slices */
#define ADMINS_BYTES_MAX	(64u << 10)	/* addresses beyond have no rights */
#define OVER_ROOM	(32000 / 8)	/* accounts in one message */

struct quota_domain {
	struct map_node	 node;
	uint64_t	 max_messages;	/* of one account */
	uint64_t	 max_bytes;
	uint64_t	 used_bytes;
	bool		 is_over;
	struct buf	 admins;	/* addresses, NUL-terminated */
	uint16_t	 name_n;
	char		 name[];
};

struct quota_over {
	struct map_node	 node;
	uint64_t	 account;
};

struct store_quota {
	struct store	*store;
	struct timer	 timer;
	struct map	 domains;
	struct map	 over;
	unsigned	 domain_n;
	unsigned	 warning_percent;
	uint64_t	 messages;	/* of all accounts that were counted */
	/* accounts up to here are in the sums */
	unsigned	 shard;
	uint64_t	 account;
	bool		 is_scanned;
};

/* ---- domains ---- */

static struct slice
domain_of(struct slice address)
{
	size_t at = slice_rfind(address, '@');

	return at < address.n ? slice_from(address, at + 1) : SLICE_NONE;
}

static struct quota_domain *
domain_find(const struct store_quota *q, struct slice name)
{
	struct map_node *n = map_first(&q->domains, hash_slice(name));
	struct quota_domain *d;

	for (; n != NULL; n = map_next(n)) {
		d = obj_of(n, struct quota_domain, node);
		if (slice_eq(slice_of(d->name, d->name_n), name))
			return d;
	}
	return NULL;
}

static struct quota_domain *
domain_of_op(const struct op *op)
{
	return domain_find(op->store->quota, domain_of(op->acc.address));
}

static void
domains_drop(struct store_quota *q)
{
	struct map_node *n, *next;
	size_t slot = 0;

	for (n = map_walk(&q->domains, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&q->domains, &slot, n);
		map_remove(&q->domains, n);
		buf_fini(&obj_of(n, struct quota_domain, node)->admins);
		free(obj_of(n, struct quota_domain, node));
	}
	q->domain_n = 0;
}

/* ---- telling queue ---- */

static void
tell(struct store *s, struct ipc_peer *only, const struct ipc_store_over *m)
{
	struct store_peer *p;
	struct list *l;

	for (l = list_first(&s->peers); l != NULL; l = list_next(&s->peers, l)) {
		p = obj_of(l, struct store_peer, link);
		if (ipc_peer_role(p->peer) != IPC_QUEUE || (only != NULL && p->peer != only))
			continue;
		/* One that cannot be told is going; the next one hears all. */
		if (ipc_send(p->peer, IPC_MSG_store_over, m, NULL, 0) != ERR_OK)
			continue;
	}
}

static void
tell_account(struct store *s, uint64_t account, bool is_over)
{
	unsigned char id[8];
	struct ipc_store_over m = { is_over ? STORE_OVER_THESE : STORE_OVER_NOT_THESE,
	    slice_of(id, sizeof(id)), SLICE_NONE };

	enc_le64(id, account);
	tell(s, NULL, &m);
}

static void
tell_domain(struct store *s, const struct quota_domain *d)
{
	struct ipc_store_over m = { d->is_over ? STORE_OVER_THESE : STORE_OVER_NOT_THESE,
	    SLICE_NONE, slice_of(d->name, d->name_n + 1u) };

	tell(s, NULL, &m);
}

void
quota_joined(struct store *s, struct ipc_peer *peer)
{
	struct ipc_store_over m = { STORE_OVER_NONE, SLICE_NONE, SLICE_NONE };
	struct map_node *n;
	size_t slot = 0;
	struct buf b;

	tell(s, peer, &m);
	buf_init(&b, OVER_ROOM * 8);
	m.what = STORE_OVER_THESE;
	n = map_walk(&s->quota->over, &slot, NULL);
	while (n != NULL) {
		unsigned char id[8];

		buf_reset(&b);
		for (; n != NULL && b.n < OVER_ROOM * 8; n = map_walk(&s->quota->over, &slot, n)) {
			enc_le64(id, obj_of(n, struct quota_over, node)->account);
			buf_put(&b, id, sizeof(id));
		}
		m.accounts = buf_slice(&b);
		tell(s, peer, &m);
	}
	buf_fini(&b);
	slot = 0;
	for (n = map_walk(&s->quota->domains, &slot, NULL); n != NULL;
	    n = map_walk(&s->quota->domains, &slot, n))
		if (obj_of(n, struct quota_domain, node)->is_over)
			tell_domain(s, obj_of(n, struct quota_domain, node));
}

/* ---- who is over ---- */

static struct quota_over *
over_find(const struct store_quota *q, uint64_t account)
{
	struct map_node *n = map_first(&q->over, hash_u64(account));

	for (; n != NULL; n = map_next(n))
		if (obj_of(n, struct quota_over, node)->account == account)
			return obj_of(n, struct quota_over, node);
	return NULL;
}

static void
set_over(struct store *s, uint64_t account, bool is_over)
{
	struct store_quota *q = s->quota;
	struct quota_over *o = over_find(q, account);

	if ((o != NULL) == is_over)
		return;
	if (is_over) {
		o = must_alloc(1, sizeof(*o));
		o->account = account;
		map_insert(&q->over, &o->node, hash_u64(account));
	} else {
		map_remove(&q->over, &o->node);
		free(o);
	}
	tell_account(s, account, is_over);
}

static bool
is_full(uint64_t used, uint64_t max)
{
	return max != 0 && used >= max;
}

static uint64_t
max_messages(const struct quota_domain *d)
{
	return d != NULL ? d->max_messages : 0;
}

static void
judge_account(struct store *s, uint64_t account, const struct record_account *a)
{
	const struct quota_domain *d = domain_find(s->quota, domain_of(a->address));

	set_over(s, account, is_full(a->used_bytes, a->quota_bytes) ||
	    is_full(a->message_count, max_messages(d)));
}

static void
judge_domain(struct store *s, struct quota_domain *d)
{
	bool is_over = s->quota->is_scanned && is_full(d->used_bytes, d->max_bytes);

	if (d->is_over == is_over)
		return;
	d->is_over = is_over;
	tell_domain(s, d);
}

/* Once, when it is passed upwards. */
static void
warn(const struct store_quota *q, struct slice who, uint64_t before, uint64_t now, uint64_t max)
{
	uint64_t at = max / 100 * q->warning_percent;

	if (max == 0 || q->warning_percent == 0 || before >= at || now < at)
		return;
	log_event(LOG_quota, log_text("user", who), log_num("used", now),
	    log_num("limit", max), log_num("percent", now / (max / 100 > 0 ? max / 100 : 1)));
}

/* ---- counting ---- */

static bool
fits(uint64_t used, uint64_t more, uint64_t max)
{
	return max == 0 || more == 0 || (used <= max && more <= max - used);
}

enum err
quota_room(const struct op *op, uint64_t bytes, uint64_t messages)
{
	const struct quota_domain *d = domain_of_op(op);

	if (!fits(op->acc.used_bytes, bytes, op->acc.quota_bytes))
		return ERR_QUOTA;
	if (d == NULL)
		return ERR_OK;
	if (!fits(op->acc.message_count, messages, d->max_messages))
		return ERR_QUOTA;
	return !op->store->quota->is_scanned || fits(d->used_bytes, bytes, d->max_bytes) ?
	    ERR_OK : ERR_QUOTA;
}

static bool
is_within(uint64_t used, uint64_t max)
{
	return max == 0 || used <= max;
}

enum err
quota_within(const struct op *op)
{
	const struct quota_domain *d = domain_of_op(op);
	uint64_t more = op->acc.used_bytes - op->used_before;

	if (!is_within(op->acc.used_bytes, op->acc.quota_bytes))
		return ERR_QUOTA;
	if (d == NULL)
		return ERR_OK;
	if (!is_within(op->acc.message_count, d->max_messages))
		return ERR_QUOTA;
	return !op->store->quota->is_scanned || is_within(d->used_bytes + more, d->max_bytes) ?
	    ERR_OK : ERR_QUOTA;
}

void
quota_add(struct op *op, uint64_t bytes, uint64_t messages)
{
	op->acc.used_bytes += bytes;
	op->acc.message_count += messages;
	op->is_dirty = true;
}

void
quota_sub(struct op *op, uint64_t bytes, uint64_t messages)
{
	op->acc.used_bytes -= bytes < op->acc.used_bytes ? bytes : op->acc.used_bytes;
	op->acc.message_count -= messages < op->acc.message_count ?
	    messages : op->acc.message_count;
	op->is_dirty = true;
}

/* The scan has been there, so that a change counts. */
static bool
is_counted(const struct store *s, uint64_t account)
{
	const struct store_quota *q = s->quota;
	unsigned shard = kv_shard_of(s->kv, account);

	return q->is_scanned || shard < q->shard || (shard == q->shard && account <= q->account);
}

static void
domain_change(struct store *s, struct quota_domain *d, uint64_t before, uint64_t now)
{
	uint64_t was = d->used_bytes, less = before > now ? before - now : 0;

	d->used_bytes += now > before ? now - before : 0;
	d->used_bytes -= less < d->used_bytes ? less : d->used_bytes;
	if (s->quota->is_scanned)
		warn(s->quota, slice_of(d->name, d->name_n), was, d->used_bytes, d->max_bytes);
	judge_domain(s, d);
}

void
quota_submitted(struct op *op)
{
	struct store *s = op->store;
	struct quota_domain *d = domain_of_op(op);

	judge_account(s, op->account, &op->acc);
	warn(s->quota, op->acc.address, op->used_before, op->acc.used_bytes, op->acc.quota_bytes);
	if (!is_counted(s, op->account))
		return;
	s->quota->messages += op->acc.message_count - op->messages_before;
	if (d != NULL)
		domain_change(s, d, op->used_before, op->acc.used_bytes);
}

void
quota_gone(struct store *s, uint64_t account, const struct record_account *a)
{
	struct quota_domain *d = domain_find(s->quota, domain_of(a->address));

	set_over(s, account, false);
	if (!is_counted(s, account))
		return;
	s->quota->messages -= a->message_count;
	if (d != NULL)
		domain_change(s, d, a->used_bytes, 0);
}

uint64_t
quota_messages(const struct store *s)
{
	return s->quota->messages;
}

/* ---- the scan ---- */

static void
see_account(struct store *s, uint64_t account)
{
	struct quota_domain *d;
	struct op op;

	/* KV_WRITE: with what is submitted, as the sums have it from here on. */
	if (op_begin(&op, s, account, KV_WRITE) != ERR_OK)
		return;		/* no mail account, or a damaged one */
	judge_account(s, account, &op.acc);
	s->quota->messages += op.acc.message_count;
	if ((d = domain_of_op(&op)) != NULL)
		d->used_bytes += op.acc.used_bytes;
	op_end(&op);
}

/* The next account of the shard being scanned.  ERR_NOTFOUND. */
static enum err
next_account(struct store_quota *q, uint64_t *account)
{
	struct kv_key at = record_key(q->account, '\xff'), found;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	if ((e = kv_begin_shard(q->store->kv, q->shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	e = kv_find(t, KV_GT, &at, 0, &found, &v);
	if (e == ERR_OK)
		*account = dec_be64(found.b);
	kv_end(&t);
	return e;
}

static void
scan_done(struct store_quota *q)
{
	struct map_node *n;
	size_t slot = 0;

	q->is_scanned = true;
	for (n = map_walk(&q->domains, &slot, NULL); n != NULL; n = map_walk(&q->domains, &slot, n))
		judge_domain(q->store, obj_of(n, struct quota_domain, node));
}

static void
scan(void *arg)
{
	struct store_quota *q = arg;
	uint64_t account;
	unsigned rows = 0;
	enum err e;

	while (q->shard < kv_shard_count(q->store->kv) && rows++ < QUOTA_SCAN_ROWS) {
		e = next_account(q, &account);
		if (e == ERR_NOTFOUND) {
			q->shard++;
			q->account = 0;
			continue;
		}
		if (e != ERR_OK)
			break;		/* too busy: another time */
		see_account(q->store, account);
		q->account = account;
	}
	if (q->shard < kv_shard_count(q->store->kv))
		timer_set(&q->timer, loop_now(q->store->loop) + SCAN_MS);
	else
		scan_done(q);
}

bool
quota_is_scanned(const struct store *s)
{
	return s->quota->is_scanned;
}

/* ---- life and configuration ---- */

void
quota_init(struct store *s)
{
	struct store_quota *q = must_alloc(1, sizeof(*q));

	q->store = s;
	timer_init(&q->timer, s->loop, scan, q);
	map_init(&q->domains);
	map_init(&q->over);
	s->quota = q;
}

void
quota_fini(struct store *s)
{
	struct store_quota *q = s->quota;
	struct map_node *n, *next;
	size_t slot = 0;

	timer_stop(&q->timer);
	domains_drop(q);
	for (n = map_walk(&q->over, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&q->over, &slot, n);
		map_remove(&q->over, n);
		free(obj_of(n, struct quota_over, node));
	}
	map_fini(&q->domains);
	map_fini(&q->over);
	free(q);
	s->quota = NULL;
}

void
quota_conf_begin(struct store *s, unsigned warning_percent)
{
	struct store_quota *q = s->quota;
	struct map_node *n;
	size_t slot = 0;

	/* A domain that has no limit any more is not over it. */
	for (n = map_walk(&q->domains, &slot, NULL); n != NULL;
	    n = map_walk(&q->domains, &slot, n)) {
		struct quota_domain *d = obj_of(n, struct quota_domain, node);

		d->max_bytes = 0;
		judge_domain(s, d);
	}
	domains_drop(q);
	timer_stop(&q->timer);
	q->warning_percent = warning_percent;
	q->messages = 0;
	q->is_scanned = false;
	q->shard = 0;
	q->account = 0;
}

void
quota_conf_add(struct store *s, const struct quota_conf *c)
{
	struct store_quota *q = s->quota;
	struct quota_domain *d;

	if ((c->messages == 0 && c->bytes == 0 && (c->admins == NULL || c->admins->n == 0)) ||
	    c->domain.n == 0 || c->domain.n > RECORD_ADDRESS_MAX || domain_find(q, c->domain) != NULL)
		return;
	if (q->domain_n++ >= QUOTA_DOMAINS_MAX) {
		log_event(LOG_limit, log_str("name", "quota domains"),
		    log_num("value", QUOTA_DOMAINS_MAX), log_text("reason", c->domain));
		return;
	}
	d = must_alloc(1, sizeof(*d) + c->domain.n + 1);
	d->max_messages = c->messages;
	d->max_bytes = c->bytes;
	d->name_n = (uint16_t)c->domain.n;
	memcpy(d->name, c->domain.p, c->domain.n);
	buf_init(&d->admins, ADMINS_BYTES_MAX);
	for (uint32_t i = 0; c->admins != NULL && i < c->admins->n; i++)
		buf_put(&d->admins, c->admins->v[i], strlen(c->admins->v[i]) + 1);
	map_insert(&q->domains, &d->node, hash_slice(c->domain));
}

void
quota_conf_end(struct store *s)
{
	/* A small store is known whole from the start. */
	scan(s->quota);
}

/* ---- store_quota ---- */

static bool
is_admin(const struct quota_domain *d, struct slice user)
{
	struct slice admins = d != NULL ? buf_slice(&d->admins) : SLICE_NONE, one;

	while (admins.n > 0) {
		admins = slice_cut(admins, '\0', &one);
		if (slice_ieq(one, user))
			return true;
	}
	return false;
}

/* The account that is asked about: whose quotas are told to others' admins, too. */
static enum err
open_account(const struct store_session *ss, uint64_t account, struct op *op)
{
	struct store *s = ss->peer->store;
	struct op own = { .txn = NULL };
	enum err e;

	if (account == 0 || account == ss->account->id)
		return op_begin(op, s, ss->account->id, KV_READ);
	if (ss->guest != NULL)
		return ERR_DENIED;
	e = op_begin(&own, s, ss->account->id, KV_READ);
	op_end(&own);
	if (e == ERR_OK)
		e = op_begin(op, s, account, KV_READ);
	if (e == ERR_OK && !is_admin(domain_of_op(op), own.acc.address))
		e = ERR_DENIED;
	return e;
}

void
store_on_quota(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_quota *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_quota_reply r;
	const struct quota_domain *d;
	struct ipc_quota q;
	struct op op = { .txn = NULL };
	struct buf b;
	enum err e;

	if (ss == NULL)
		return;
	if ((e = open_account(ss, m->account, &op)) != ERR_OK) {
		op_end(&op);
		store_fail_err(peer, in, e);
		return;
	}
	buf_init(&b, 2000);
	d = domain_of_op(&op);
	q = (struct ipc_quota){ op.acc.used_bytes, op.acc.quota_bytes, op.acc.message_count,
	    max_messages(d), names_shown(&op), op.store->mailbox_limit, op.acc.address };
	ipc_quota_put(&b, &q);
	if (d != NULL && d->max_bytes != 0) {
		q = (struct ipc_quota){ .used_bytes = d->used_bytes, .max_bytes = d->max_bytes,
		    .root = slice_of(d->name, d->name_n) };
		ipc_quota_put(&b, &q);
	}
	r.quotas = buf_slice(&b);
	ipc_reply(peer, in->id, IPC_MSG_store_quota_reply, &r);
	op_end(&op);
	buf_fini(&b);
}
