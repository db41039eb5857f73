/* SPDX-License-Identifier: ISC */
#include "keyd/key_ring.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_journal.h"
#include "keyd/key_record.h"
#include "lib/base/must.h"
#include "lib/base/own.h"
#include "lib/base/secret.h"

enum { ID_SHIFT = 20 };

struct value {
	struct list	 link;
	uint32_t	 number;
	size_t		 n;
	char		 bytes[KEY_VALUE_MAX];
};

struct key_ring {
	struct key_journal	*journal;
	struct map		 by_id;
	struct map		 by_address;
	struct map		 aliases;
	struct list		 accounts;
	struct list		 alias_list;
	struct list		 values;
	size_t			 value_count;
	struct list		 secrets;
	size_t			 secret_count;
	struct key_prints	 prints;
	uint64_t		 next_id;
	uint32_t		 serial;
	struct buf		 record;
};

/* ---- look */

struct key_account *
key_ring_find(const struct key_ring *r, uint64_t id)
{
	struct map_node *n;

	for (n = map_first(&r->by_id, hash_u64(id)); n != NULL; n = map_next(n)) {
		struct key_account *a = obj_of(n, struct key_account, by_id);

		if (a->id == id)
			return a;
	}
	return NULL;
}

struct key_account *
key_ring_find_address(const struct key_ring *r, struct slice address)
{
	struct map_node *n;

	for (n = map_first(&r->by_address, hash_slice(address)); n != NULL; n = map_next(n)) {
		struct key_account *a = obj_of(n, struct key_account, by_address);

		if (slice_eq(a->address, address))
			return a;
	}
	return NULL;
}

struct key_alias *
key_ring_find_alias(const struct key_ring *r, struct slice address)
{
	struct map_node *n;

	for (n = map_first(&r->aliases, hash_slice(address)); n != NULL; n = map_next(n)) {
		struct key_alias *a = obj_of(n, struct key_alias, by_address);

		if (slice_eq(a->address, address))
			return a;
	}
	return NULL;
}

size_t
key_ring_count(const struct key_ring *r)
{
	return r->by_id.count;
}

uint64_t
key_ring_next_id(const struct key_ring *r)
{
	return r->next_id;
}

struct key_account *
key_ring_next(const struct key_ring *r, const struct key_account *a)
{
	struct list *l = a == NULL ? list_first(&r->accounts) :
	    list_next(&r->accounts, &a->link);

	return l != NULL ? obj_of(l, struct key_account, link) : NULL;
}

struct key_alias *
key_ring_next_alias(const struct key_ring *r, const struct key_alias *a)
{
	struct list *l = a == NULL ? list_first(&r->alias_list) :
	    list_next(&r->alias_list, &a->link);

	return l != NULL ? obj_of(l, struct key_alias, link) : NULL;
}

struct key_account *
key_ring_prev(const struct key_ring *r, const struct key_account *a)
{
	return a->link.prev != &r->accounts ?
	    obj_of(a->link.prev, struct key_account, link) : NULL;
}

struct key_alias *
key_ring_prev_alias(const struct key_ring *r, const struct key_alias *a)
{
	return a->link.prev != &r->alias_list ?
	    obj_of(a->link.prev, struct key_alias, link) : NULL;
}

static struct value *
value_find(const struct key_ring *r, uint32_t number)
{
	struct list *l;

	for (l = list_first(&r->values); l != NULL; l = list_next(&r->values, l)) {
		struct value *v = obj_of(l, struct value, link);

		if (v->number == number)
			return v;
	}
	return NULL;
}

struct slice
key_ring_value(const struct key_ring *r, uint32_t number)
{
	const struct value *v = value_find(r, number);

	return v != NULL ? slice_of(v->bytes, v->n) : SLICE_NONE;
}

struct key_secret *
key_ring_next_secret(const struct key_ring *r, const struct key_secret *s)
{
	struct list *l = s == NULL ? list_first(&r->secrets) : list_next(&r->secrets, &s->link);

	return l != NULL ? obj_of(l, struct key_secret, link) : NULL;
}

struct key_secret *
key_ring_find_secret(const struct key_ring *r, struct slice name)
{
	struct key_secret *s = NULL;

	while ((s = key_ring_next_secret(r, s)) != NULL)
		if (slice_eq(s->name, name))
			return s;
	return NULL;
}

const struct key_prints *
key_ring_prints(const struct key_ring *r)
{
	return &r->prints;
}

bool
key_ring_is_new(const struct key_ring *r)
{
	return key_journal_is_new(r->journal);
}

uint64_t
key_ring_torn_bytes(const struct key_ring *r)
{
	return key_journal_torn_bytes(r->journal);
}

/* ---- what a record does to the memory; the same at start and later */

static void
account_unlink(struct key_ring *r, struct key_account *a)
{
	key_prints_drop_account(&r->prints, a->id);
	map_remove(&r->by_id, &a->by_id);
	map_remove(&r->by_address, &a->by_address);
	list_remove(&a->link);
	own_free(&a->address);
	own_free(&a->more);
	secret_wipe(a, sizeof(*a));
	free(a);
}

static struct key_account *
account_apply(struct key_ring *r, const struct key_account *from)
{
	struct key_account *a = key_ring_find(r, from->id), old;
	struct slice more = own_slice(from->more);

	if (a == NULL) {
		a = must_alloc(1, sizeof(*a));
		*a = *from;
		a->session_count = 0;
		a->address = own_slice(from->address);
		map_insert(&r->by_id, &a->by_id, hash_u64(a->id));
		map_insert(&r->by_address, &a->by_address, hash_slice(a->address));
		list_push(&r->accounts, &a->link);
	} else {
		old = *a;
		*a = *from;
		a->by_id = old.by_id;
		a->by_address = old.by_address;
		a->link = old.link;
		a->address = old.address;	/* an address never changes */
		a->session_count = old.session_count;
		own_free(&old.more);
	}
	a->more = more;
	a->serial = ++r->serial;
	if (r->next_id <= a->id)
		r->next_id = a->id + 1;
	return a;
}

static void
alias_apply(struct key_ring *r, struct slice address, struct slice targets)
{
	struct key_alias *a = key_ring_find_alias(r, address);
	struct slice fresh = own_slice(targets);

	if (a == NULL && targets.n > 0) {
		a = must_alloc(1, sizeof(*a));
		a->address = own_slice(address);
		map_insert(&r->aliases, &a->by_address, hash_slice(a->address));
		list_push(&r->alias_list, &a->link);
	}
	if (a == NULL)
		return;
	own_free(&a->targets);
	a->targets = fresh;
	if (targets.n > 0)
		return;
	map_remove(&r->aliases, &a->by_address);
	list_remove(&a->link);
	own_free(&a->address);
	free(a);
}

static void
value_apply(struct key_ring *r, uint32_t number, struct slice s)
{
	struct value *v = value_find(r, number);

	if (v == NULL) {
		v = must_alloc(1, sizeof(*v));
		v->number = number;
		list_push(&r->values, &v->link);
		r->value_count++;
	}
	memcpy(v->bytes, s.p, s.n);
	v->n = s.n;
}

static void
secret_apply(struct key_ring *r, struct slice name, struct slice wrapped)
{
	struct key_secret *s = key_ring_find_secret(r, name);
	struct slice fresh = wrapped.n > 0 ? own_slice(wrapped) : SLICE_NONE;

	if (s == NULL && wrapped.n > 0) {
		s = must_alloc(1, sizeof(*s));
		s->name = own_slice(name);
		list_push(&r->secrets, &s->link);
		r->secret_count++;
	}
	if (s == NULL)
		return;
	own_free(&s->wrapped);
	s->wrapped = fresh;
	if (fresh.n > 0)
		return;
	list_remove(&s->link);
	own_free(&s->name);
	free(s);
	r->secret_count--;
}

/* What is wrong with adding it or, with account 0, with its end. */
static enum err
print_fault(const struct key_ring *r, const struct key_print *p)
{
	if (p->account == 0)
		return key_prints_find(&r->prints, p->bytes) != NULL ? ERR_OK : ERR_NOTFOUND;
	return key_ring_find(r, p->account) != NULL ? key_prints_may_add(&r->prints, p) :
	    ERR_NOTFOUND;
}

static void
print_apply(struct key_ring *r, const struct key_print *p)
{
	if (p->account == 0)
		key_prints_drop(&r->prints, p->bytes);
	else
		key_prints_add(&r->prints, p);
}

static enum err
record_apply(void *arg, struct slice bytes)
{
	struct key_ring *r = arg;
	struct key_account *a;
	struct key_record m;
	enum err e = key_record_get(&m, bytes);

	if (e != ERR_OK)
		return e;
	switch (m.type) {
	case KEY_RECORD_ACCOUNT:
	case KEY_RECORD_ACCOUNT_2:
		a = key_ring_find_address(r, m.account.address);
		if (a != NULL && a->id != m.account.id)
			return ERR_CORRUPT;
		(void)account_apply(r, &m.account);
		break;
	case KEY_RECORD_ACCOUNT_GONE:
		a = key_ring_find(r, m.id);
		if (a == NULL)
			return ERR_CORRUPT;
		account_unlink(r, a);
		break;
	case KEY_RECORD_ALIAS:
		alias_apply(r, m.address, m.targets);
		break;
	case KEY_RECORD_NEXT_ID:
		if (r->next_id < m.id)
			r->next_id = m.id;
		break;
	case KEY_RECORD_VALUE:
		if (r->value_count >= KEY_VALUES_MAX)
			return ERR_CORRUPT;
		value_apply(r, m.number, m.value);
		break;
	case KEY_RECORD_SECRET:
		if (r->secret_count >= KEY_SECRETS_MAX &&
		    key_ring_find_secret(r, m.name) == NULL)
			return ERR_CORRUPT;
		secret_apply(r, m.name, m.value);
		break;
	case KEY_RECORD_PRINT:
		if (print_fault(r, &m.print) != ERR_OK)
			return ERR_CORRUPT;
		print_apply(r, &m.print);
		break;
	}
	return ERR_OK;
}

/* ---- make */

static const char *
why_text(enum err e)
{
	if (e == ERR_DENIED)
		return "keys/ring was made under another root key: put back the right "
		    "key_root_file, or the keys directory that belongs to it";
	if (e == ERR_CORRUPT)
		return "keys/ring is damaged: restore it from a backup";
	if (e == ERR_VERSION)
		return "keys/ring has a format of a later version";
	return "keys/ring cannot be read";
}

enum err
key_ring_open(struct key_ring **rp, int dir_fd, const unsigned char key[32],
    uint64_t now_s, const char **why)
{
	struct key_ring *r = must_alloc(1, sizeof(*r));
	enum err e;

	map_init(&r->by_id);
	map_init(&r->by_address);
	map_init(&r->aliases);
	list_init(&r->accounts);
	list_init(&r->alias_list);
	list_init(&r->values);
	list_init(&r->secrets);
	key_prints_init(&r->prints);
	buf_init(&r->record, KEY_JOURNAL_RECORD_MAX);
	e = key_journal_open(&r->journal, dir_fd, "ring", key, record_apply, r);
	if (e == ERR_OK && r->next_id == 0) {
		r->next_id = now_s << ID_SHIFT;
		key_record_put_next_id(&r->record, r->next_id);
		e = key_journal_append(r->journal, buf_slice(&r->record));
	}
	*why = why_text(e);
	if (e != ERR_OK)
		key_ring_free(&r);
	*rp = r;
	return e;
}

void
key_ring_free(struct key_ring **rp)
{
	struct key_ring *r = *rp;
	struct list *l;

	if (r == NULL)
		return;
	while ((l = list_first(&r->accounts)) != NULL)
		account_unlink(r, obj_of(l, struct key_account, link));
	while ((l = list_first(&r->alias_list)) != NULL)
		alias_apply(r, obj_of(l, struct key_alias, link)->address, SLICE_NONE);
	while ((l = list_first(&r->values)) != NULL) {
		list_remove(l);
		free(obj_of(l, struct value, link));
	}
	while ((l = list_first(&r->secrets)) != NULL)
		secret_apply(r, obj_of(l, struct key_secret, link)->name, SLICE_NONE);
	key_prints_fini(&r->prints);
	map_fini(&r->by_id);
	map_fini(&r->by_address);
	map_fini(&r->aliases);
	key_journal_free(&r->journal);
	buf_fini(&r->record);
	free(r);
	*rp = NULL;
}

/* ---- change */

static enum err
rewrite_all(struct key_ring *r)
{
	const struct key_account *a = NULL;
	const struct key_alias *al = NULL;
	const struct key_secret *s = NULL;
	const struct key_print *p = NULL;
	struct list *l;
	enum err e = key_journal_rewrite_begin(r->journal);

#define WRITE(put)	do {							\
	buf_reset(&r->record);							\
	put;									\
	e = key_journal_rewrite_put(r->journal, buf_slice(&r->record));		\
} while (0)
	if (e == ERR_OK)
		WRITE(key_record_put_next_id(&r->record, r->next_id));
	while (e == ERR_OK && (a = key_ring_next(r, a)) != NULL)
		WRITE(key_record_put_account(&r->record, a));
	while (e == ERR_OK && (al = key_ring_next_alias(r, al)) != NULL)
		WRITE(key_record_put_alias(&r->record, al->address, al->targets));
	for (l = list_first(&r->values); e == ERR_OK && l != NULL; l = list_next(&r->values, l)) {
		const struct value *v = obj_of(l, struct value, link);

		WRITE(key_record_put_value(&r->record, v->number, slice_of(v->bytes, v->n)));
	}
	while (e == ERR_OK && (s = key_ring_next_secret(r, s)) != NULL)
		WRITE(key_record_put_secret(&r->record, s->name, s->wrapped));
	while (e == ERR_OK && (p = key_prints_next(&r->prints, p)) != NULL)
		WRITE(key_record_put_print(&r->record, p));
#undef WRITE
	return e == ERR_OK ? key_journal_rewrite_end(r->journal) : e;
}

/* Make what is in r->record durable. */
static enum err
record_append(struct key_ring *r)
{
	enum err e = buf_err(&r->record);

	if (e == ERR_OK)
		e = key_journal_append(r->journal, buf_slice(&r->record));
	return e;
}

/* Behind a change: it is durable already, so a full disk here is no error. */
static void
shorten(struct key_ring *r)
{
	enum err e;

	if (!key_journal_is_long(r->journal))
		return;
	e = rewrite_all(r);
	(void)e;
}

enum err
key_ring_rewrite(struct key_ring *r)
{
	return rewrite_all(r);
}

enum err
key_ring_put(struct key_ring *r, const struct key_account *from, struct key_account **out)
{
	struct key_account a = *from, *in;
	enum err e;

	if (a.address.n == 0 || a.address.n > KEY_ADDRESS_MAX)
		return ERR_SYNTAX;
	if (a.id == 0) {
		if (key_ring_find_address(r, a.address) != NULL ||
		    key_ring_find_alias(r, a.address) != NULL)
			return ERR_EXISTS;
		if (key_ring_count(r) >= KEY_ACCOUNTS_MAX)
			return ERR_LIMIT;
		a.id = r->next_id;
	} else if (key_ring_find(r, a.id) == NULL) {
		return ERR_NOTFOUND;
	}
	buf_reset(&r->record);
	key_record_put_account(&r->record, &a);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	in = account_apply(r, &a);
	shorten(r);
	if (out != NULL)
		*out = in;
	return ERR_OK;
}

enum err
key_ring_remove(struct key_ring *r, uint64_t id)
{
	struct key_account *a = key_ring_find(r, id);
	enum err e;

	if (a == NULL)
		return ERR_NOTFOUND;
	buf_reset(&r->record);
	key_record_put_gone(&r->record, id);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	account_unlink(r, a);
	shorten(r);
	return ERR_OK;
}

enum err
key_ring_put_alias(struct key_ring *r, struct slice address, struct slice targets)
{
	enum err e;

	if (address.n == 0 || address.n > KEY_ADDRESS_MAX || targets.n > KEY_TARGETS_MAX)
		return ERR_LIMIT;
	if (targets.n > 0 && key_ring_find_address(r, address) != NULL)
		return ERR_EXISTS;
	if (targets.n == 0 && key_ring_find_alias(r, address) == NULL)
		return ERR_NOTFOUND;
	buf_reset(&r->record);
	key_record_put_alias(&r->record, address, targets);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	alias_apply(r, address, targets);
	shorten(r);
	return ERR_OK;
}

enum err
key_ring_put_value(struct key_ring *r, uint32_t number, struct slice s)
{
	enum err e;

	if (s.n == 0 || s.n > KEY_VALUE_MAX)
		return ERR_LIMIT;
	if (value_find(r, number) == NULL && r->value_count >= KEY_VALUES_MAX)
		return ERR_LIMIT;
	buf_reset(&r->record);
	key_record_put_value(&r->record, number, s);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	value_apply(r, number, s);
	shorten(r);
	return ERR_OK;
}

enum err
key_ring_put_secret(struct key_ring *r, struct slice name, struct slice wrapped)
{
	bool is_known = key_ring_find_secret(r, name) != NULL;
	enum err e;

	if (name.n == 0 || name.n > KEY_SECRET_NAME_MAX || wrapped.n > KEY_SECRET_WRAPPED_MAX)
		return ERR_LIMIT;
	if (wrapped.n == 0 && !is_known)
		return ERR_NOTFOUND;
	if (!is_known && r->secret_count >= KEY_SECRETS_MAX)
		return ERR_LIMIT;
	buf_reset(&r->record);
	key_record_put_secret(&r->record, name, wrapped);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	secret_apply(r, name, wrapped);
	shorten(r);
	return ERR_OK;
}

static enum err
put_print(struct key_ring *r, const struct key_print *p)
{
	enum err e = print_fault(r, p);

	if (e != ERR_OK)
		return e;
	buf_reset(&r->record);
	key_record_put_print(&r->record, p);
	e = record_append(r);
	if (e != ERR_OK)
		return e;
	print_apply(r, p);
	shorten(r);
	return ERR_OK;
}

enum err
key_ring_add_print(struct key_ring *r, const struct key_print *p)
{
	return p->account != 0 ? put_print(r, p) : ERR_NOTFOUND;
}

enum err
key_ring_drop_print(struct key_ring *r, const unsigned char bytes[KEY_PRINT_BYTES])
{
	struct key_print gone = { .account = 0 };

	memcpy(gone.bytes, bytes, KEY_PRINT_BYTES);
	return put_print(r, &gone);
}
