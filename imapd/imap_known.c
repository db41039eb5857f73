/* SPDX-License-Identifier: ISC */
#include "imapd/imap_known.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

struct imap_known {
	struct map	 map;
	struct list	 entries;	/* the oldest use first */
};

struct entry {
	struct map_node	 node;
	struct list	 link;
	uint64_t	 account;
	uint64_t	 pulse;
	size_t		 name_n;
	size_t		 bytes;
	struct ipc_store_selected m;
	char		 text[];	/* the name, the keywords */
};

struct imap_known *
imap_known_new(void)
{
	struct imap_known *k = must_alloc(1, sizeof(*k));

	map_init(&k->map);
	list_init(&k->entries);
	return k;
}

static uint64_t
hash_of(uint64_t account, struct slice name)
{
	return hash_u64(account) ^ hash_slice(name);
}

static struct entry *
find(const struct imap_known *k, uint64_t account, struct slice name)
{
	struct map_node *n = map_first(&k->map, hash_of(account, name));
	struct entry *e;

	for (; n != NULL; n = map_next(n)) {
		e = obj_of(n, struct entry, node);
		if (e->account == account && slice_eq(slice_of(e->text, e->name_n), name))
			return e;
	}
	return NULL;
}

static void
drop(struct imap_known *k, struct entry *e)
{
	map_remove(&k->map, &e->node);
	list_remove(&e->link);
	secret_wipe(e, e->bytes);
	free(e);
}

void
imap_known_forget(struct imap_known *k)
{
	struct list *l;

	while (k != NULL && (l = list_first(&k->entries)) != NULL)
		drop(k, obj_of(l, struct entry, link));
}

void
imap_known_free(struct imap_known **pk)
{
	struct imap_known *k = *pk;

	*pk = NULL;
	if (k == NULL)
		return;
	imap_known_forget(k);
	map_fini(&k->map);
	free(k);
}

static struct entry *
entry_new(uint64_t account, struct slice name, uint64_t pulse,
    const struct ipc_store_selected *m)
{
	size_t bytes = sizeof(struct entry) + name.n + m->keywords.n;
	struct entry *e = must_alloc(1, bytes);

	list_init(&e->link);
	e->bytes = bytes;
	e->account = account;
	e->pulse = pulse;
	e->name_n = name.n;
	e->m = *m;
	memcpy(e->text, name.p, name.n);
	if (m->keywords.n > 0)
		memcpy(e->text + name.n, m->keywords.p, m->keywords.n);
	e->m.keywords = slice_of(e->text + name.n, m->keywords.n);
	return e;
}

void
imap_known_keep(struct imap_known *k, uint64_t account, struct slice name, uint64_t pulse,
    const struct ipc_store_selected *m)
{
	struct entry *e;

	if (k == NULL || pulse == 0)
		return;
	if ((e = find(k, account, name)) != NULL)
		drop(k, e);
	if (m->recent > 0 || name.n == 0 || m->keywords.n > IMAP_KNOWN_KEYWORDS_MAX)
		return;
	if (k->map.count >= IMAP_KNOWN_MAX)
		drop(k, obj_of(list_first(&k->entries), struct entry, link));
	e = entry_new(account, name, pulse, m);
	map_insert(&k->map, &e->node, hash_of(account, name));
	list_push(&k->entries, &e->link);
}

const struct ipc_store_selected *
imap_known_find(struct imap_known *k, uint64_t account, struct slice name, uint64_t pulse)
{
	struct entry *e = k != NULL && pulse != 0 ? find(k, account, name) : NULL;

	if (e == NULL)
		return NULL;
	if (e->pulse != pulse) {
		drop(k, e);
		return NULL;
	}
	list_remove(&e->link);
	list_push(&k->entries, &e->link);
	return &e->m;
}
