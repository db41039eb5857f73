/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_cache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/dns/dns_answer_priv.h"

struct entry {
	struct map_node	 node;
	struct list	 use;
	struct dns_answer *answer;
	uint64_t	 until_ms;
	enum dns_type	 type;
	size_t		 name_n;
	char		 name[];
};

static uint64_t
hash_key(struct slice name, enum dns_type type)
{
	return hash_slice(name) ^ hash_u64((uint64_t)type);
}

static size_t
entry_bytes(const struct entry *e)
{
	return sizeof(*e) + e->name_n + dns_answer_bytes(e->answer);
}

static void
drop(struct dns_cache *c, struct entry *e)
{
	c->bytes -= entry_bytes(e);
	map_remove(&c->map, &e->node);
	list_remove(&e->use);
	dns_answer_unref(&e->answer);
	free(e);
}

static void
shrink(struct dns_cache *c)
{
	struct list *oldest;

	while (c->map.count > c->count_max || c->bytes > c->bytes_max) {
		oldest = list_first(&c->by_use);
		must(oldest != NULL);
		drop(c, obj_of(oldest, struct entry, use));
	}
}

static struct entry *
find(const struct dns_cache *c, struct slice name, enum dns_type type)
{
	struct map_node *n;
	struct entry *e;

	for (n = map_first(&c->map, hash_key(name, type)); n != NULL;
	    n = map_next(n)) {
		e = obj_of(n, struct entry, node);
		if (e->type == type &&
		    slice_eq(slice_of(e->name, e->name_n), name))
			return e;
	}
	return NULL;
}

void
dns_cache_init(struct dns_cache *c, size_t count_max, size_t bytes_max)
{
	*c = (struct dns_cache){ .count_max = count_max, .bytes_max = bytes_max };
	map_init(&c->map);
	list_init(&c->by_use);
}

void
dns_cache_set_limit(struct dns_cache *c, size_t count_max)
{
	c->count_max = count_max;
	shrink(c);
}

void
dns_cache_clear(struct dns_cache *c)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &c->by_use)
		drop(c, obj_of(n, struct entry, use));
}

void
dns_cache_fini(struct dns_cache *c)
{
	dns_cache_clear(c);
	map_fini(&c->map);
}

void
dns_cache_put(struct dns_cache *c, struct slice name, enum dns_type type,
    const struct dns_answer *answer, uint64_t until_ms)
{
	struct entry *e = find(c, name, type);

	if (e != NULL)
		drop(c, e);
	e = must_alloc(1, sizeof(*e) + name.n);
	e->answer = dns_answer_ref(answer);
	e->until_ms = until_ms;
	e->type = type;
	e->name_n = name.n;
	memcpy(e->name, name.p, name.n);
	map_insert(&c->map, &e->node, hash_key(name, type));
	list_init(&e->use);
	list_push(&c->by_use, &e->use);
	c->bytes += entry_bytes(e);
	shrink(c);
}

const struct dns_answer *
dns_cache_find(struct dns_cache *c, struct slice name, enum dns_type type,
    uint64_t now_ms)
{
	struct entry *e = find(c, name, type);

	if (e == NULL)
		return NULL;
	if (e->until_ms <= now_ms) {
		drop(c, e);
		return NULL;
	}
	list_remove(&e->use);
	list_push(&c->by_use, &e->use);
	return e->answer;
}
