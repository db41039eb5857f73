/* SPDX-License-Identifier: ISC */
#include "store/store_facts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/key_proto.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_pulse.h"
#include "store/store_quota.h"
#include "store/store_sweep.h"

#define LATE_MS	10

/*
 * Aliases are queue's matter; fact_begin and fact_end frame a replay.  Mail
 * goes only when keyd says that its account is gone: that keyd does not name
 * an account (a restored backup, say) is no reason to destroy mail.
 */
void
store_on_fact_ignored(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	(void)peer;
	(void)msg;
	(void)in;
}

static bool
is_same(const struct record_account *a, const struct ipc_fact_account *m)
{
	return a->key_generation == m->key_generation && a->sealing == m->sealing &&
	    a->is_enabled == m->enabled && a->quota_bytes == m->quota_bytes &&
	    memcmp(a->public_key, m->public_key.p, RECORD_KEY_BYTES) == 0 &&
	    slice_eq(a->address, m->address);
}

static void
new_account(struct op *op)
{
	memset(&op->acc, 0, sizeof(op->acc));
	op->used_before = op->messages_before = 0;
	op->acc.next_mailbox = 1;
	op->acc.next_uidvalidity = 1;
	op->acc.next_content = 1;
	op->acc.next_epoch = 1;
	cry_random(op->acc.salt, sizeof(op->acc.salt));
}

static enum err
set_account(struct store *s, const struct ipc_fact_account *m)
{
	struct op op;
	enum err e;

	e = op_begin(&op, s, m->account, KV_WRITE);
	if (e == ERR_NOTFOUND) {
		if ((e = kv_begin(s->kv, m->account, KV_WRITE, &op.txn)) != ERR_OK)
			return e;
		new_account(&op);
	} else if (e != ERR_OK) {
		return e;
	} else if (is_same(&op.acc, m)) {
		op_end(&op);
		return ERR_OK;
	}
	/* IMAP shows all of its mail in another form now (RFC 9051 s2.3.1.1). */
	if (op.acc.has_mailboxes && m->sealing == SEALING_CLIENT &&
	    op.acc.sealing != SEALING_CLIENT && (e = names_renew(&op)) != ERR_OK) {
		op_end(&op);
		return e;
	}
	op.acc.key_generation = m->key_generation;
	op.acc.sealing = m->sealing;
	op.acc.is_enabled = m->enabled;
	op.acc.quota_bytes = m->quota_bytes;
	memcpy(op.acc.public_key, m->public_key.p, RECORD_KEY_BYTES);
	op.acc.address = m->address;
	op.is_dirty = true;
	return op_submit(&op, KV_NOW, NULL);
}

static enum err
remove_account(struct store *s, uint64_t account)
{
	struct kv_key k = record_key(account, 'A'), rk;
	struct op op;
	enum err e;

	e = op_begin(&op, s, account, KV_WRITE);
	if (e == ERR_CORRUPT) {
		memset(&op.acc, 0, sizeof(op.acc));
		e = kv_begin(s->kv, account, KV_WRITE, &op.txn);
	}
	if (e != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	rk = record_key_removal(account, 0);
	kv_put(op.txn, &rk, SLICE_LIT("\1"));
	kv_del(op.txn, &k);
	op.is_dirty = false;
	e = op_submit(&op, KV_NOW, NULL);
	if (e == ERR_OK)
		quota_gone(s, account, &op.acc);
	sweep_wanted(s);
	return e;
}

/* ---- facts wait while too much is on its way to the disk: keyd says them once */

struct late {
	struct list		 link;
	struct ipc_fact_account	 m;
	bool			 is_gone;
	char			 address[RECORD_ADDRESS_MAX];
	char			 key[RECORD_KEY_BYTES];
};

static enum err
apply(struct store *s, const struct ipc_fact_account *m, bool is_gone)
{
	enum err e = is_gone ? remove_account(s, m->account) : set_account(s, m);

	if (e != ERR_OK && e != ERR_BUSY)
		log_event(LOG_disk, log_str("what", "account fact"),
		    log_str("reason", err_text(e)));
	return e;
}

static void
keep(struct store *s, const struct ipc_fact_account *m, bool is_gone)
{
	struct late *l = must_alloc(1, sizeof(*l));

	l->m = *m;
	l->is_gone = is_gone;
	if (m->address.n > 0)
		memcpy(l->address, m->address.p, m->address.n);
	if (m->public_key.n > 0)
		memcpy(l->key, m->public_key.p, m->public_key.n);
	l->m.address.p = l->address;
	l->m.public_key.p = l->key;
	list_push(&s->late_facts, &l->link);
	if (!timer_is_set(&s->late_timer))
		timer_set(&s->late_timer, loop_now(s->loop) + LATE_MS);
}

/* None overtakes another. */
static void
take_fact(struct store *s, const struct ipc_fact_account *m, bool is_gone)
{
	if (!list_is_empty(&s->late_facts) || apply(s, m, is_gone) == ERR_BUSY)
		keep(s, m, is_gone);
}

void
store_facts_late(void *arg)
{
	struct store *s = arg;
	struct list *n;

	while ((n = list_first(&s->late_facts)) != NULL) {
		struct late *l = obj_of(n, struct late, link);

		if (apply(s, &l->m, l->is_gone) == ERR_BUSY) {
			timer_set(&s->late_timer, loop_now(s->loop) + LATE_MS);
			return;
		}
		list_remove(n);
		free(l);
	}
}

void
store_facts_drop(struct store *s)
{
	struct list *n;

	timer_stop(&s->late_timer);
	while ((n = list_first(&s->late_facts)) != NULL) {
		list_remove(n);
		free(obj_of(n, struct late, link));
	}
}

void
store_on_fact_account(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_fact_account *m = msg;

	(void)in;
	if (m->account == 0 || m->public_key.n != RECORD_KEY_BYTES) {
		ipc_peer_violation(peer, "no account");
		return;
	}
	take_fact(store_of(peer), m, false);
}

void
store_on_fact_account_gone(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_fact_account_gone *m = msg;
	const struct ipc_fact_account gone = { .account = m->account };

	(void)in;
	take_fact(store_of(peer), &gone, true);
}

void
store_on_token_key(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_token_key *m = msg;

	(void)in;
	if (token_gate_key(&store_of(peer)->gate, m->key) != ERR_OK)
		ipc_peer_violation(peer, "token key of a wrong size");
}

void
store_on_token_revoke(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_token_revoke *m = msg;

	(void)in;
	token_gate_revoke(&store_of(peer)->gate, m->account, m->before_s);
	store_pulse_beat(store_of(peer), m->account);
}

/* Revocations are taken at once; an account may still be on its way to the disk. */
void
store_on_facts_heard(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_facts_taken m = { 0 };

	(void)msg;
	ipc_reply(peer, in->id, IPC_MSG_facts_taken, &m);
}

void
store_on_epoch_rewrap(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_epoch_rewrap *m = msg;
	struct kv_key k = record_key_u64(m->account, 'E', m->epoch);
	struct record_epoch rec;
	struct slice v;
	struct buf b;
	struct op op;
	enum err e;

	(void)in;
	if (op_begin(&op, store_of(peer), m->account, KV_WRITE) != ERR_OK)
		return;
	e = kv_get(op.txn, &k, &v);
	/* keyd was shown it by imapd: it may be a key that is not this epoch's. */
	if (e == ERR_OK && record_epoch_read(&rec, v) == ERR_OK &&
	    rec.form == EPOCH_SEALED && rec.generation == m->generation &&
	    slice_eq(rec.data, m->sealed)) {
		rec.form = EPOCH_WRAPPED;
		rec.data = m->data;
		buf_init(&b, RECORD_BYTES_MAX);
		record_epoch_put(&rec, &b);
		op_put(&op, &k, &b);
		buf_fini(&b);
		/* Lost in a crash it is simply done again. */
		e = op_submit(&op, KV_LAZY, NULL);
	}
	op_end(&op);
}
