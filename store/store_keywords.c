/* SPDX-License-Identifier: ISC */
#include "store/store_keywords.h"

#include <string.h>

/* The next NUL-terminated name; false at the end or when there is no NUL. */
static bool
next_name(struct slice *names, struct slice *name)
{
	size_t n = slice_find(*names, '\0');

	if (n >= names->n)
		return false;
	*name = slice_head(*names, n);
	*names = slice_from(*names, n + 1);
	return true;
}

/* RFC 9051 s9: flag-keyword is an atom. */
enum err
keywords_check(struct slice names)
{
	struct slice name;
	unsigned count = 0;

	while (next_name(&names, &name)) {
		if (name.n == 0)
			return ERR_VIOLATION;
		if (name.n > KEYWORD_MAX || ++count > KEYWORDS_GIVEN_MAX)
			return ERR_LIMIT;
		for (size_t i = 0; i < name.n; i++)
			if (name.p[i] <= ' ' || name.p[i] == 0x7f ||
			    strchr("(){%*\"\\]", name.p[i]) != NULL)
				return ERR_VIOLATION;
	}
	return names.n == 0 ? ERR_OK : ERR_VIOLATION;
}

/* The first part is as old as the store; the others came with wide pages. */
static struct kv_key
part_key(const struct op *op, uint32_t mailbox, size_t part)
{
	return part == 0 ? record_key_u32(op->account, 'K', mailbox) :
	    record_key_page(op->account, 'K', mailbox, (uint32_t)part);
}

enum err
keywords_load(struct op *op, uint32_t mailbox, struct buf *b)
{
	struct slice v = { NULL, KEYWORDS_PART_BYTES + 1 };
	struct kv_key k;
	enum err e;

	/* A part that is not full is the last. */
	for (size_t part = 0; v.n == KEYWORDS_PART_BYTES + 1; part++) {
		k = part_key(op, mailbox, part);
		if ((e = kv_get(op->txn, &k, &v)) != ERR_OK)
			return e == ERR_NOTFOUND ? ERR_OK : e;
		if (v.n < 1 || v.n > KEYWORDS_PART_BYTES + 1 || v.p[0] != 1)
			return ERR_CORRUPT;
		buf_put_slice(b, slice_from(v, 1));
		if (buf_err(b) != ERR_OK)
			return ERR_CORRUPT;
	}
	return ERR_OK;
}

struct slice
keywords_from(struct slice all, uint32_t n)
{
	struct slice name;

	while (n > 0 && next_name(&all, &name))
		n--;
	return all;
}

/* ---- numbers ---- */

enum err
keywords_open(struct op *op, uint32_t mailbox, struct keywords *k)
{
	struct slice all, name;
	enum err e;

	k->mailbox = mailbox;
	k->count = 0;
	buf_init(&k->names, STORE_KEYWORD_BYTES_MAX);
	if ((e = keywords_load(op, mailbox, &k->names)) != ERR_OK)
		return e;
	k->saved = k->names.n;
	for (all = buf_slice(&k->names); next_name(&all, &name); k->count++)
		;
	return all.n == 0 && k->count <= STORE_KEYWORDS_MAX ? ERR_OK : ERR_CORRUPT;
}

void
keywords_close(struct keywords *k)
{
	buf_fini(&k->names);
}

/* The number of a name; count when there is none. */
static unsigned
number_of(const struct keywords *k, struct slice name)
{
	struct slice all = buf_slice(&k->names), have;
	unsigned i = 0;

	/* RFC 9051 s2.3.2: keywords are case-insensitive. */
	while (next_name(&all, &have) && !slice_ieq(have, name))
		i++;
	return i;
}

static enum err
add_name(struct keywords *k, struct slice name)
{
	if (k->count >= STORE_KEYWORDS_MAX || k->names.n + name.n + 1 > STORE_KEYWORD_BYTES_MAX)
		return ERR_LIMIT;
	buf_put_slice(&k->names, name);
	buf_put_char(&k->names, '\0');
	k->count++;
	return ERR_OK;
}

enum err
keywords_join(struct keywords *k, struct slice names, bool add, struct flagset *f)
{
	struct slice name;
	unsigned i;
	enum err e;

	while (next_name(&names, &name)) {
		i = number_of(k, name);
		if (i == k->count && !add)
			continue;
		if (i == k->count && (e = add_name(k, name)) != ERR_OK)
			return e;
		flagset_add(f, i);
	}
	return ERR_OK;
}

void
keywords_save(struct op *op, struct keywords *k)
{
	struct slice all = buf_slice(&k->names), piece;
	size_t part = k->saved / KEYWORDS_PART_BYTES;
	struct kv_key key;
	struct buf b;

	if (k->saved == k->names.n)
		return;
	buf_init(&b, KEYWORDS_PART_BYTES + 1);
	/* Parts before are full and stay. */
	for (; part * KEYWORDS_PART_BYTES < all.n; part++) {
		piece = slice_head(slice_from(all, part * KEYWORDS_PART_BYTES), KEYWORDS_PART_BYTES);
		buf_reset(&b);
		buf_put_char(&b, 1);
		buf_put_slice(&b, piece);
		key = part_key(op, k->mailbox, part);
		op_put(op, &key, &b);
	}
	k->saved = k->names.n;
	buf_fini(&b);
}

enum err
keywords_flags(struct op *op, uint32_t mailbox, struct slice names, bool add, struct flagset *f)
{
	struct keywords k;
	enum err e;

	if (names.n == 0)
		return ERR_OK;
	if ((e = keywords_open(op, mailbox, &k)) == ERR_OK &&
	    (e = keywords_join(&k, names, add, f)) == ERR_OK)
		keywords_save(op, &k);
	keywords_close(&k);
	return e;
}

/* ---- from mailbox to mailbox ---- */

static void
fill_map(struct keywords *from, struct keywords *to, const struct flagset *used,
    struct keywords_map *map)
{
	struct slice all = buf_slice(&from->names), name;
	unsigned at;

	for (unsigned i = 0; next_name(&all, &name); i++) {
		if (!flagset_has(used, i))
			continue;
		at = number_of(to, name);
		if (at < to->count || add_name(to, name) == ERR_OK)
			map->to[i] = (uint16_t)(at + 1);
	}
}

enum err
keywords_map_make(struct op *op, uint32_t from, uint32_t to, const struct flagset *used,
    struct keywords_map *map)
{
	struct keywords source, target;
	enum err e;

	memset(map, 0, sizeof(*map));
	if (used->bits >> STORE_KEYWORD_SHIFT == 0 && used->n == 0)
		return ERR_OK;
	e = keywords_open(op, from, &source);
	if (e == ERR_OK) {
		if ((e = keywords_open(op, to, &target)) == ERR_OK) {
			fill_map(&source, &target, used, map);
			keywords_save(op, &target);
		}
		keywords_close(&target);
	}
	keywords_close(&source);
	return e;
}

struct flagset
keywords_map_flags(const struct keywords_map *map, const struct flagset *f)
{
	struct flagset out = { .bits = f->bits & STORE_SYSTEM };
	unsigned top = STORE_KEYWORD_COUNT + f->n * 8u;

	for (unsigned i = 0; i < top && i < STORE_KEYWORDS_MAX; i++)
		if (flagset_has(f, i) && map->to[i] != 0)
			flagset_add(&out, map->to[i] - 1u);
	return out;
}
