/* SPDX-License-Identifier: ISC */
#include "store/store_acl.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/map.h"
#include "store/store_names.h"

#define FORM		1
#define ACCOUNT_PREFIX	9	/* owner, letter */
#define BOX_PREFIX	13
#define KEY_BYTES	21
#define REPLY_BYTES	50000

/* ---- records: u8 form, u32 rights, str identifier ---- */

/* Of no account: the same for all, so that a guest's owners are found. */
uint64_t
acl_hash(struct slice identifier)
{
	static const unsigned char none[16];

	return hash_sip(none, identifier.p, identifier.n);
}

static struct kv_key
entry_key(const struct op *op, uint32_t mailbox, struct slice identifier)
{
	return record_key_acl(op->account, mailbox, acl_hash(identifier));
}

static enum err
entry_read(struct ipc_acl *a, const struct kv_key *key, struct slice v)
{
	struct ipc_reader r = ipc_reader_of(v);

	if (key->n != KEY_BYTES || ipc_get_u8(&r) != FORM)
		return ERR_CORRUPT;
	a->rights = ipc_get_u32(&r);
	a->identifier = ipc_get_var(&r, RECORD_ADDRESS_MAX);
	return ipc_reader_done(&r) == ERR_OK && a->identifier.n > 0 ? ERR_OK : ERR_CORRUPT;
}

static enum err
entry_next(struct op *op, struct kv_key *at, struct ipc_acl *a)
{
	struct kv_key found;
	struct slice v;
	enum err e;

	if ((e = kv_find(op->txn, KV_GT, at, BOX_PREFIX, &found, &v)) != ERR_OK)
		return e;
	*at = found;
	return entry_read(a, &found, v);
}

/* ---- who shares with whom: u8 form, u32 entries ---- */

static bool
is_negative(struct slice identifier)
{
	return identifier.p[0] == '-';
}

static void
share_count(struct kv_txn *t, uint64_t owner, struct slice identifier, bool more)
{
	struct kv_key k = record_key_share(acl_hash(identifier), owner);
	unsigned char b[5] = { FORM };
	uint32_t n = 0;
	struct slice v;

	if (is_negative(identifier))
		return;
	if (kv_get(t, &k, &v) == ERR_OK && v.n == sizeof(b) && v.p[0] == FORM)
		n = dec_le32(v.p + 1);
	if (!more && n <= 1) {
		kv_del(t, &k);
		return;
	}
	enc_le32(b + 1, more ? n + 1 : n - 1);
	kv_put(t, &k, slice_of(b, sizeof(b)));
}

void
acl_forget(struct kv_txn *t, uint64_t owner, struct slice record)
{
	struct kv_key any = { KEY_BYTES, { 0 } };
	struct ipc_acl a;

	if (entry_read(&a, &any, record) == ERR_OK)
		share_count(t, owner, a.identifier, false);
}

/* ---- rights ---- */

static enum err
add_rights(struct op *op, uint32_t mailbox, struct slice identifier, uint32_t *rights)
{
	struct kv_key k = entry_key(op, mailbox, identifier);
	struct ipc_acl a;
	struct slice v;
	enum err e;

	e = kv_get(op->txn, &k, &v);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e == ERR_OK && (e = entry_read(&a, &k, v)) == ERR_OK &&
	    slice_eq(a.identifier, identifier))
		*rights |= a.rights;
	return e;
}

enum err
acl_rights(struct op *op, const struct store_session *ss, uint32_t mailbox, uint32_t *rights)
{
	char text[RECORD_ADDRESS_MAX + 1];
	struct slice who, minus;
	uint32_t plus = 0, less = 0;
	enum err e;

	*rights = STORE_RIGHTS_ALL;
	if (ss->guest == NULL)
		return ERR_OK;
	*rights = 0;
	who = slice_of(ss->guest->address, ss->guest->address_n);
	text[0] = '-';
	memcpy(text + 1, who.p, who.n);
	minus = slice_of(text, who.n + 1);
	if ((e = add_rights(op, mailbox, SLICE_LIT("anyone"), &plus)) != ERR_OK ||
	    (e = add_rights(op, mailbox, who, &plus)) != ERR_OK ||
	    (e = add_rights(op, mailbox, SLICE_LIT("-anyone"), &less)) != ERR_OK ||
	    (e = add_rights(op, mailbox, minus, &less)) != ERR_OK)
		return e;
	*rights = plus & ~less & STORE_RIGHTS_ALL;
	return ERR_OK;
}

enum err
acl_need(struct op *op, const struct store_session *ss, uint32_t mailbox, uint32_t rights)
{
	uint32_t has;
	enum err e;

	if ((e = acl_rights(op, ss, mailbox, &has)) != ERR_OK)
		return e;
	if ((has & rights) == rights)
		return ERR_OK;
	return has & STORE_RIGHT_L ? ERR_DENIED : ERR_NOTFOUND;
}

enum err
acl_open(struct op *op, const struct store_session *ss, uint64_t mailbox, uint32_t rights,
    struct box *b)
{
	enum err e;

	if (mailbox == 0 || mailbox > UINT32_MAX)
		return ERR_NOTFOUND;
	if ((e = acl_need(op, ss, (uint32_t)mailbox, rights)) != ERR_OK)
		return e;
	return box_open(b, op->txn, op->account, (uint32_t)mailbox);
}

uint32_t
acl_flags(uint32_t rights)
{
	uint32_t bits = 0;

	bits |= rights & STORE_RIGHT_S ? (uint32_t)STORE_SEEN : 0;
	bits |= rights & STORE_RIGHT_T ? (uint32_t)STORE_DELETED : 0;
	bits |= rights & STORE_RIGHT_W ? ~(uint32_t)(STORE_SEEN | STORE_DELETED) : 0;
	return bits;
}

/* ---- changes ---- */

static unsigned
count_entries(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'P', mailbox);
	struct ipc_acl a;
	unsigned n = 0;

	while (entry_next(op, &at, &a) == ERR_OK)
		n++;
	return n;
}

static enum err
entry_set(struct op *op, uint32_t mailbox, struct slice identifier, uint8_t how, uint32_t rights)
{
	struct kv_key k = entry_key(op, mailbox, identifier);
	struct ipc_acl old = { 0, SLICE_NONE };
	struct slice v;
	struct buf b;
	enum err e;

	e = kv_get(op->txn, &k, &v);
	if (e == ERR_OK && (e = entry_read(&old, &k, v)) == ERR_OK &&
	    !slice_eq(old.identifier, identifier))
		return ERR_CONFLICT;	/* another with the same hash */
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (how != STORE_REPLACE)
		rights = how == STORE_ADD ? old.rights | rights : old.rights & ~rights;
	if (rights == 0) {
		if (e == ERR_OK) {
			share_count(op->txn, op->account, identifier, false);
			kv_del(op->txn, &k);
		}
		return ERR_OK;
	}
	/* What stands beside it has no room for larger ones. */
	if (op->account >> 56 != 0)
		return ERR_LIMIT;
	if (e == ERR_NOTFOUND) {
		if (count_entries(op, mailbox) >= STORE_ACL_MAX)
			return ERR_LIMIT;
		share_count(op->txn, op->account, identifier, true);
	}
	buf_init(&b, RECORD_BYTES_MAX);
	ipc_put_u8(&b, FORM);
	ipc_put_u32(&b, rights);
	ipc_put_var(&b, identifier, RECORD_ADDRESS_MAX);
	op_put(op, &k, &b);
	buf_fini(&b);
	return ERR_OK;
}

enum err
acl_inherit(struct op *op, uint32_t from, uint32_t to)
{
	struct kv_key at = record_key_u32(op->account, 'P', from);
	char identifier[RECORD_ADDRESS_MAX];
	struct ipc_acl a;
	enum err e;

	while ((e = entry_next(op, &at, &a)) == ERR_OK) {
		/* A copy: writing ends what was read. */
		memcpy(identifier, a.identifier.p, a.identifier.n);
		e = entry_set(op, to, slice_of(identifier, a.identifier.n), STORE_REPLACE, a.rights);
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
acl_remove(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'P', mailbox);
	struct ipc_acl a;
	enum err e;

	while ((e = entry_next(op, &at, &a)) == ERR_OK) {
		share_count(op->txn, op->account, a.identifier, false);
		kv_del(op->txn, &at);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
acl_check(struct op *op, uint32_t mailbox, unsigned *entries)
{
	struct kv_key at = record_key_u32(op->account, 'P', mailbox), k;
	struct ipc_acl a;
	struct slice v;
	enum err e;

	for (*entries = 0; (e = entry_next(op, &at, &a)) == ERR_OK; (*entries)++) {
		k = record_key_share(acl_hash(a.identifier), op->account);
		if (!is_negative(a.identifier) && kv_get(op->txn, &k, &v) != ERR_OK)
			return ERR_CORRUPT;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* count false: forget; true: count. */
static void
repair_pass(struct op *op, bool count)
{
	struct kv_key at = record_key(op->account, 'P'), found, k;
	struct ipc_acl a;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, ACCOUNT_PREFIX, &found, &v) == ERR_OK) {
		at = found;
		if (entry_read(&a, &found, v) != ERR_OK || a.identifier.n == 0) {
			kv_del(op->txn, &found);
			continue;
		}
		k = record_key_share(acl_hash(a.identifier), op->account);
		if (count)
			share_count(op->txn, op->account, a.identifier, true);
		else
			kv_del(op->txn, &k);
	}
}

void
acl_repair(struct op *op)
{
	repair_pass(op, false);
	repair_pass(op, true);
}

/* ---- requests ---- */

static enum err
check_identifier(const struct op *op, struct slice id)
{
	if (id.n == 0 || (id.n == 1 && id.p[0] == '-') || !utf8_ok(id))
		return ERR_SYNTAX;
	for (size_t i = 0; i < id.n; i++)
		if ((unsigned char)id.p[i] <= ' ' || id.p[i] == 0x7f)
			return ERR_SYNTAX;
	/* RFC 4314 s2: the owner's rights are not taken, nor need they be given. */
	if (is_negative(id))
		id = slice_from(id, 1);
	return slice_eq(id, op->acc.address) ? ERR_DENIED : ERR_OK;
}

enum err
acl_set(struct op *op, uint32_t mailbox, struct slice identifier, uint8_t how, uint32_t rights)
{
	enum err e = check_identifier(op, identifier);

	return e == ERR_OK ? entry_set(op, mailbox, identifier, how, rights) : e;
}

void
store_on_set_acl(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_set_acl *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct op op = { .txn = NULL };
	struct store_reply *r;
	uint32_t mailbox;
	enum err e;

	if (ss == NULL)
		return;
	e = m->op < STORE_ADD || m->op > STORE_REPLACE ||
	    (m->rights & ~(uint32_t)STORE_RIGHTS_ALL) != 0 ? ERR_VIOLATION :
	    op_begin(&op, ss->peer->store, ss->account->id, KV_WRITE);
	if (e == ERR_OK)
		e = names_mailbox(&op, m->mailbox, &mailbox);
	if (e == ERR_OK && (e = acl_need(&op, ss, mailbox, STORE_RIGHT_A)) == ERR_OK &&
	    (e = acl_set(&op, mailbox, m->identifier, m->op, m->rights)) == ERR_OK) {
		r = store_reply_new(peer, in, IPC_MSG_store_ok);
		r->m.ok = (struct ipc_store_ok){ .modseq = op.acc.modseq };
		r->names = true;
		r->origin = m->handle;
		e = op_submit(&op, KV_NOW, r);
	}
	op_end(&op);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
}

enum err
acl_put(struct op *op, uint32_t mailbox, struct buf *b)
{
	struct kv_key at = record_key_u32(op->account, 'P', mailbox);
	struct ipc_acl a = { STORE_RIGHTS_ALL, op->acc.address };
	enum err e;

	ipc_acl_put(b, &a);
	while ((e = entry_next(op, &at, &a)) == ERR_OK)
		ipc_acl_put(b, &a);
	return e == ERR_NOTFOUND ? buf_err(b) : e;
}

void
store_on_acl(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_acl *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_acl_reply r = { 0 };
	struct op op = { .txn = NULL };
	uint32_t mailbox;
	struct buf b;
	enum err e;

	if (ss == NULL)
		return;
	buf_init(&b, REPLY_BYTES);
	e = op_begin(&op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = names_mailbox(&op, m->mailbox, &mailbox);
	if (e == ERR_OK)
		e = acl_rights(&op, ss, mailbox, &r.rights);
	/* RFC 4314 s4: MYRIGHTS needs any of these. */
	if (e == ERR_OK && r.rights == 0)
		e = ERR_NOTFOUND;
	if (e == ERR_OK && r.rights & STORE_RIGHT_A)
		e = acl_put(&op, mailbox, &b);
	if (e == ERR_OK) {
		r.owner = op.acc.address;
		r.entries = buf_slice(&b);
		ipc_reply(peer, in->id, IPC_MSG_store_acl_reply, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	op_end(&op);
	buf_fini(&b);
}
