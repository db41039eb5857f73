/* SPDX-License-Identifier: ISC */
#include "queue/queue_quota.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/addr.h"

struct over_account {
	struct map_node	 node;
	uint64_t	 id;
};

struct over_domain {
	struct map_node	 node;
	size_t		 n;
	char		 name[ADDR_DOMAIN_MAX + 1];
};

void
queue_quota_init(struct queue_quota *q)
{
	map_init(&q->accounts);
	map_init(&q->domains);
}

static struct over_account *
find_account(const struct queue_quota *q, uint64_t id)
{
	struct map_node *n = map_first(&q->accounts, hash_u64(id));

	for (; n != NULL; n = map_next(n))
		if (obj_of(n, struct over_account, node)->id == id)
			return obj_of(n, struct over_account, node);
	return NULL;
}

static struct over_domain *
find_domain(const struct queue_quota *q, struct slice name)
{
	struct map_node *n = map_first(&q->domains, hash_slice(name));
	struct over_domain *d;

	for (; n != NULL; n = map_next(n)) {
		d = obj_of(n, struct over_domain, node);
		if (slice_eq(slice_of(d->name, d->n), name))
			return d;
	}
	return NULL;
}

static void
forget_all(struct queue_quota *q)
{
	struct map_node *n, *next;
	size_t slot = 0;

	for (n = map_walk(&q->accounts, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&q->accounts, &slot, n);
		map_remove(&q->accounts, n);
		free(obj_of(n, struct over_account, node));
	}
	slot = 0;
	for (n = map_walk(&q->domains, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&q->domains, &slot, n);
		map_remove(&q->domains, n);
		free(obj_of(n, struct over_domain, node));
	}
}

void
queue_quota_fini(struct queue_quota *q)
{
	forget_all(q);
	map_fini(&q->accounts);
	map_fini(&q->domains);
}

static void
set_account(struct queue_quota *q, uint64_t id, bool is_over)
{
	struct over_account *a = find_account(q, id);

	if ((a != NULL) == is_over)
		return;
	if (is_over) {
		a = must_alloc(1, sizeof(*a));
		a->id = id;
		map_insert(&q->accounts, &a->node, hash_u64(id));
	} else {
		map_remove(&q->accounts, &a->node);
		free(a);
	}
}

static void
set_domain(struct queue_quota *q, struct slice name, bool is_over)
{
	struct over_domain *d = find_domain(q, name);

	if ((d != NULL) == is_over)
		return;
	if (is_over) {
		d = must_alloc(1, sizeof(*d));
		d->n = name.n;
		memcpy(d->name, name.p, name.n);
		map_insert(&q->domains, &d->node, hash_slice(name));
	} else {
		map_remove(&q->domains, &d->node);
		free(d);
	}
}

enum err
queue_quota_set(struct queue_quota *q, const struct ipc_store_over *m)
{
	struct slice names = m->domains, name;
	bool is_over = m->what == STORE_OVER_THESE;

	if (m->what > STORE_OVER_NOT_THESE || m->accounts.n % 8 != 0)
		return ERR_VIOLATION;
	if (m->what == STORE_OVER_NONE)
		forget_all(q);
	for (size_t i = 0; i < m->accounts.n; i += 8)
		set_account(q, dec_le64(m->accounts.p + i), is_over);
	while (names.n > 0) {
		names = slice_cut(names, '\0', &name);
		if (name.n == 0 || name.n > ADDR_DOMAIN_MAX)
			return ERR_VIOLATION;
		set_domain(q, name, is_over);
	}
	return ERR_OK;
}

bool
queue_quota_is_over(const struct queue_quota *q, uint64_t account, struct slice address)
{
	size_t at = slice_rfind(address, '@');

	return find_account(q, account) != NULL ||
	    (at < address.n && find_domain(q, slice_from(address, at + 1)) != NULL);
}
