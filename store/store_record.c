/* SPDX-License-Identifier: ISC */
#include "store/store_record.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/ipc_codec.h"
#include "store/blob_sum.h"

#define FORM		1
#define FORM_ACCOUNT	2
#define FORM_CONTENT	2
#define FORM_EPOCH	2
#define FORM_REMOVAL	2
#define MAILBOX_BYTES_MAX	200	/* of a mailbox's record */

/* ---- keys ---- */

struct kv_key
record_key(uint64_t account, char type)
{
	struct kv_key k = { 9, { 0 } };

	enc_be64(k.b, account);
	k.b[8] = (unsigned char)type;
	return k;
}

static void
key_u32(struct kv_key *k, uint32_t v)
{
	enc_be32(k->b + k->n, v);
	k->n = (uint8_t)(k->n + 4);
}

static void
key_u64(struct kv_key *k, uint64_t v)
{
	enc_be64(k->b + k->n, v);
	k->n = (uint8_t)(k->n + 8);
}

struct kv_key
record_key_u32(uint64_t account, char type, uint32_t v)
{
	struct kv_key k = record_key(account, type);

	key_u32(&k, v);
	return k;
}

struct kv_key
record_key_u64(uint64_t account, char type, uint64_t v)
{
	struct kv_key k = record_key(account, type);

	key_u64(&k, v);
	return k;
}

struct kv_key
record_key_page(uint64_t account, char type, uint32_t mailbox, uint32_t uid)
{
	struct kv_key k = record_key_u32(account, type, mailbox);

	key_u32(&k, uid);
	return k;
}

static void
key_u16(struct kv_key *k, uint16_t v)
{
	k->b[k->n++] = (unsigned char)(v >> 8);
	k->b[k->n++] = (unsigned char)v;
}

struct kv_key
record_key_wide(uint64_t account, uint32_t mailbox, uint32_t first, uint16_t part)
{
	struct kv_key k = record_key_page(account, 'I', mailbox, first);

	key_u16(&k, part);
	return k;
}

struct kv_key
record_key_gone(uint64_t account, uint32_t mailbox, uint64_t modseq, uint16_t part)
{
	struct kv_key k = record_key_u32(account, 'Z', mailbox);

	key_u64(&k, modseq);
	key_u16(&k, part);
	return k;
}

struct kv_key
record_key_columns(uint64_t account, uint32_t mailbox, uint8_t kind, uint32_t block)
{
	struct kv_key k = record_key_u32(account, 'O', mailbox);

	k.b[k.n++] = kind;
	key_u32(&k, block);
	return k;
}

struct kv_key
record_key_acl(uint64_t account, uint32_t mailbox, uint64_t hash)
{
	struct kv_key k = record_key_u32(account, 'P', mailbox);

	key_u64(&k, hash);
	return k;
}

/* Account ids are below 2^56: keyd makes them of a clock. */
struct kv_key
record_key_share(uint64_t hash, uint64_t owner)
{
	struct kv_key k = record_key_u64(0, 'L', hash);
	unsigned char id[8];

	enc_be64(id, owner);
	memcpy(k.b + k.n, id + 1, sizeof(id) - 1);
	k.n = KV_KEY_MAX;
	return k;
}

uint64_t
record_share_owner(const struct kv_key *k)
{
	unsigned char id[8] = { 0 };

	memcpy(id + 1, k->b + KV_KEY_MAX - 7, 7);
	return dec_be64(id);
}

struct kv_key
record_key_metadata(uint64_t account, uint32_t mailbox, uint64_t hash, uint8_t part)
{
	struct kv_key k = record_key_u32(account, 'M', mailbox);

	key_u64(&k, hash);
	k.b[k.n++] = part;
	return k;
}

/* 56 bits of (account, rcpt) fit; the record holds both in full. */
struct kv_key
record_key_delivered(uint64_t msg, uint64_t account, uint64_t rcpt)
{
	struct kv_key k = record_key_u64(0, 'Q', msg);
	unsigned char mixed[8];

	enc_be64(mixed, (rcpt ^ account * 0x9e3779b97f4a7c15u) * 0xc2b2ae3d27d4eb4fu);
	memcpy(k.b + k.n, mixed, KV_KEY_MAX - k.n);
	k.n = KV_KEY_MAX;
	return k;
}

struct kv_key
record_key_removal(uint64_t account, uint32_t mailbox)
{
	struct kv_key k = record_key_u64(0, 'R', account);

	key_u32(&k, mailbox);
	return k;
}

/* ---- values ---- */

/* Its form; 0: none that there is. */
static uint8_t
begin_form(struct ipc_reader *r, struct slice s, uint8_t newest)
{
	uint8_t form;

	*r = ipc_reader_of(s);
	form = ipc_get_u8(r);
	return form <= newest ? form : 0;
}

static bool
begin_read(struct ipc_reader *r, struct slice s)
{
	return begin_form(r, s, FORM) == FORM;
}

static enum err
end_read(const struct ipc_reader *r)
{
	return ipc_reader_done(r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

enum err
record_account_read(struct record_account *a, struct slice s)
{
	struct ipc_reader r;
	uint8_t form = begin_form(&r, s, FORM_ACCOUNT);

	memset(a, 0, sizeof(*a));
	if (form == 0)
		return ERR_CORRUPT;
	a->key_generation = ipc_get_u32(&r);
	a->sealing = ipc_get_u8(&r);
	a->is_enabled = ipc_get_bool(&r);
	a->has_mailboxes = ipc_get_bool(&r);
	a->quota_bytes = ipc_get_u64(&r);
	a->used_bytes = ipc_get_u64(&r);
	a->message_count = ipc_get_u64(&r);
	a->modseq = ipc_get_u64(&r);
	a->next_mailbox = ipc_get_u32(&r);
	a->next_uidvalidity = ipc_get_u32(&r);
	a->mailbox_count = ipc_get_u32(&r);
	a->next_content = ipc_get_u64(&r);
	a->next_epoch = ipc_get_u64(&r);
	ipc_get_fixed(&r, a->salt, sizeof(a->salt));
	ipc_get_fixed(&r, a->public_key, sizeof(a->public_key));
	a->address = ipc_get_var(&r, RECORD_ADDRESS_MAX);
	/* Before there was metadata there was none. */
	a->metadata_bytes = form == FORM_ACCOUNT ? ipc_get_u64(&r) : 0;
	return end_read(&r);
}

void
record_account_put(const struct record_account *a, struct buf *b)
{
	ipc_put_u8(b, FORM_ACCOUNT);
	ipc_put_u32(b, a->key_generation);
	ipc_put_u8(b, a->sealing);
	ipc_put_bool(b, a->is_enabled);
	ipc_put_bool(b, a->has_mailboxes);
	ipc_put_u64(b, a->quota_bytes);
	ipc_put_u64(b, a->used_bytes);
	ipc_put_u64(b, a->message_count);
	ipc_put_u64(b, a->modseq);
	ipc_put_u32(b, a->next_mailbox);
	ipc_put_u32(b, a->next_uidvalidity);
	ipc_put_u32(b, a->mailbox_count);
	ipc_put_u64(b, a->next_content);
	ipc_put_u64(b, a->next_epoch);
	ipc_put_fixed(b, a->salt, sizeof(a->salt));
	ipc_put_fixed(b, a->public_key, sizeof(a->public_key));
	ipc_put_var(b, a->address, RECORD_ADDRESS_MAX);
	ipc_put_u64(b, a->metadata_bytes);
}

enum err
record_mailbox_read(struct record_mailbox *m, struct slice s)
{
	struct ipc_reader r;

	memset(m, 0, sizeof(*m));
	if (!begin_read(&r, s))
		return ERR_CORRUPT;
	m->uidvalidity = ipc_get_u32(&r);
	m->uidnext = ipc_get_u32(&r);
	m->modseq = ipc_get_u64(&r);
	m->gone_floor = ipc_get_u64(&r);
	m->exists = ipc_get_u32(&r);
	m->unseen = ipc_get_u32(&r);
	m->deleted = ipc_get_u32(&r);
	m->recent_uid = ipc_get_u32(&r);
	m->bytes = ipc_get_u64(&r);
	m->special = ipc_get_u32(&r);
	m->name_hash = ipc_get_u64(&r);
	return end_read(&r);
}

void
record_mailbox_put(const struct record_mailbox *m, struct buf *b)
{
	ipc_put_u8(b, FORM);
	ipc_put_u32(b, m->uidvalidity);
	ipc_put_u32(b, m->uidnext);
	ipc_put_u64(b, m->modseq);
	ipc_put_u64(b, m->gone_floor);
	ipc_put_u32(b, m->exists);
	ipc_put_u32(b, m->unseen);
	ipc_put_u32(b, m->deleted);
	ipc_put_u32(b, m->recent_uid);
	ipc_put_u64(b, m->bytes);
	ipc_put_u32(b, m->special);
	ipc_put_u64(b, m->name_hash);
}

enum err
record_name_read(struct record_name *n, struct slice s)
{
	struct ipc_reader r;

	memset(n, 0, sizeof(*n));
	if (!begin_read(&r, s))
		return ERR_CORRUPT;
	n->mailbox = ipc_get_u32(&r);
	n->is_subscribed = ipc_get_bool(&r);
	n->special = ipc_get_u32(&r);
	n->name = ipc_get_var(&r, RECORD_NAME_MAX);
	return end_read(&r);
}

void
record_name_put(const struct record_name *n, struct buf *b)
{
	ipc_put_u8(b, FORM);
	ipc_put_u32(b, n->mailbox);
	ipc_put_bool(b, n->is_subscribed);
	ipc_put_u32(b, n->special);
	ipc_put_var(b, n->name, RECORD_NAME_MAX);
}

static void
get_ref(struct ipc_reader *r, struct blob_ref *ref)
{
	ref->segment = ipc_get_u32(r);
	ref->offset = ipc_get_u64(r);
	ref->bytes = ipc_get_u64(r);
}

static void
put_ref(struct buf *b, const struct blob_ref *ref)
{
	ipc_put_u32(b, ref->segment);
	ipc_put_u64(b, ref->offset);
	ipc_put_u64(b, ref->bytes);
}

enum err
record_content_read(struct record_content *c, struct slice s)
{
	struct ipc_reader r;
	uint8_t form = begin_form(&r, s, FORM_CONTENT);

	memset(c, 0, sizeof(*c));
	if (form == 0)
		return ERR_CORRUPT;
	get_ref(&r, &c->body);
	c->body.note = form >= FORM_CONTENT ? ipc_get_u16(&r) : 0;
	get_ref(&r, &c->summary_ref);
	c->epoch = ipc_get_u64(&r);
	c->generation = ipc_get_u32(&r);
	c->message_id = ipc_get_u64(&r);
	c->created_s = ipc_get_u64(&r);
	c->commitment = ipc_get_var(&r, 32);
	c->wrapped = ipc_get_var(&r, 64);
	c->summary = ipc_get_var(&r, RECORD_SUMMARY_INLINE);
	return end_read(&r);
}

void
record_content_put(const struct record_content *c, struct buf *b)
{
	ipc_put_u8(b, FORM_CONTENT);
	put_ref(b, &c->body);
	ipc_put_u16(b, c->body.note);
	put_ref(b, &c->summary_ref);
	ipc_put_u64(b, c->epoch);
	ipc_put_u32(b, c->generation);
	ipc_put_u64(b, c->message_id);
	ipc_put_u64(b, c->created_s);
	ipc_put_var(b, c->commitment, 32);
	ipc_put_var(b, c->wrapped, 64);
	ipc_put_var(b, c->summary, RECORD_SUMMARY_INLINE);
}

enum err
record_columns_read(struct record_columns *c, struct slice s)
{
	struct ipc_reader r;

	memset(c, 0, sizeof(*c));
	if (!begin_read(&r, s))
		return ERR_CORRUPT;
	get_ref(&r, &c->data);
	c->content = ipc_get_u64(&r);
	c->epoch = ipc_get_u64(&r);
	c->generation = ipc_get_u32(&r);
	c->commitment = ipc_get_var(&r, 32);
	c->wrapped = ipc_get_var(&r, 64);
	return end_read(&r);
}

void
record_columns_put(const struct record_columns *c, struct buf *b)
{
	ipc_put_u8(b, FORM);
	put_ref(b, &c->data);
	ipc_put_u64(b, c->content);
	ipc_put_u64(b, c->epoch);
	ipc_put_u32(b, c->generation);
	ipc_put_var(b, c->commitment, 32);
	ipc_put_var(b, c->wrapped, 64);
}

static uint64_t
epoch_sum(const struct record_epoch *e)
{
	const unsigned char form = e->form;
	struct blob_sum s;

	blob_sum_init(&s);
	blob_sum_add(&s, &form, 1);
	blob_sum_add(&s, e->data.p, e->data.n);
	return blob_sum_end(&s) ^ e->generation;
}

enum err
record_epoch_read(struct record_epoch *e, struct slice s)
{
	struct ipc_reader r;
	uint8_t form = begin_form(&r, s, FORM_EPOCH);

	memset(e, 0, sizeof(*e));
	if (form == 0)
		return ERR_CORRUPT;
	if (form >= FORM_EPOCH)
		get_ref(&r, &e->place);
	e->generation = ipc_get_u32(&r);
	e->form = ipc_get_u8(&r);
	e->data = ipc_get_var(&r, 96);
	/* Without its key a whole epoch is lost, and nothing else tells a wrong one. */
	if (form >= FORM_EPOCH && ipc_get_u64(&r) != epoch_sum(e))
		return ERR_CORRUPT;
	return end_read(&r);
}

void
record_epoch_put(const struct record_epoch *e, struct buf *b)
{
	ipc_put_u8(b, FORM_EPOCH);
	put_ref(b, &e->place);
	ipc_put_u32(b, e->generation);
	ipc_put_u8(b, e->form);
	ipc_put_var(b, e->data, 96);
	ipc_put_u64(b, epoch_sum(e));
}

enum err
record_removal_read(struct record_removal *m, struct slice s)
{
	struct ipc_reader r;
	uint8_t form = begin_form(&r, s, FORM_REMOVAL);

	memset(m, 0, sizeof(*m));
	if (form == 0)
		return ERR_CORRUPT;
	if (form < FORM_REMOVAL)
		return end_read(&r);
	m->due_s = ipc_get_u64(&r);
	m->removed_s = ipc_get_u64(&r);
	m->special = ipc_get_u32(&r);
	m->name = ipc_get_var(&r, RECORD_NAME_MAX);
	m->mailbox = ipc_get_var(&r, MAILBOX_BYTES_MAX);
	return end_read(&r);
}

void
record_removal_put(const struct record_removal *m, struct buf *b)
{
	ipc_put_u8(b, FORM_REMOVAL);
	ipc_put_u64(b, m->due_s);
	ipc_put_u64(b, m->removed_s);
	ipc_put_u32(b, m->special);
	ipc_put_var(b, m->name, RECORD_NAME_MAX);
	ipc_put_var(b, m->mailbox, MAILBOX_BYTES_MAX);
}

enum err
record_delivered_read(struct record_delivered *d, struct slice s)
{
	struct ipc_reader r;

	memset(d, 0, sizeof(*d));
	if (!begin_read(&r, s))
		return ERR_CORRUPT;
	d->account = ipc_get_u64(&r);
	d->rcpt = ipc_get_u64(&r);
	d->mailbox = ipc_get_u32(&r);
	d->uidvalidity = ipc_get_u32(&r);
	d->uid = ipc_get_u32(&r);
	d->modseq = ipc_get_u64(&r);
	return end_read(&r);
}

void
record_delivered_put(const struct record_delivered *d, struct buf *b)
{
	ipc_put_u8(b, FORM);
	ipc_put_u64(b, d->account);
	ipc_put_u64(b, d->rcpt);
	ipc_put_u32(b, d->mailbox);
	ipc_put_u32(b, d->uidvalidity);
	ipc_put_u32(b, d->uid);
	ipc_put_u64(b, d->modseq);
}
