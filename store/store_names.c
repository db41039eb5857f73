/* SPDX-License-Identifier: ISC */
#include "store/store_names.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"

#define NAME_PREFIX_BYTES	9
#define LIST_BYTES_MAX		(64u << 20)

static const struct {
	const char	*name;
	uint32_t	 special;
} defaults[] = {			/* RFC 6154 s2 */
	{ "INBOX",	0 },
	{ "Drafts",	STORE_DRAFTS },
	{ "Sent",	STORE_SENT },
	{ "Junk",	STORE_JUNK },
	{ "Trash",	STORE_TRASH },
	{ "Archive",	STORE_ARCHIVE },
};

enum err
names_check(struct slice *name)
{
	unsigned depth = 0;
	size_t part = 0;

	if (name->n > RECORD_NAME_MAX)
		return ERR_TOOBIG;
	if (slice_ieq_str(*name, "INBOX"))
		*name = SLICE_LIT("INBOX");
	if (name->n == 0 || !utf8_ok(*name))
		return ERR_SYNTAX;
	for (size_t i = 0; i <= name->n; i++) {
		if (i < name->n && name->p[i] != '/') {
			if ((unsigned char)name->p[i] < 0x20 || name->p[i] == 0x7f)
				return ERR_SYNTAX;
			part++;
			continue;
		}
		if (part == 0 || ++depth > NAMES_DEPTH_MAX)
			return ERR_SYNTAX;
		part = 0;
	}
	return ERR_OK;
}

bool
names_is_hidden(struct slice name)
{
	return slice_eq_str(name, STORE_ARRIVALS);
}

enum err
names_check_kept(struct slice *name)
{
	return names_is_hidden(*name) ? ERR_OK : names_check(name);
}

uint32_t
names_shown(struct op *op)
{
	struct name n;
	uint32_t hidden = names_find(op, SLICE_LIT(STORE_ARRIVALS), &n) == ERR_OK;

	return op->acc.mailbox_count - (op->acc.mailbox_count > 0 ? hidden : 0);
}

uint64_t
names_hash(const struct op *op, struct slice name)
{
	return hash_sip(op->acc.salt, name.p, name.n);
}

static struct kv_key
name_key(const struct op *op, struct slice name)
{
	return record_key_u64(op->account, 'N', names_hash(op, name));
}

enum err
names_find(struct op *op, struct slice name, struct name *out)
{
	struct kv_key k = name_key(op, name);
	struct slice v;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK ||
	    (e = record_name_read(&out->rec, v)) != ERR_OK)
		return e;
	/* Two names with one keyed hash: the second cannot be made. */
	if (!slice_eq(out->rec.name, name))
		return ERR_CONFLICT;
	memcpy(out->bytes, out->rec.name.p, out->rec.name.n);
	out->rec.name.p = out->bytes;
	return ERR_OK;
}

enum err
names_mailbox(struct op *op, struct slice name, uint32_t *mailbox)
{
	struct name n;
	enum err e;

	*mailbox = 0;
	if ((e = names_check(&name)) != ERR_OK || (e = names_find(op, name, &n)) != ERR_OK)
		return e;
	*mailbox = n.rec.mailbox;
	return n.rec.mailbox != 0 ? ERR_OK : ERR_NOTFOUND;
}

enum err
names_of(struct op *op, uint32_t mailbox, struct name *out)
{
	struct kv_key k = record_key_u32(op->account, 'B', mailbox);
	struct record_mailbox rec;
	struct slice v;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK || (e = record_mailbox_read(&rec, v)) != ERR_OK)
		return e;
	k = record_key_u64(op->account, 'N', rec.name_hash);
	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK || (e = record_name_read(&out->rec, v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	memcpy(out->bytes, out->rec.name.p, out->rec.name.n);
	out->rec.name.p = out->bytes;
	return out->rec.mailbox == mailbox ? ERR_OK : ERR_CORRUPT;
}

/* ---- listing ---- */

static struct names_entry *
list_add(struct names_list *l, struct slice name)
{
	size_t at = l->bytes.n;

	buf_put_slice(&l->bytes, name);
	if (l->bytes.full) {
		l->is_full = true;
		return NULL;
	}
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 32 : l->cap * 2;
		l->v = must_realloc(l->v, l->cap, sizeof(*l->v));
	}
	memset(&l->v[l->n], 0, sizeof(*l->v));
	/* An offset until the buffer is whole: it may still move. */
	l->v[l->n].name.p = (const char *)(uintptr_t)at;
	l->v[l->n].name.n = name.n;
	return &l->v[l->n++];
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct names_entry *x = a, *y = b;
	int c = slice_cmp(x->name, y->name);

	/* The one with a mailbox first: duplicates after it are dropped. */
	return c != 0 ? c : (x->mailbox == 0) - (y->mailbox == 0);
}

static void
sort_unique(struct names_list *l)
{
	size_t n = 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(l->v[0]), entry_cmp);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && slice_eq(l->v[n - 1].name, l->v[i].name))
			l->v[n - 1].is_subscribed |= l->v[i].is_subscribed;
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

static struct names_entry *
list_find(const struct names_list *l, struct slice name)
{
	size_t lo = 0, hi = l->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (slice_cmp(l->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && slice_eq(l->v[lo].name, name) ? &l->v[lo] : NULL;
}

static void
add_parents(struct names_list *l)
{
	size_t n = l->n;
	char name[RECORD_NAME_MAX];

	for (size_t i = 0; i < n && !l->is_full; i++) {
		struct slice s = slice_of(buf_data(&l->bytes) + (uintptr_t)l->v[i].name.p,
		    l->v[i].name.n);

		if (l->v[i].mailbox == 0)
			continue;
		/* A copy: adding may move the bytes. */
		memcpy(name, s.p, s.n);
		for (size_t j = 1; j < s.n; j++)
			if (name[j] == '/')
				(void)list_add(l, slice_of(name, j));
	}
}

enum err
names_load(struct op *op, struct names_list *l)
{
	struct kv_key at = record_key(op->account, 'N'), found;
	struct names_entry *entry, *parent;
	struct record_name r;
	struct slice v;
	enum err e;

	memset(l, 0, sizeof(*l));
	buf_init(&l->bytes, LIST_BYTES_MAX);
	while ((e = kv_find(op->txn, KV_GT, &at, NAME_PREFIX_BYTES, &found, &v)) == ERR_OK) {
		at = found;
		if (record_name_read(&r, v) != ERR_OK || r.name.n == 0)
			return ERR_CORRUPT;
		if ((entry = list_add(l, r.name)) == NULL)
			break;
		entry->mailbox = r.mailbox;
		entry->special = r.special;
		entry->is_subscribed = r.is_subscribed;
	}
	if (e != ERR_NOTFOUND && e != ERR_OK)
		return e;
	add_parents(l);
	if (l->is_full)
		return ERR_LIMIT;
	for (size_t i = 0; i < l->n; i++)
		l->v[i].name.p = buf_data(&l->bytes) + (uintptr_t)l->v[i].name.p;
	sort_unique(l);
	for (size_t i = 0; i < l->n; i++) {
		struct slice s = l->v[i].name;
		size_t slash;

		/* A parent's parent is told by the parent, down to the first level. */
		while (l->v[i].mailbox != 0 && (slash = slice_rfind(s, '/')) < s.n) {
			s.n = slash;
			if ((parent = list_find(l, s)) == NULL || parent->has_children)
				break;
			parent->has_children = true;
		}
	}
	return ERR_OK;
}

void
names_free(struct names_list *l)
{
	free(l->v);
	l->v = NULL;
	l->n = 0;
	buf_fini(&l->bytes);
}

bool
names_has_children(const struct names_list *l, struct slice name)
{
	const struct names_entry *e = list_find(l, name);

	return e != NULL && e->has_children;
}

/* ---- changing ---- */

void
names_put(struct op *op, const struct record_name *r)
{
	struct kv_key k = name_key(op, r->name);
	char mem[RECORD_MEM_BYTES];
	struct buf b;

	buf_lend(&b, mem, sizeof(mem));
	record_name_put(r, &b);
	op_put(op, &k, &b);
}

void
names_del(struct op *op, struct slice name)
{
	struct kv_key k = name_key(op, name);

	kv_del(op->txn, &k);
	op->acc.mailbox_count -= op->acc.mailbox_count > 0;
	op->is_dirty = true;
}

uint32_t
names_uidvalidity(struct op *op)
{
	uint64_t now = store_now_s(op->store);
	uint32_t v = op->acc.next_uidvalidity;

	/* From the clock, so that an account made anew does not repeat itself. */
	if (now > v && now < UINT32_MAX)
		v = (uint32_t)now;
	op->acc.next_uidvalidity = v + 1;
	op->is_dirty = true;
	return v;
}

static enum err
renew(struct op *op, struct box *b, uint32_t mailbox)
{
	enum err e = box_open(b, op->txn, op->account, mailbox);

	if (e == ERR_OK) {
		b->rec.uidvalidity = names_uidvalidity(op);
		b->is_dirty = true;
		e = box_flush(b);
	}
	box_close(b);
	return e;
}

enum err
names_renew(struct op *op)
{
	struct box *b = must_alloc(1, sizeof(*b));
	struct names_list l = { 0 };
	enum err e = names_load(op, &l);

	for (size_t i = 0; e == ERR_OK && i < l.n; i++)
		if (l.v[i].mailbox != 0)
			e = renew(op, b, l.v[i].mailbox);
	names_free(&l);
	free(b);
	return e;
}

enum err
names_create(struct op *op, struct slice name, uint32_t special, bool subscribe,
    uint64_t modseq, uint32_t *mailbox)
{
	struct box *b;
	struct name n;
	enum err e;

	e = names_find(op, name, &n);
	if (e == ERR_OK && n.rec.mailbox != 0)
		return ERR_EXISTS;
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if ((e == ERR_NOTFOUND && !(special & STORE_HIDDEN) &&
	    names_shown(op) >= op->store->mailbox_limit) ||
	    op->acc.next_mailbox == UINT32_MAX)
		return ERR_LIMIT;
	if (e == ERR_NOTFOUND) {
		memset(&n.rec, 0, sizeof(n.rec));
		op->acc.mailbox_count++;
	}
	n.rec.mailbox = *mailbox = op->acc.next_mailbox++;
	n.rec.special = special;
	n.rec.is_subscribed |= subscribe;
	n.rec.name = name;
	names_put(op, &n.rec);
	op->is_dirty = true;
	b = must_alloc(1, sizeof(*b));
	box_make(b, op->txn, op->account, *mailbox);
	b->rec.uidvalidity = names_uidvalidity(op);
	b->rec.uidnext = 1;
	b->rec.recent_uid = 1;
	b->rec.modseq = modseq;
	b->rec.special = special;
	b->rec.name_hash = names_hash(op, name);
	e = box_flush(b);
	box_close(b);
	free(b);
	return e;
}

enum err
names_defaults(struct op *op)
{
	uint64_t modseq;
	uint32_t id;
	enum err e;

	if (op->acc.has_mailboxes)
		return ERR_OK;
	modseq = op_modseq(op);
	for (size_t i = 0; i < lengthof(defaults); i++) {
		e = names_create(op, slice_str(defaults[i].name), defaults[i].special, true,
		    modseq, &id);
		if (e != ERR_OK && e != ERR_EXISTS)
			return e;
	}
	op->acc.has_mailboxes = true;
	return ERR_OK;
}
