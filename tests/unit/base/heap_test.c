/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "lib/base/cc.h"
#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

#define COUNT	2000

struct item {
	struct heap_node	 node;
	struct map_node		 mapped;
	struct list		 link;
	uint64_t		 value;
	bool			 in;
};

static void
test_heap_against_model(void **state)
{
	struct item *items = calloc(COUNT, sizeof(*items));
	struct heap h;
	uint64_t least;
	unsigned seed = 1;
	struct item *it;

	(void)state;
	heap_init(&h);
	for (int step = 0; step < 20000; step++) {
		it = &items[(unsigned)rand_r(&seed) % COUNT];
		if (it->in && rand_r(&seed) % 2 == 0) {
			heap_remove(&h, &it->node);
			it->in = false;
		} else {
			it->value = (uint64_t)rand_r(&seed) % 1000;
			heap_move(&h, &it->node, it->value);
			it->in = true;
		}
		if (step % 50 != 0)
			continue;
		least = UINT64_MAX;
		for (int i = 0; i < COUNT; i++)
			if (items[i].in && items[i].value < least)
				least = items[i].value;
		if (heap_first(&h) == NULL)
			assert_true(least == UINT64_MAX);
		else
			assert_true(heap_first(&h)->key == least);
	}
	heap_fini(&h);
	free(items);
}

static void
test_map(void **state)
{
	struct item *items = calloc(COUNT, sizeof(*items)), *it;
	struct map_node *n = NULL;
	struct map m;
	size_t slot = 0, seen = 0;

	(void)state;
	map_init(&m);
	assert_null(map_first(&m, 1));
	for (uint64_t i = 0; i < COUNT; i++) {
		items[i].value = i;
		map_insert(&m, &items[i].mapped, hash_u64(i % (COUNT / 2)));
	}
	for (uint64_t i = 0; i < COUNT / 2; i++) {
		n = map_first(&m, hash_u64(i));
		assert_non_null(n);
		it = obj_of(n, struct item, mapped);
		assert_true(it->value % (COUNT / 2) == i);
		n = map_next(n);
		assert_non_null(n);
		assert_null(map_next(n));
		map_remove(&m, n);
	}
	n = NULL;
	while ((n = map_walk(&m, &slot, n)) != NULL)
		seen++;
	assert_int_equal(seen, COUNT / 2);
	map_fini(&m);
	free(items);
}

static void
test_list(void **state)
{
	struct item a = { 0 }, b = { 0 };
	struct list head, *n, *tmp;
	int count = 0;

	(void)state;
	list_init(&head);
	list_init(&a.link);
	assert_true(list_is_empty(&head));
	list_remove(&a.link);		/* legal when unlinked */
	list_push(&head, &a.link);
	list_push(&head, &b.link);
	assert_ptr_equal(list_first(&head), &a.link);
	assert_ptr_equal(list_next(&head, &a.link), &b.link);
	assert_null(list_next(&head, &b.link));
	LIST_EACH(n, tmp, &head) {
		list_remove(n);
		count++;
	}
	assert_int_equal(count, 2);
	assert_true(list_is_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap_against_model),
		cmocka_unit_test(test_map), cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
