/* SPDX-License-Identifier: ISC */
#include "store/store_guest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/grant.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_core.h"
#include "store/store_op.h"

#define REPLY_BYTES	50000
#define SHARE_PREFIX	17		/* account 0, letter, hash */

/* ---- who shares something with a user ---- */

struct owners {
	uint64_t	 v[GUEST_OWNERS_MAX];
	unsigned	 n;
};

static enum err
add_owners(struct store *s, unsigned shard, struct slice identifier, uint64_t self,
    struct owners *o)
{
	struct kv_key at = record_key_share(acl_hash(identifier), 0), found;
	struct kv_txn *t;
	struct slice v;
	uint64_t owner;
	enum err e;

	/* KV_WRITE: what was shared a moment ago is seen. */
	if ((e = kv_begin_shard(s->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	while (o->n < GUEST_OWNERS_MAX &&
	    (e = kv_find(t, KV_GT, &at, SHARE_PREFIX, &found, &v)) == ERR_OK) {
		at = found;
		if (found.n != SHARE_PREFIX + 7)
			continue;
		owner = record_share_owner(&found);
		if (owner != self)
			o->v[o->n++] = owner;
	}
	kv_end(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err
find_owners(struct store *s, struct slice address, uint64_t self, struct owners *o)
{
	enum err e = ERR_OK;

	o->n = 0;
	for (unsigned i = 0; e == ERR_OK && i < kv_shard_count(s->kv); i++) {
		e = add_owners(s, i, address, self, o);
		if (e == ERR_OK)
			e = add_owners(s, i, SLICE_LIT("anyone"), self, o);
	}
	return e;
}

static enum err
own_address(struct store_session *ss, struct op *op)
{
	/* A guest's handle opens no further doors. */
	if (ss->guest != NULL)
		return ERR_DENIED;
	return op_begin(op, ss->peer->store, ss->account->id, KV_READ);
}

/* ---- store_open ---- */

static void
put_grant(const struct store_session *ss, const struct op *owner, unsigned char out[GRANT_BYTES],
    uint64_t *expires_s, struct slice *grant)
{
	struct store *s = ss->peer->store;
	struct grant g = { ipc_peer_instance(ss->peer->peer), ss->user, owner->account,
	    owner->acc.key_generation, store_now_s(s) + GRANT_LIFE_S, 0 };

	*grant = SLICE_NONE;
	*expires_s = g.expires_s;
	if (!s->has_grant_key || (owner->acc.sealing != SEALING_ESCROW &&
	    owner->acc.sealing != SEALING_SERVER))
		return;
	grant_make(out, &g, s->grant_key);
	*grant = slice_of(out, GRANT_BYTES);
}

/* The owner of that address among them. */
static enum err
open_owner(struct store *s, const struct owners *o, struct slice address, struct op *op)
{
	enum err e;

	for (unsigned i = 0; i < o->n; i++) {
		e = op_begin(op, s, o->v[i], KV_READ);
		if (e == ERR_NOTFOUND)
			continue;	/* removed; its records go in slices */
		if (e != ERR_OK)
			return e;
		if (slice_eq(op->acc.address, address) && op->acc.has_mailboxes)
			return ERR_OK;
		op_end(op);
	}
	return ERR_NOTFOUND;
}

static void
guest_session(struct ipc_peer *peer, struct ipc_in *in, struct store_session *own,
    struct op *owner, struct slice address)
{
	struct store_session *ss = store_session_new(own->peer->store, own->peer, owner->account);
	struct ipc_store_session m = { .account = owner->account, .address = owner->acc.address,
	    .sealing = owner->acc.sealing, .key_generation = owner->acc.key_generation,
	    .public_key = slice_of(owner->acc.public_key, RECORD_KEY_BYTES),
	    .thread_salt = slice_of(owner->acc.salt, RECORD_SALT_BYTES) };
	unsigned char grant[GRANT_BYTES];
	uint64_t expires_s;

	ss->issued_s = own->issued_s;
	ss->user = own->user;
	ss->guest = must_alloc(1, sizeof(*ss->guest) + address.n);
	ss->guest->parent = own->handle;
	ss->guest->address_n = address.n;
	memcpy(ss->guest->address, address.p, address.n);
	own->guests++;
	m.handle = ss->handle;
	put_grant(ss, owner, grant, &expires_s, &m.grant);
	ipc_reply(peer, in->id, IPC_MSG_store_session, &m);
}

void
store_on_open(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_open *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct op own = { .txn = NULL }, owner = { .txn = NULL };
	struct owners *o;
	enum err e;

	if (ss == NULL)
		return;
	o = must_alloc(1, sizeof(*o));
	e = own_address(ss, &own);
	if (e == ERR_OK && ss->guests >= GUEST_HANDLES_MAX)
		e = ERR_LIMIT;
	op_end(&own);
	if (e == ERR_OK)
		e = find_owners(ss->peer->store, own.acc.address, ss->user, o);
	if (e == ERR_OK)
		e = open_owner(ss->peer->store, o, m->address, &owner);
	if (e == ERR_OK)
		guest_session(peer, in, ss, &owner, own.acc.address);
	else
		store_fail_err(peer, in, e);
	op_end(&owner);
	free(o);
}

void
store_on_grant(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_grant *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_granted r = { 0 };
	unsigned char grant[GRANT_BYTES];
	struct op op = { .txn = NULL };
	enum err e;

	if (ss == NULL)
		return;
	e = ss->guest == NULL ? ERR_STATE :
	    op_begin(&op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK) {
		put_grant(ss, &op, grant, &r.expires_s, &r.grant);
		ipc_reply(peer, in->id, IPC_MSG_store_granted, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	op_end(&op);
}

void
store_on_grant_key(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_grant_key *m = msg;
	struct store *s = store_of(peer);

	(void)in;
	if (m->key.n != sizeof(s->grant_key)) {
		ipc_peer_violation(peer, "grant key of a wrong size");
		return;
	}
	memcpy(s->grant_key, m->key.p, sizeof(s->grant_key));
	s->has_grant_key = true;
}

/* ---- store_owners ---- */

static int
address_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once, in order, behind after. */
static void
put_addresses(struct buf *out, char **v, unsigned n, struct slice after, bool *more)
{
	for (unsigned i = 0; i < n; i++) {
		struct slice s = slice_str(v[i]);

		if (slice_cmp(s, after) <= 0 || (i > 0 && strcmp(v[i - 1], v[i]) == 0))
			continue;
		if (out->n + s.n + 1 > REPLY_BYTES) {
			*more = true;
			return;
		}
		buf_put(out, s.p, s.n + 1);
	}
}

static unsigned
load_addresses(struct store *s, const struct owners *o, char **v)
{
	unsigned n = 0;
	struct op op;

	for (unsigned i = 0; i < o->n; i++) {
		if (op_begin(&op, s, o->v[i], KV_READ) != ERR_OK)
			continue;
		if (op.acc.has_mailboxes) {
			v[n] = must_alloc(1, op.acc.address.n + 1);
			memcpy(v[n++], op.acc.address.p, op.acc.address.n);
		}
		op_end(&op);
	}
	return n;
}

void
store_on_owners(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_owners *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_owners_reply r = { 0 };
	struct op own = { .txn = NULL };
	struct owners *o;
	unsigned n = 0;
	struct buf out;
	char **v;
	enum err e;

	if (ss == NULL)
		return;
	o = must_alloc(1, sizeof(*o));
	v = must_alloc(GUEST_OWNERS_MAX, sizeof(*v));
	buf_init(&out, REPLY_BYTES);
	e = own_address(ss, &own);
	op_end(&own);
	if (e == ERR_OK)
		e = find_owners(ss->peer->store, own.acc.address, ss->user, o);
	if (e == ERR_OK) {
		n = load_addresses(ss->peer->store, o, v);
		qsort(v, n, sizeof(*v), address_cmp);
		put_addresses(&out, v, n, m->after, &r.more);
		r.addresses = buf_slice(&out);
		ipc_reply(peer, in->id, IPC_MSG_store_owners_reply, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	while (n > 0)
		free(v[--n]);
	free(v);
	free(o);
	buf_fini(&out);
}
