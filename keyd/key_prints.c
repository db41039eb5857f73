/* SPDX-License-Identifier: ISC */
#include "keyd/key_prints.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

void
key_prints_init(struct key_prints *p)
{
	map_init(&p->by_bytes);
	map_init(&p->by_account);
	list_init(&p->all);
}

static void
drop(struct key_prints *p, struct key_print *one)
{
	map_remove(&p->by_bytes, &one->by_bytes);
	map_remove(&p->by_account, &one->by_account);
	list_remove(&one->link);
	free(one);
}

void
key_prints_fini(struct key_prints *p)
{
	struct list *l;

	while ((l = list_first(&p->all)) != NULL)
		drop(p, obj_of(l, struct key_print, link));
	map_fini(&p->by_bytes);
	map_fini(&p->by_account);
}

static uint64_t
hash_of(const unsigned char bytes[KEY_PRINT_BYTES])
{
	return hash_slice(slice_of(bytes, KEY_PRINT_BYTES));
}

static struct key_print *
find(const struct key_prints *p, const unsigned char bytes[KEY_PRINT_BYTES])
{
	struct map_node *n;

	for (n = map_first(&p->by_bytes, hash_of(bytes)); n != NULL; n = map_next(n)) {
		struct key_print *one = obj_of(n, struct key_print, by_bytes);

		if (memcmp(one->bytes, bytes, KEY_PRINT_BYTES) == 0)
			return one;
	}
	return NULL;
}

const struct key_print *
key_prints_find(const struct key_prints *p, const unsigned char bytes[KEY_PRINT_BYTES])
{
	return find(p, bytes);
}

const struct key_print *
key_prints_next(const struct key_prints *p, const struct key_print *one)
{
	struct list *l = one == NULL ? list_first(&p->all) : list_next(&p->all, &one->link);

	return l != NULL ? obj_of(l, struct key_print, link) : NULL;
}

/* One of an account. */
static struct key_print *
any_of(const struct key_prints *p, uint64_t account)
{
	struct map_node *n;

	for (n = map_first(&p->by_account, hash_u64(account)); n != NULL; n = map_next(n)) {
		struct key_print *one = obj_of(n, struct key_print, by_account);

		if (one->account == account)
			return one;
	}
	return NULL;
}

static int
by_age(const void *a, const void *b)
{
	const struct key_print *x = *(const struct key_print *const *)a;
	const struct key_print *y = *(const struct key_print *const *)b;

	if (x->created_s != y->created_s)
		return x->created_s < y->created_s ? -1 : 1;
	return memcmp(x->bytes, y->bytes, KEY_PRINT_BYTES);
}

unsigned
key_prints_of(const struct key_prints *p, uint64_t account,
    const struct key_print *out[KEY_PRINTS_MAX])
{
	struct map_node *n;
	unsigned count = 0;

	for (n = map_first(&p->by_account, hash_u64(account)); n != NULL; n = map_next(n)) {
		const struct key_print *one = obj_of(n, struct key_print, by_account);

		if (one->account == account) {
			must(count < KEY_PRINTS_MAX);
			out[count++] = one;
		}
	}
	qsort(out, count, sizeof(*out), by_age);
	return count;
}

enum err
key_prints_may_add(const struct key_prints *p, const struct key_print *one)
{
	const struct key_print *all[KEY_PRINTS_MAX];

	if (find(p, one->bytes) != NULL)
		return ERR_EXISTS;
	return key_prints_of(p, one->account, all) < KEY_PRINTS_MAX ? ERR_OK : ERR_LIMIT;
}

void
key_prints_add(struct key_prints *p, const struct key_print *from)
{
	struct key_print *one = must_alloc(1, sizeof(*one));

	*one = *from;
	map_insert(&p->by_bytes, &one->by_bytes, hash_of(one->bytes));
	map_insert(&p->by_account, &one->by_account, hash_u64(one->account));
	list_push(&p->all, &one->link);
}

void
key_prints_drop(struct key_prints *p, const unsigned char bytes[KEY_PRINT_BYTES])
{
	struct key_print *one = find(p, bytes);

	must(one != NULL);
	drop(p, one);
}

void
key_prints_drop_account(struct key_prints *p, uint64_t account)
{
	struct key_print *one;

	while ((one = any_of(p, account)) != NULL)
		drop(p, one);
}
