/* SPDX-License-Identifier: ISC */
/* The table, the scheduler and the states: no I/O in any of them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cc.h"
#include "queue/queue_sched.h"
#include "queue/queue_state.h"
#include "queue/queue_table.h"

/* ---- states ---- */

static void
test_states(void **state)
{
	static const struct { enum queue_state from, to; bool may; } cases[] = {
		{ QUEUE_S1_OPEN, QUEUE_S2_DIRECT, true },
		{ QUEUE_S1_OPEN, QUEUE_S4_WRITING, true },
		{ QUEUE_S2_DIRECT, QUEUE_S4_WRITING, true },
		{ QUEUE_S4_WRITING, QUEUE_S5_STORED, true },
		{ QUEUE_S7_FINISHING, QUEUE_S8_REMOVED, true },
		{ QUEUE_S1_OPEN, QUEUE_S5_STORED, false },
		{ QUEUE_S2_DIRECT, QUEUE_S8_REMOVED, false },
		{ QUEUE_S5_STORED, QUEUE_S8_REMOVED, false },
		{ QUEUE_S8_REMOVED, QUEUE_S5_STORED, false },
		{ QUEUE_S3_DELIVERED, QUEUE_S4_WRITING, false },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < lengthof(cases); i++)
		assert_int_equal(queue_state_may(cases[i].from, cases[i].to), cases[i].may);
	for (i = 0; i < queue_state_steps_count; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(queue_state_steps[i].name,
			    queue_state_steps[j].name);
	for (i = QUEUE_STATE_FIRST; i <= QUEUE_STATE_LAST; i++)
		assert_non_null(queue_state_find((enum queue_state)i));
}

/* Every state but the first can be reached, and only three end. */
static void
test_states_connected(void **state)
{
	unsigned to = 1u << QUEUE_S1_OPEN, from = 0, ends = 0;
	size_t i;

	(void)state;
	for (i = 0; i < queue_state_steps_count; i++)
		if (queue_state_steps[i].from != queue_state_steps[i].to) {
			to |= 1u << queue_state_steps[i].to;
			from |= 1u << queue_state_steps[i].from;
		}
	for (i = QUEUE_STATE_FIRST; i <= QUEUE_STATE_LAST; i++) {
		assert_true(to & 1u << i);
		ends += !(from & 1u << i);
	}
	assert_int_equal(ends, 2);	/* delivered, removed */
}

/* godwit-queue(7) is written from the tables. */
static void
test_man_page(void **state)
{
	static char page[65536];
	FILE *f = fopen("man/godwit-queue.7", "r");
	char want[512];
	size_t i, n;

	(void)state;
	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[n] = '\0';
	for (i = 0; i < queue_state_rows_count; i++) {
		const struct queue_state_row *r = &queue_state_rows[i];

		snprintf(want, sizeof(want), ".It S%d %s\nOn disk: %s.\n.br\nRecovery: %s.\n",
		    (int)r->state, r->name, r->disk, r->recovery);
		if (strstr(page, want) == NULL)
			assert_string_equal("not in man/godwit-queue.7", want);
	}
	for (i = 0; i < queue_state_steps_count; i++) {
		const struct queue_state_step *s = &queue_state_steps[i];

		if (s->from != 0)
			snprintf(want, sizeof(want), ".It S%d to S%d Ta Cm %s Ta %s\n",
			    (int)s->from, (int)s->to, s->name, s->what);
		else
			snprintf(want, sizeof(want), ".It segment Ta Cm %s Ta %s\n", s->name,
			    s->what);
		if (strstr(page, want) == NULL)
			assert_string_equal("not in man/godwit-queue.7", want);
	}
}

/* ---- ids ---- */

static void
test_ids(void **state)
{
	struct queue_table t;
	uint64_t a, b;
	int i;

	(void)state;
	queue_table_init(&t);
	a = queue_table_make_id(&t, 1000, 0xffffffff);
	assert_int_equal(queue_table_id_ms(a), 1000);
	for (i = 0; i < 100000; i++, a = b) {
		b = queue_table_make_id(&t, 1000, (uint32_t)i * 2654435761u);
		assert_true(b > a);
	}
	/* A clock that goes back repeats nothing. */
	b = queue_table_make_id(&t, 500, 1);
	assert_true(b > a);
	queue_table_floor(&t, 2000);
	b = queue_table_make_id(&t, 500, 1);
	assert_true(queue_table_id_ms(b) >= 2000);
	/* A month's worth in a second spills into later milliseconds, in order. */
	a = queue_table_make_id(&t, 3000, 0x1fffff);
	for (i = 0; i < 3000000; i++, a = b)
		assert_true((b = queue_table_make_id(&t, 3000, 0)) > a);
	queue_table_fini(&t);
}

/* ---- segments ---- */

static struct queue_spot
spot(uint64_t number, uint64_t off, uint64_t body)
{
	return (struct queue_spot){ .number = number, .off = off, .meta_bytes = 100,
	    .body_bytes = body };
}

static void
test_segment_life(void **state)
{
	struct queue_spot p1 = spot(10, 64, 1000), p2 = spot(10, 1228, 3000), p3, r;
	struct queue_seg *s10, *s20, *s30;
	struct queue_item *a, *b;
	struct queue_table t;

	(void)state;
	queue_table_init(&t);
	s10 = queue_table_add_seg(&t, 10, 0, false);
	s30 = queue_table_add_seg(&t, 30, 0, false);
	s20 = queue_table_add_seg(&t, 20, 0, false);
	assert_ptr_equal(queue_table_seg(&t, 20), s20);
	assert_null(queue_table_seg(&t, 15));
	a = queue_table_add(&t, 2);
	b = queue_table_add(&t, 1);
	queue_table_put_message(&t, a, &p1);
	queue_table_put_message(&t, b, &p2);
	assert_int_equal(s10->live_bytes, 1164 + 3164);
	assert_false(queue_table_can_unlink(&t, s10));
	assert_ptr_equal(queue_table_after(&t, 0), b);
	assert_ptr_equal(queue_table_after(&t, 1), a);
	assert_null(queue_table_after(&t, 2));
	/* a is done; its DONE record is in 20 and speaks of 10. */
	r = spot(20, 64, 0);
	queue_table_put_done(&t, &r, 10);
	queue_table_drop(&t, &a);
	assert_false(queue_table_can_unlink(&t, s10));
	assert_false(queue_table_can_unlink(&t, s20));
	/* Three quarters are alive. */
	assert_false(queue_table_should_compact(s10, 1));
	assert_false(queue_table_should_compact(s10, 3600001));
	/* b moves to 30: 10 is empty and may go; then 20 may. */
	p3 = spot(30, 64, 3000);
	queue_table_put_message(&t, b, &p3);
	assert_true(queue_table_can_unlink(&t, s10));
	assert_false(queue_table_can_unlink(&t, s20));
	queue_table_drop_seg(&t, &s10);
	assert_true(queue_table_can_unlink(&t, s20));
	s20->current = true;
	assert_false(queue_table_can_unlink(&t, s20));
	/* A RESULT keeps its segment. */
	r = spot(20, 500, 0);
	queue_table_put_result(&t, b, &r);
	s20->current = false;
	assert_false(queue_table_can_unlink(&t, s20));
	assert_int_equal(s20->live_bytes, 164);
	r = spot(30, 5000, 0);
	queue_table_put_result(&t, b, &r);
	assert_true(queue_table_can_unlink(&t, s20));
	assert_int_equal(s30->bytes, 5164);
	queue_table_fini(&t);
}

static void
test_when_to_compact(void **state)
{
	static const struct { uint64_t live, age; bool yes; } cases[] = {
		{ 250, 0, false }, { 249, 0, true }, { 499, 0, false },
		{ 499, 3600000, false }, { 499, 3600001, true }, { 500, 3600001, false },
	};
	struct queue_table t;
	struct queue_seg *s;
	struct queue_item *it;
	struct queue_spot p;
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(cases); i++) {
		queue_table_init(&t);
		s = queue_table_add_seg(&t, 10, 0, false);
		it = queue_table_add(&t, 1);
		p = spot(10, 64, cases[i].live - 164);
		queue_table_put_message(&t, it, &p);
		s->bytes = 1000;
		assert_int_equal(queue_table_should_compact(s, cases[i].age), cases[i].yes);
		s->single = true;
		assert_false(queue_table_should_compact(s, cases[i].age));
		queue_table_fini(&t);
	}
}

/* ---- schedule ---- */

static void
test_backoff(void **state)
{
	static const uint64_t minutes[] = { 5, 5, 10, 20, 40, 60, 60, 60 };
	struct queue_sched s;
	uint32_t i;

	(void)state;
	queue_sched_init(&s);
	for (i = 0; i < lengthof(minutes); i++)
		assert_int_equal(queue_sched_backoff(&s, i), minutes[i] * 60000);
	assert_int_equal(queue_sched_backoff(&s, UINT32_MAX), 3600000);
	assert_int_equal(queue_sched_next(&s, 1000, 1, 100000), 100000);
	assert_int_equal(queue_sched_next(&s, 1000, 1, 10000000), 301000);
	assert_int_equal(queue_sched_next(&s, 1000, 1, 10), 1000);
	assert_int_equal(queue_sched_expiry(&s, 7, false), 7 + 5ull * 86400000);
	assert_int_equal(queue_sched_away(5, 0), 0);
	assert_int_equal(queue_sched_away(5, 1), 1005);
	assert_int_equal(queue_sched_away(5, QUEUE_SCHED_AWAY_MAX), 128005);
	assert_int_equal(queue_sched_away(5, QUEUE_SCHED_AWAY_MAX + 1), 0);
	queue_sched_fini(&s);
}

static void
test_due_order(void **state)
{
	static const uint64_t times[] = { 50, 10, 40, 20, 30 };
	struct queue_table t;
	struct queue_sched s;
	struct queue_item *it;
	uint64_t i;

	(void)state;
	queue_table_init(&t);
	queue_sched_init(&s);
	assert_int_equal(queue_sched_first(&s), QUEUE_SCHED_NEVER);
	for (i = 0; i < lengthof(times); i++)
		queue_sched_put(&s, queue_table_add(&t, i + 1), times[i]);
	assert_int_equal(queue_sched_first(&s), 10);
	assert_null(queue_sched_take(&s, 9));
	for (i = 1; i <= 5; i++) {
		it = queue_sched_take(&s, i * 10);
		assert_non_null(it);
		assert_int_equal(it->next_ms, i * 10);
		assert_null(queue_sched_take(&s, i * 10));
	}
	queue_sched_fini(&s);
	queue_table_fini(&t);
}

/* A clock that was wrong by a day must not hold mail for a day. */
static void
test_clock_back(void **state)
{
	const uint64_t day = 86400000, real = 40 * 365 * day;
	struct queue_table t;
	struct queue_sched s;
	uint64_t i;

	(void)state;
	queue_table_init(&t);
	queue_sched_init(&s);
	queue_sched_look(&s, real, 1000);
	for (i = 3; i > 0; i--)
		queue_sched_put(&s, queue_table_add(&t, i), real + i * 300000);
	/* It runs on, jumps ahead, is corrected a little: nothing moves. */
	queue_sched_look(&s, real + 60000, 61000);
	queue_sched_look(&s, real + 60000 + day, 61000);
	queue_sched_look(&s, real + 60000 + day - 30000, 61000);
	assert_int_equal(queue_sched_first(&s), real + 300000);
	/* Set back by a day and then once more, to before 1970. */
	queue_sched_look(&s, real + 30000, 61000);
	assert_int_equal(queue_sched_first(&s), real + 300000 - day);
	queue_sched_look(&s, 1000, 61000);
	assert_int_equal(queue_sched_first(&s), 0);
	for (i = 1; i <= 3; i++)
		assert_non_null(queue_sched_take(&s, 0));
	queue_sched_fini(&s);
	queue_table_fini(&t);
}

/* Who waits for a helper is due when it is back, but not what killed it twice. */
static void
test_waiting(void **state)
{
	struct queue_table t;
	struct queue_sched s;
	struct queue_item *a, *b, *c;

	(void)state;
	queue_table_init(&t);
	queue_sched_init(&s);
	a = queue_table_add(&t, 1);
	b = queue_table_add(&t, 2);
	c = queue_table_add(&t, 3);
	b->lost = QUEUE_SCHED_LOST_MAX;
	queue_sched_put(&s, a, 1000);
	queue_sched_put(&s, b, 1000);
	queue_sched_put(&s, c, 1000);
	queue_sched_wait(&s, a);
	queue_sched_wait(&s, a);
	queue_sched_wait(&s, b);
	assert_int_equal(queue_sched_back(&s, 5), 1);
	assert_ptr_equal(queue_sched_take(&s, 5), a);
	assert_null(queue_sched_take(&s, 5));
	assert_int_equal(queue_sched_back(&s, 5), 0);
	queue_sched_remove(&s, b);
	queue_sched_remove(&s, c);
	queue_sched_fini(&s);
	queue_table_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_states_connected),
		cmocka_unit_test(test_man_page),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_segment_life),
		cmocka_unit_test(test_when_to_compact),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_due_order),
		cmocka_unit_test(test_clock_back),
		cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
