/* SPDX-License-Identifier: ISC */
#include "store/store_keywords.h"

#include <string.h>

#include "lib/ipc/store_proto.h"

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
		if (name.n > KEYWORD_MAX || ++count > 4 * STORE_KEYWORD_COUNT)
			return ERR_LIMIT;
		for (size_t i = 0; i < name.n; i++)
			if (name.p[i] <= ' ' || name.p[i] == 0x7f ||
			    strchr("(){%*\"\\]", name.p[i]) != NULL)
				return ERR_VIOLATION;
	}
	return names.n == 0 ? ERR_OK : ERR_VIOLATION;
}

enum err
keywords_load(struct op *op, uint32_t mailbox, struct buf *b)
{
	struct kv_key k = record_key_u32(op->account, 'K', mailbox);
	struct slice v;
	enum err e = kv_get(op->txn, &k, &v);

	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (v.n < 1 || v.n > KEYWORDS_BYTES_MAX + 1 || v.p[0] != 1)
		return ERR_CORRUPT;
	buf_put_slice(b, slice_from(v, 1));
	return buf_err(b);
}

/* The place of a name, or the number of names. */
static unsigned
place_of(struct slice all, struct slice name, bool *found)
{
	struct slice have;
	unsigned i = 0;

	*found = false;
	while (i < STORE_KEYWORD_COUNT && next_name(&all, &have)) {
		/* RFC 9051 s2.3.2: keywords are case-insensitive. */
		if (slice_ieq(have, name)) {
			*found = true;
			return i;
		}
		i++;
	}
	return i;
}

static void
save(struct op *op, uint32_t mailbox, const struct buf *all)
{
	struct kv_key k = record_key_u32(op->account, 'K', mailbox);
	struct buf b;

	buf_init(&b, KEYWORDS_BYTES_MAX + 1);
	buf_put_char(&b, 1);
	buf_put_slice(&b, buf_slice(all));
	op_put(op, &k, &b);
	buf_fini(&b);
}

enum err
keywords_bits(struct op *op, uint32_t mailbox, struct slice names, bool add, uint32_t *bits)
{
	bool found, changed = false;
	struct slice name;
	struct buf all;
	unsigned i;
	enum err e;

	*bits = 0;
	if (names.n == 0)
		return ERR_OK;
	buf_init(&all, KEYWORDS_BYTES_MAX);
	e = keywords_load(op, mailbox, &all);
	while (e == ERR_OK && next_name(&names, &name)) {
		i = place_of(buf_slice(&all), name, &found);
		if (!found && !add)
			continue;
		if (!found) {
			buf_put_slice(&all, name);
			buf_put_char(&all, '\0');
			changed = true;
			if (i >= STORE_KEYWORD_COUNT || all.full) {
				e = ERR_LIMIT;
				break;
			}
		}
		*bits |= 1u << (STORE_KEYWORD_SHIFT + i);
	}
	if (e == ERR_OK && changed)
		save(op, mailbox, &all);
	buf_fini(&all);
	return e;
}

struct slice
keywords_from(struct slice all, uint32_t n)
{
	struct slice name;

	while (n > 0 && next_name(&all, &name))
		n--;
	return all;
}

void
keywords_names(struct slice all, uint32_t bits, struct buf *names)
{
	struct slice name;

	for (unsigned i = 0; i < STORE_KEYWORD_COUNT && next_name(&all, &name); i++) {
		if (!(bits >> (STORE_KEYWORD_SHIFT + i) & 1))
			continue;
		buf_put_slice(names, name);
		buf_put_char(names, '\0');
	}
}
