/* SPDX-License-Identifier: ISC */
/*
 * Record:	u8 1, u64 keep until, u16 length and name, u16 length and bytes;
 *		no bytes: the name is gone
 */
#include "keyd/key_book.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_journal.h"
#include "lib/base/buf.h"
#include "lib/base/must.h"
#include "lib/base/own.h"
#include "lib/ipc/ipc_codec.h"

enum { RECORD_ENTRY = 1, RECORD_MAX = 1 + 8 + 2 + KEY_BOOK_NAME_MAX + 2 + KEY_BOOK_BYTES_MAX };

struct key_book {
	struct key_journal	*journal;
	struct map		 by_name;
	struct list		 entries;
	struct buf		 record;
};

/* ---- look */

static struct key_book_entry *
find(const struct key_book *b, struct slice name)
{
	struct map_node *n;

	for (n = map_first(&b->by_name, hash_slice(name)); n != NULL; n = map_next(n)) {
		struct key_book_entry *e = obj_of(n, struct key_book_entry, by_name);

		if (slice_eq(e->name, name))
			return e;
	}
	return NULL;
}

const struct key_book_entry *
key_book_find(const struct key_book *b, struct slice name)
{
	return find(b, name);
}

static void
touch(struct key_book *b, struct key_book_entry *e)
{
	list_remove(&e->link);
	list_push(&b->entries, &e->link);
}

void
key_book_touch(struct key_book *b, struct slice name)
{
	struct key_book_entry *e = find(b, name);

	if (e != NULL)
		touch(b, e);
}

size_t
key_book_count(const struct key_book *b)
{
	return b->by_name.count;
}

const struct key_book_entry *
key_book_next(const struct key_book *b, const struct key_book_entry *e)
{
	struct list *l = e == NULL ? list_first(&b->entries) : list_next(&b->entries, &e->link);

	return l != NULL ? obj_of(l, struct key_book_entry, link) : NULL;
}

uint64_t
key_book_torn_bytes(const struct key_book *b)
{
	return key_journal_torn_bytes(b->journal);
}

/* ---- records */

static void
entry_drop(struct key_book *b, struct key_book_entry *e)
{
	map_remove(&b->by_name, &e->by_name);
	list_remove(&e->link);
	own_free(&e->name);
	own_free(&e->bytes);
	free(e);
}

/* What a record does to the memory; the same at start and later. */
static void
apply(struct key_book *b, struct slice name, struct slice bytes, uint64_t keep_until_s)
{
	struct key_book_entry *e = find(b, name);

	if (bytes.n == 0) {
		if (e != NULL)
			entry_drop(b, e);
		return;
	}
	if (e == NULL) {
		e = must_alloc(1, sizeof(*e));
		list_init(&e->link);
		e->name = own_slice(name);
		map_insert(&b->by_name, &e->by_name, hash_slice(e->name));
	}
	own_free(&e->bytes);
	e->bytes = own_slice(bytes);
	e->keep_until_s = keep_until_s;
	touch(b, e);
}

static struct slice
record_of(struct buf *b, struct slice name, struct slice bytes, uint64_t keep_until_s)
{
	buf_reset(b);
	ipc_put_u8(b, RECORD_ENTRY);
	ipc_put_u64(b, keep_until_s);
	ipc_put_var(b, name, KEY_BOOK_NAME_MAX);
	ipc_put_var(b, bytes, KEY_BOOK_BYTES_MAX);
	must(buf_err(b) == ERR_OK);
	return buf_slice(b);
}

static enum err
on_record(void *arg, struct slice record)
{
	struct ipc_reader r = ipc_reader_of(record);
	bool is_entry = ipc_get_u8(&r) == RECORD_ENTRY;
	uint64_t keep_until_s = ipc_get_u64(&r);
	struct slice name = ipc_get_var(&r, KEY_BOOK_NAME_MAX);
	struct slice bytes = ipc_get_var(&r, KEY_BOOK_BYTES_MAX);

	if (ipc_reader_done(&r) != ERR_OK || !is_entry || name.n == 0)
		return ERR_CORRUPT;
	apply(arg, name, bytes, keep_until_s);
	return ERR_OK;
}

/* ---- make */

static const char *
why_text(enum err e)
{
	if (e == ERR_DENIED)
		return "made under another root key: put back the right key_root_file, or the "
		    "keys directory that belongs to it";
	if (e == ERR_CORRUPT)
		return "damaged: restore it from a backup";
	if (e == ERR_VERSION)
		return "of a format of a later version";
	return "cannot be read";
}

enum err
key_book_open(struct key_book **bp, int dir_fd, const char *file, const unsigned char key[32],
    const char **why)
{
	struct key_book *b = must_alloc(1, sizeof(*b));
	enum err e;

	map_init(&b->by_name);
	list_init(&b->entries);
	buf_init(&b->record, RECORD_MAX);
	e = key_journal_open(&b->journal, dir_fd, file, key, on_record, b);
	*why = why_text(e);
	if (e != ERR_OK)
		key_book_free(&b);
	*bp = b;
	return e;
}

void
key_book_free(struct key_book **bp)
{
	struct key_book *b = *bp;
	struct list *l;

	if (b == NULL)
		return;
	while ((l = list_first(&b->entries)) != NULL)
		entry_drop(b, obj_of(l, struct key_book_entry, link));
	map_fini(&b->by_name);
	key_journal_free(&b->journal);
	buf_fini(&b->record);
	free(b);
	*bp = NULL;
}

/* ---- change */

/* Behind a change: it is durable already, so a full disk here is no error. */
static void
shorten(struct key_book *b)
{
	const struct key_book_entry *it = NULL;
	enum err e;

	if (!key_journal_is_long(b->journal))
		return;
	e = key_journal_rewrite_begin(b->journal);
	while (e == ERR_OK && (it = key_book_next(b, it)) != NULL)
		e = key_journal_rewrite_put(b->journal,
		    record_of(&b->record, it->name, it->bytes, it->keep_until_s));
	if (e == ERR_OK)
		e = key_journal_rewrite_end(b->journal);
	(void)e;
}

static enum err
write_entry(struct key_book *b, struct slice name, struct slice bytes, uint64_t keep_until_s)
{
	enum err e = key_journal_append(b->journal,
	    record_of(&b->record, name, bytes, keep_until_s));

	if (e == ERR_OK)
		apply(b, name, bytes, keep_until_s);
	return e;
}

/* The one that was used the longest ago and need not be kept; NULL. */
static struct key_book_entry *
oldest(const struct key_book *b, uint64_t now_s)
{
	const struct list *l;

	for (l = b->entries.next; l != &b->entries; l = l->next) {
		struct key_book_entry *e = obj_of(l, struct key_book_entry, link);

		if (e->keep_until_s <= now_s)
			return e;
	}
	return NULL;
}

static enum err
make_room(struct key_book *b, const struct key_book_put *p)
{
	struct key_book_entry *e = oldest(b, p->now_s);
	struct slice name;
	enum err result;

	if (e == NULL)
		return ERR_FULL;
	name = own_slice(e->name);
	result = write_entry(b, name, SLICE_NONE, 0);
	own_free(&name);
	return result;
}

enum err
key_book_put(struct key_book *b, const struct key_book_put *p)
{
	bool is_known = find(b, p->name) != NULL;
	enum err e = ERR_OK;

	if (p->name.n == 0 || p->name.n > KEY_BOOK_NAME_MAX || p->bytes.n > KEY_BOOK_BYTES_MAX)
		return ERR_LIMIT;
	if (!is_known && p->bytes.n == 0)
		return ERR_OK;
	while (e == ERR_OK && !is_known && key_book_count(b) >= p->max)
		e = make_room(b, p);
	if (e == ERR_OK)
		e = write_entry(b, p->name, p->bytes, p->keep_until_s);
	if (e == ERR_OK)
		shorten(b);
	return e;
}
