/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_known.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp_wire.h"

/* Of one kind of what is known, by "user@domain" or "@domain". */
struct entry {
	struct map_node		 node;
	struct list		 used;		/* the most lately used last */
	uint64_t		 ends_ms;
	uint64_t		 ends_s;	/* unix time */
	unsigned char		 server_sign[CRY_KEY_BYTES];
	struct dlv_known_key	 key;
	struct dlv_known_own	 own;
	size_t			 name_n;
	char			 name[];
};

struct table {
	struct map	 by_name;
	struct list	 used;
};

struct dlv_known {
	struct table	 keys;
	struct table	 own;
};

struct name {
	size_t		 n;
	char		 p[2 * CMTP_PARAM_MAX + 1];
};

static bool
name_of(struct name *name, struct slice user, struct slice domain)
{
	if (user.n > CMTP_PARAM_MAX || domain.n > CMTP_PARAM_MAX)
		return false;
	if (user.n > 0)
		memcpy(name->p, user.p, user.n);
	name->p[user.n] = '@';
	if (domain.n > 0)
		memcpy(name->p + user.n + 1, domain.p, domain.n);
	name->n = user.n + 1 + domain.n;
	return true;
}

static void
table_init(struct table *t)
{
	map_init(&t->by_name);
	list_init(&t->used);
}

static void
drop(struct table *t, struct entry *e)
{
	if (e == NULL)
		return;
	map_remove(&t->by_name, &e->node);
	list_remove(&e->used);
	secret_wipe(&e->key.seed, sizeof(e->key.seed));
	free(e);
}

static void
table_fini(struct table *t)
{
	struct list *n;

	while ((n = list_first(&t->used)) != NULL)
		drop(t, obj_of(n, struct entry, used));
	map_fini(&t->by_name);
}

static struct entry *
find(const struct table *t, const struct name *name)
{
	struct slice s = slice_of(name->p, name->n);
	struct map_node *n;

	for (n = map_first(&t->by_name, hash_slice(s)); n != NULL; n = map_next(n)) {
		struct entry *e = obj_of(n, struct entry, node);

		if (slice_eq(slice_of(e->name, e->name_n), s))
			return e;
	}
	return NULL;
}

/* The one that is good now, as the most lately used. */
static struct entry *
use(struct table *t, const struct name *name, const struct dlv_known_now *now)
{
	struct entry *e = find(t, name);

	if (e == NULL)
		return NULL;
	if (now->ms >= e->ends_ms || now->real_s >= e->ends_s) {
		drop(t, e);
		return NULL;
	}
	list_remove(&e->used);
	list_push(&t->used, &e->used);
	return e;
}

static struct entry *
put(struct table *t, const struct name *name, const struct dlv_known_now *now)
{
	struct entry *e;

	drop(t, find(t, name));
	if (t->by_name.count >= DLV_KNOWN_MAX)
		drop(t, obj_of(list_first(&t->used), struct entry, used));
	e = must_alloc(1, sizeof(*e) + name->n);
	e->ends_ms = now->ms + DLV_KNOWN_MS;
	e->ends_s = UINT64_MAX;
	e->name_n = name->n;
	memcpy(e->name, name->p, name->n);
	list_init(&e->used);
	list_push(&t->used, &e->used);
	map_insert(&t->by_name, &e->node, hash_slice(slice_of(name->p, name->n)));
	return e;
}

struct dlv_known *
dlv_known_new(void)
{
	struct dlv_known *k = must_alloc(1, sizeof(*k));

	table_init(&k->keys);
	table_init(&k->own);
	return k;
}

void
dlv_known_free(struct dlv_known **kp)
{
	struct dlv_known *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	table_fini(&k->keys);
	table_fini(&k->own);
	free(k);
}

enum err
dlv_known_put(struct dlv_known *k, const struct dlv_known_whose *w, const struct cmtp_key *key,
    const struct dlv_known_now *now)
{
	struct epoch_seed seed;
	struct name name;
	struct entry *e;
	enum err r;

	if (!name_of(&name, w->user, w->domain))
		return ERR_LIMIT;
	if ((r = epoch_seed_make(&seed, key->seal)) != ERR_OK)
		return r;
	e = put(&k->keys, &name, now);
	e->ends_s = key->expires_s;
	memcpy(e->server_sign, w->server_sign, sizeof(e->server_sign));
	e->key.generation = (uint8_t)key->generation;
	memcpy(e->key.seal, key->seal, sizeof(e->key.seal));
	e->key.seed = seed;
	secret_wipe(&seed, sizeof(seed));
	return ERR_OK;
}

const struct dlv_known_key *
dlv_known_find(struct dlv_known *k, const struct dlv_known_whose *w,
    const struct dlv_known_now *now)
{
	struct name name;
	struct entry *e;

	if (!name_of(&name, w->user, w->domain) || (e = use(&k->keys, &name, now)) == NULL)
		return NULL;
	if (memcmp(e->server_sign, w->server_sign, sizeof(e->server_sign)) == 0)
		return &e->key;
	drop(&k->keys, e);
	return NULL;
}

void
dlv_known_drop(struct dlv_known *k, const struct dlv_known_whose *w)
{
	struct name name;

	if (name_of(&name, w->user, w->domain))
		drop(&k->keys, find(&k->keys, &name));
}

void
dlv_known_put_own(struct dlv_known *k, struct slice domain, const struct dlv_known_own *own,
    const struct dlv_known_now *now)
{
	struct name name;

	if (name_of(&name, SLICE_NONE, domain))
		put(&k->own, &name, now)->own = *own;
}

void
dlv_known_drop_own(struct dlv_known *k, struct slice domain)
{
	struct name name;

	if (name_of(&name, SLICE_NONE, domain))
		drop(&k->own, find(&k->own, &name));
}

const struct dlv_known_own *
dlv_known_own(struct dlv_known *k, struct slice domain, const struct dlv_known_now *now)
{
	struct name name;
	struct entry *e = NULL;

	if (name_of(&name, SLICE_NONE, domain))
		e = use(&k->own, &name, now);
	return e != NULL ? &e->own : NULL;
}
