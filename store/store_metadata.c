/* SPDX-License-Identifier: ISC */
/*
 * First record: u8 form, u64 user (0: shared), str name, u32 bytes of the
 * value, blob: its beginning.  Others: u8 form, bytes.  Parts are numbered in
 * the last byte of the key.
 */
#include "store/store_metadata.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_names.h"
#include "store/store_news.h"

#define FORM		1
#define HEAD_BYTES	1600		/* of the value in the first record */
#define PART_BYTES	1900
#define KEY_BYTES	22
#define BOX_PREFIX	13
#define ENTRY_PREFIX	21		/* of a key, without the part */
#define REPLY_BYTES	50000
#define SHARED		"/shared/"
#define PRIVATE		"/private/"

struct entry {
	struct kv_key	 key;		/* of the first record */
	uint64_t	 user;
	uint32_t	 bytes;
	struct slice	 name;
	struct slice	 head;		/* the value's beginning */
};

/* ---- records ---- */

static struct kv_key
entry_key(const struct op *op, uint32_t mailbox, uint64_t user, struct slice name)
{
	char mixed[8 + RECORD_NAME_MAX];

	memcpy(mixed, &user, sizeof(user));
	memcpy(mixed + 8, name.p, name.n);
	return record_key_metadata(op->account, mailbox,
	    hash_sip(op->acc.salt, mixed, 8 + name.n), 0);
}

static enum err
entry_read(struct entry *t, const struct kv_key *key, struct slice v)
{
	struct ipc_reader r = ipc_reader_of(v);

	t->key = *key;
	if (key->n != KEY_BYTES || ipc_get_u8(&r) != FORM)
		return ERR_CORRUPT;
	t->user = ipc_get_u64(&r);
	t->bytes = ipc_get_u32(&r);
	t->name = ipc_get_var(&r, RECORD_NAME_MAX);
	t->head = ipc_get_var(&r, HEAD_BYTES);
	if (ipc_reader_done(&r) != ERR_OK || t->bytes > STORE_METADATA_VALUE_MAX ||
	    t->head.n != (t->bytes < HEAD_BYTES ? t->bytes : HEAD_BYTES))
		return ERR_CORRUPT;
	return ERR_OK;
}

static unsigned
part_count(uint32_t bytes)
{
	return bytes <= HEAD_BYTES ? 0 : (bytes - HEAD_BYTES + PART_BYTES - 1) / PART_BYTES;
}

static uint64_t
cost_of(const struct entry *t)
{
	return t->name.n + t->bytes;
}

/* The next first record behind *at; the entry is good until the next call. */
static enum err
entry_next(struct op *op, struct kv_key *at, struct entry *t)
{
	struct kv_key found;
	struct slice v;
	enum err e;

	do {
		if ((e = kv_find(op->txn, KV_GT, at, BOX_PREFIX, &found, &v)) != ERR_OK)
			return e;
		*at = found;
	} while (found.n == KEY_BYTES && found.b[KEY_BYTES - 1] != 0);
	return entry_read(t, &found, v);
}

static enum err
value_read(struct op *op, const struct entry *t, struct buf *out)
{
	struct kv_key k = t->key;
	size_t start = out->n;
	struct slice v;
	enum err e;

	buf_put_slice(out, t->head);
	for (unsigned i = 0; i < part_count(t->bytes); i++) {
		k.b[KEY_BYTES - 1]++;
		if ((e = kv_get(op->txn, &k, &v)) != ERR_OK)
			return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
		if (v.n < 1 || v.p[0] != FORM)
			return ERR_CORRUPT;
		buf_put_slice(out, slice_from(v, 1));
	}
	return buf_err(out) == ERR_OK && out->n - start == t->bytes ? ERR_OK : ERR_CORRUPT;
}

static void
value_put(struct op *op, const struct kv_key *key, uint64_t user, struct slice name,
    struct slice value)
{
	struct kv_key k = *key;
	struct buf b;

	buf_init(&b, RECORD_BYTES_MAX);
	ipc_put_u8(&b, FORM);
	ipc_put_u64(&b, user);
	ipc_put_u32(&b, (uint32_t)value.n);
	ipc_put_var(&b, name, RECORD_NAME_MAX);
	ipc_put_var(&b, slice_head(value, HEAD_BYTES), HEAD_BYTES);
	op_put(op, &k, &b);
	for (value = slice_from(value, HEAD_BYTES); value.n > 0;
	    value = slice_from(value, PART_BYTES)) {
		k.b[KEY_BYTES - 1]++;
		buf_reset(&b);
		ipc_put_u8(&b, FORM);
		buf_put_slice(&b, slice_head(value, PART_BYTES));
		op_put(op, &k, &b);
	}
	buf_fini(&b);
}

static void
value_del(struct op *op, const struct kv_key *key, uint32_t bytes)
{
	struct kv_key k = *key;

	for (unsigned i = 0; i <= part_count(bytes); i++, k.b[KEY_BYTES - 1]++)
		kv_del(op->txn, &k);
}

static void
uncount(struct op *op, uint64_t bytes)
{
	op->acc.metadata_bytes -= bytes < op->acc.metadata_bytes ? bytes : op->acc.metadata_bytes;
	op->is_dirty = true;
}

/* ---- what may be asked ---- */

/* RFC 5464 s4.1: no wildcards, controls, empty parts or bytes beyond ASCII. */
static enum err
check_name(struct slice name)
{
	if (!(slice_starts(name, SHARED) && name.n > strlen(SHARED)) &&
	    !(slice_starts(name, PRIVATE) && name.n > strlen(PRIVATE)))
		return ERR_SYNTAX;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < 0x20 || c > 0x7e || c == '*' || c == '%' ||
		    (c == '/' && (i + 1 == name.n || name.p[i + 1] == '/')))
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

static uint64_t
user_of(const struct store_session *ss, struct slice name)
{
	return slice_starts(name, PRIVATE) ? ss->user : 0;
}

static enum err
find_box(struct op *op, const struct store_session *ss, struct slice name, uint32_t rights,
    uint32_t *mailbox)
{
	enum err e;

	*mailbox = 0;
	/* The owner's own matter. */
	if (name.n == 0)
		return ss->guest == NULL ? ERR_OK : ERR_DENIED;
	if ((e = names_mailbox(op, name, mailbox)) != ERR_OK)
		return e;
	return acl_need(op, ss, *mailbox, rights);
}

/* ---- store_metadata ---- */

struct found {
	struct entry	 t;		/* its slices are void; name is in names */
	size_t		 at;
};

struct listing {
	struct op				 op;
	const struct ipc_store_metadata		*m;
	struct store_session			*ss;
	struct found				*v;
	size_t					 n;
	struct buf				 names;
	struct buf				 out;
	struct buf				 value;
};

static bool
is_below(struct slice name, struct slice asked, uint8_t depth)
{
	if (name.n < asked.n || memcmp(name.p, asked.p, asked.n) != 0)
		return false;
	if (name.n == asked.n)
		return true;
	return depth > 0 && name.p[asked.n] == '/' &&
	    (depth > 1 || slice_find(slice_from(name, asked.n + 1), '/') >= name.n - asked.n - 1);
}

static bool
is_asked(const struct listing *l, struct slice name)
{
	struct slice asked = l->m->names, one;

	while (asked.n > 0) {
		asked = slice_cut(asked, '\0', &one);
		if (is_below(name, one, l->m->depth))
			return true;
	}
	return false;
}

static int
found_cmp(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return slice_cmp(x->t.name, y->t.name);
}

static enum err
collect(struct listing *l, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(l->op.account, 'M', mailbox);
	struct entry t;
	enum err e;

	l->v = must_alloc(METADATA_ALL_MAX, sizeof(*l->v));
	while ((e = entry_next(&l->op, &at, &t)) == ERR_OK) {
		if (t.user != user_of(l->ss, t.name) || !is_asked(l, t.name) ||
		    (l->m->after.n > 0 && slice_cmp(t.name, l->m->after) <= 0))
			continue;
		if (l->n == METADATA_ALL_MAX)
			return ERR_CORRUPT;
		l->v[l->n].t = t;
		l->v[l->n++].at = l->names.n;
		buf_put_slice(&l->names, t.name);
	}
	for (size_t i = 0; i < l->n; i++)
		l->v[i].t.name.p = buf_data(&l->names) + l->v[i].at;
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), found_cmp);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* ERR_FULL: no room in this answer. */
static enum err
put_entry(struct listing *l, const struct found *f)
{
	struct ipc_entry m = { .present = true, .name = f->t.name };
	struct entry t;
	struct slice v;
	enum err e;

	if ((e = kv_get(l->op.txn, &f->t.key, &v)) != ERR_OK ||
	    (e = entry_read(&t, &f->t.key, v)) != ERR_OK)
		return e;
	buf_reset(&l->value);
	if ((e = value_read(&l->op, &t, &l->value)) != ERR_OK)
		return e;
	if (l->out.n + m.name.n + l->value.n + 8 > REPLY_BYTES)
		return ERR_FULL;
	m.value = buf_slice(&l->value);
	ipc_entry_put(&l->out, &m);
	return ERR_OK;
}

static enum err
list_entries(struct listing *l, struct ipc_store_metadata_reply *r)
{
	enum err e;

	for (size_t i = 0; i < l->n; i++) {
		if (l->m->max_bytes != 0 && l->v[i].t.bytes > l->m->max_bytes) {
			r->longest = l->v[i].t.bytes > r->longest ? l->v[i].t.bytes : r->longest;
			continue;
		}
		e = put_entry(l, &l->v[i]);
		if (e == ERR_FULL) {
			r->more = true;
			break;
		}
		if (e != ERR_OK)
			return e;
	}
	r->entries = buf_slice(&l->out);
	return ERR_OK;
}

void
store_on_metadata(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_metadata *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_metadata_reply r = { 0 };
	struct listing l = { .m = m, .ss = ss };
	uint32_t mailbox;
	enum err e;

	if (ss == NULL)
		return;
	buf_init(&l.names, METADATA_ALL_MAX * RECORD_NAME_MAX);
	buf_init(&l.out, REPLY_BYTES);
	buf_init(&l.value, STORE_METADATA_VALUE_MAX);
	e = m->depth > 2 ? ERR_VIOLATION :
	    op_begin(&l.op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = find_box(&l.op, ss, m->mailbox, STORE_RIGHT_L | STORE_RIGHT_R, &mailbox);
	if (e == ERR_OK)
		e = collect(&l, mailbox);
	if (e == ERR_OK)
		e = list_entries(&l, &r);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_metadata_reply, &r);
	else
		store_fail_err(peer, in, e);
	op_end(&l.op);
	free(l.v);
	buf_fini(&l.names);
	buf_fini(&l.out);
	buf_fini(&l.value);
}

/* ---- store_set_metadata ---- */

static enum err
count_entries(struct op *op, uint32_t mailbox, uint64_t user, unsigned *mine, unsigned *all)
{
	struct kv_key at = record_key_u32(op->account, 'M', mailbox);
	struct entry t;
	enum err e;

	for (*mine = *all = 0; (e = entry_next(op, &at, &t)) == ERR_OK; (*all)++)
		*mine += t.user == 0 || t.user == user;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err
set_entry(struct op *op, uint32_t mailbox, const struct store_session *ss,
    const struct ipc_entry *m)
{
	struct kv_key k = entry_key(op, mailbox, user_of(ss, m->name), m->name);
	struct entry old = { .bytes = 0 };
	unsigned mine, all;
	struct slice v;
	enum err e;

	e = kv_get(op->txn, &k, &v);
	if (e == ERR_OK)
		e = entry_read(&old, &k, v);
	if (e == ERR_OK && !slice_eq(old.name, m->name))
		return ERR_CONFLICT;	/* two names with one keyed hash */
	if (e == ERR_OK) {
		uncount(op, cost_of(&old));
		value_del(op, &k, old.bytes);
	} else if (e != ERR_NOTFOUND) {
		return e;
	}
	if (!m->present)
		return ERR_OK;
	if ((e = count_entries(op, mailbox, ss->user, &mine, &all)) != ERR_OK)
		return e;
	if (mine >= STORE_METADATA_MAX || all >= METADATA_ALL_MAX)
		return ERR_LIMIT;
	if (op->acc.metadata_bytes + m->name.n + m->value.n > METADATA_BYTES_MAX)
		return ERR_QUOTA;
	value_put(op, &k, user_of(ss, m->name), m->name, m->value);
	op->acc.metadata_bytes += m->name.n + m->value.n;
	op->is_dirty = true;
	return ERR_OK;
}

static enum err
set_entries(struct op *op, uint32_t mailbox, const struct store_session *ss, struct slice list)
{
	struct ipc_reader rd = ipc_reader_of(list);
	struct ipc_entry m;
	enum err e;

	while (ipc_reader_more(&rd)) {
		ipc_entry_get(&rd, &m);
		if (rd.bad)
			return ERR_VIOLATION;
		if ((e = check_name(m.name)) != ERR_OK ||
		    (slice_starts(m.name, SHARED) && mailbox != 0 &&
		    (e = acl_need(op, ss, mailbox, STORE_RIGHT_W)) != ERR_OK) ||
		    (e = set_entry(op, mailbox, ss, &m)) != ERR_OK)
			return e;
	}
	return ipc_reader_done(&rd);
}

void
store_on_set_metadata(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_set_metadata *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct store_reply *r;
	struct op op = { .txn = NULL };
	uint32_t mailbox;
	enum err e;

	if (ss == NULL)
		return;
	e = op_begin(&op, ss->peer->store, ss->account->id, KV_WRITE);
	if (e == ERR_OK)
		e = find_box(&op, ss, m->mailbox, STORE_RIGHT_L | STORE_RIGHT_R, &mailbox);
	if (e == ERR_OK && (e = set_entries(&op, mailbox, ss, m->entries)) == ERR_OK) {
		r = store_reply_new(peer, in, IPC_MSG_store_ok);
		r->m.ok = (struct ipc_store_ok){ .modseq = op.acc.modseq };
		r->origin = m->handle;
		news_of_entries(r, mailbox, ss->user, m->entries);
		e = op_submit(&op, KV_NOW, r);
	}
	op_end(&op);
	/* RFC 5464 s5 */
	if (e == ERR_LIMIT)
		store_fail(peer, in, e, "METADATA TOOMANY", "too many entries");
	else if (e != ERR_OK)
		store_fail_err(peer, in, e);
}

/* ---- for others ---- */

enum err
metadata_sum(struct op *op, uint32_t mailbox, uint64_t *bytes)
{
	struct kv_key at = record_key_u32(op->account, 'M', mailbox);
	struct entry t;
	struct buf value;
	enum err e;

	*bytes = 0;
	buf_init(&value, STORE_METADATA_VALUE_MAX);
	while ((e = entry_next(op, &at, &t)) == ERR_OK) {
		*bytes += cost_of(&t);
		buf_reset(&value);
		if ((e = value_read(op, &t, &value)) != ERR_OK)
			break;
	}
	buf_fini(&value);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
metadata_remove(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'M', mailbox);
	struct entry t;
	enum err e;

	while ((e = entry_next(op, &at, &t)) == ERR_OK) {
		uncount(op, cost_of(&t));
		value_del(op, &t.key, t.bytes);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}
