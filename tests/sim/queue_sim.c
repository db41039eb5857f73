/* SPDX-License-Identifier: ISC */
/*
 * What the scheduler of remote mail promises, over virtual days: see sim.h.
 * Lines that begin with "figure:" are shown by tests/run.
 */
#include "tests/unit/test.h"

#include <stdio.h>

#include "queue/queue_table.h"
#include "tests/sim/sim.h"

/* Sanitizers make it many times slower, and find nothing more in a million. */
#ifdef GODWIT_SAN
#define MANY		50000u
#define MANY_SITES	2500u
#else
#define MANY		1000000u
#define MANY_SITES	50000u
#endif
#define SINGLES		50u
#define SEED		0x60d317u

static unsigned
log2_of(uint64_t n)
{
	unsigned bits = 0;

	for (; n > 0; n >>= 1)
		bits++;
	return bits;
}

/*
 * A heap step moves a node at most once a level.  A pick does its chores and
 * parkings with a few heap steps each, the others a handful in all.
 */
static void
check_steps(const struct sim *sim, const char *name)
{
	static const char *const calls[SIM_CALLS] = { "put", "pick", "done", "retry", "drop" };
	unsigned i, levels = log2_of(sim->msg_count) + 2, heaps;

	for (i = 0; i < SIM_CALLS; i++) {
		heaps = i == SIM_PICK ? 6 * QUEUE_PICK_CHORES : 8;
		print_message("figure: %s: longest %s %llu steps (bound %u)\n", name, calls[i],
		    (unsigned long long)sim->steps[i], heaps * levels);
		assert_true(sim->steps[i] <= heaps * levels);
	}
}

static void
check_all_over(struct sim *sim)
{
	struct queue_sites_counts c;

	queue_sites_count(sim->s, &c);
	assert_int_equal(sim->fates[SIM_WAITS], 0);
	assert_int_equal(c.parcels, 0);
	assert_int_equal(c.given, 0);
	assert_int_equal(c.senders, 0);
	assert_int_equal(c.lanes, 0);
	assert_int_equal(c.sites, c.idle_sites);
	assert_true(c.idle_sites <= sim->limits.idle_max);
	assert_false(sim->has_failed);
}

static uint32_t
longest_wait(const struct sim *sim, bool single)
{
	uint32_t i, longest = 0;

	for (i = 0; i < sim->msg_count; i++)
		if (sim->msgs[i].is_single == single && sim->msgs[i].was_tried &&
		    sim->msgs[i].wait_ms > longest)
			longest = sim->msgs[i].wait_ms;
	return longest;
}

/* A destination as mail has them: a few take much of it. */
static uint32_t
some_site(struct sim *sim)
{
	uint64_t u = sim_random(sim, 1000);

	u = u * u * u + sim_random(sim, 1000000);
	return (uint32_t)(u * sim->site_count / 1000000000) % sim->site_count;
}

static uint32_t
good_site(struct sim *sim, uint32_t from)
{
	while (sim->sites[from % sim->site_count].kind != SIM_GOOD)
		from++;
	return from % sim->site_count;
}

static void
put_single(struct sim *sim, uint32_t msg, uint32_t site)
{
	sim->msgs[msg].is_single = true;
	sim_put(sim, msg, site, 1000000 + msg);
}

/* ---- a million messages ---- */

static void
test_million(void **state)
{
	struct sim sim;
	uint32_t i, normal = MANY - SINGLES;
	uint64_t each;

	(void)state;
	sim_init(&sim, MANY, MANY_SITES, SEED);
	for (i = 0; i < normal; i++)
		sim_put(&sim, i, some_site(&sim), sim_random(&sim, 2000));
	sim_measure_memory(&sim);
	each = sim.memory_bytes / sim.memory_parcels + sizeof(struct queue_item);
	print_message("figure: million: %u messages, %u sites: %llu bytes each, "
	    "%zu the parcel, %zu queue_item\n", MANY, MANY_SITES, (unsigned long long)each,
	    sizeof(struct queue_parcel), sizeof(struct queue_item));
	assert_true(each <= 1024);
	/* Among all this, single messages of others, half to the busiest sites. */
	sim_run(&sim, 3 * SIM_MINUTE);
	for (i = 0; i < SINGLES; i++) {
		put_single(&sim, normal + i, good_site(&sim, i % 2 == 0 ? i :
		    sim_random(&sim, sim.site_count)));
		sim_run(&sim, sim.now + SIM_SECOND / 2);
	}
	sim_run(&sim, SIM_HOUR);
	print_message("figure: million: after an hour %u sent, %u bounced; singles waited "
	    "%u ms at most\n", sim.fates[SIM_SENT], sim.fates[SIM_BOUNCED],
	    longest_wait(&sim, true));
	assert_true(longest_wait(&sim, true) <= 5 * SIM_SECOND);
	sim_run(&sim, 6 * SIM_DAY);
	print_message("figure: million: %u sent, %u bounced, %u expired, %u attempts\n",
	    sim.fates[SIM_SENT], sim.fates[SIM_BOUNCED], sim.fates[SIM_EXPIRED],
	    sim.attempts);
	check_steps(&sim, "million");
	check_all_over(&sim);
	/* What was for dead sites is all that expired; they cost few attempts. */
	for (i = 0; i < MANY; i++)
		assert_int_equal(sim.msgs[i].fate == SIM_EXPIRED,
		    sim.sites[sim.msgs[i].site].kind == SIM_DEAD);
	assert_true(sim.attempts < MANY + MANY / 2 + MANY_SITES / 20 * 150);
	sim_fini(&sim);
}

/* The worst there is: each message of a sender and to a site of its own. */
static void
test_memory(void **state)
{
	struct sim sim;
	uint32_t i, n = MANY / 5;
	uint64_t each;

	(void)state;
	sim_init(&sim, n, n, SEED);
	for (i = 0; i < n; i++)
		sim_put(&sim, i, i, i);
	sim_measure_memory(&sim);
	each = sim.memory_bytes / n + sizeof(struct queue_item);
	print_message("figure: memory: %llu bytes a message when nothing is shared\n",
	    (unsigned long long)each);
	assert_true(each <= 1024);
	sim_run(&sim, 6 * SIM_DAY);
	check_all_over(&sim);
	sim_fini(&sim);
}

/* ---- a list ---- */

/* 100 messages of 1000 recipients, at 1000 sites each time. */
static void
test_list(void **state)
{
	struct sim sim;
	uint32_t i, list = 100000;

	(void)state;
	sim_init(&sim, list + SINGLES, 5000, SEED + 1);
	sim.limits.given_max = 500;
	queue_sites_set_limits(sim.s, &sim.limits);
	for (i = 0; i < list; i++)
		sim_put(&sim, i, (i / 1000 * 37 + i % 1000) % sim.site_count, 1);
	for (i = 0; i < SINGLES; i++) {
		sim_run(&sim, sim.now + SIM_SECOND);
		put_single(&sim, list + i, good_site(&sim, i * 101));
	}
	sim_run(&sim, SIM_HOUR);
	print_message("figure: list: of 100000 sent %u in an hour; singles waited %u ms "
	    "at most\n", sim.fates[SIM_SENT], longest_wait(&sim, true));
	assert_true(longest_wait(&sim, true) <= SIM_SECOND);
	sim_run(&sim, 6 * SIM_DAY);
	check_steps(&sim, "list");
	check_all_over(&sim);
	sim_fini(&sim);
}

/* A list to hosts that are all slow does not take the places of others. */
static void
test_slow_list(void **state)
{
	struct sim sim;
	uint32_t i, list = 5000;

	(void)state;
	sim_init(&sim, list + SINGLES, 2000, SEED + 2);
	sim.limits.given_max = 100;
	queue_sites_set_limits(sim.s, &sim.limits);
	for (i = 0; i < 1000; i++)
		sim.sites[i].kind = SIM_SLOW;
	for (i = 0; i < list; i++)
		sim_put(&sim, i, i % 1000, i % 3);
	sim_run(&sim, SIM_MINUTE);
	for (i = 0; i < SINGLES; i++) {
		put_single(&sim, list + i, good_site(&sim, 1000 + i));
		sim_run(&sim, sim.now + SIM_SECOND);
	}
	assert_true(longest_wait(&sim, true) <= 10);
	sim_run(&sim, 6 * SIM_DAY);
	check_all_over(&sim);
	sim_fini(&sim);
}

/* ---- starvation ---- */

/*
 * More single messages than places, for a whole minute, and a list, both to
 * one site and to many: neither stops the other.
 */
static void
test_no_starvation(void **state)
{
	struct sim sim;
	uint32_t i, list = 2000, singles = 6000, sent, before = 0, k;

	(void)state;
	sim_init(&sim, list + singles, 1000, SEED + 3);
	sim.limits.given_max = 20;
	queue_sites_set_limits(sim.s, &sim.limits);
	for (i = 0; i < list; i++)
		sim_put(&sim, i, i % 2 == 0 ? 0 : good_site(&sim, i), 1);
	for (i = 0; i < singles; i++) {
		if (i % 100 == 99) {
			sim_run(&sim, sim.now + SIM_SECOND);
			for (k = 0, sent = 0; k < list; k++)
				sent += sim.msgs[k].was_tried;
			if (i % 1000 == 999) {
				assert_true(sent > before);
				before = sent;
			}
		}
		put_single(&sim, list + i, i % 2 == 0 ? 0 : good_site(&sim, i));
	}
	for (i = 0, sent = 0; i < singles; i++)
		sent += sim.msgs[list + i].was_tried;
	print_message("figure: overload: %u of the list, %u singles tried in a minute\n",
	    before, sent);
	assert_true(sent > 2000);
	sim_run(&sim, 6 * SIM_DAY);
	check_all_over(&sim);
	sim_fini(&sim);
}

/* ---- sites that go and come ---- */

static void
test_site_comes_back(void **state)
{
	struct sim sim;
	uint32_t i;
	uint64_t back = 6 * SIM_HOUR + 17 * SIM_MINUTE;

	(void)state;
	sim_init(&sim, 5000, 1, SEED + 4);
	sim.sites[0].kind = SIM_DEAD;
	for (i = 0; i < 5000; i++)
		sim_put(&sim, i, 0, i % 7);
	sim_run(&sim, back);
	assert_true(sim.attempts < 50);
	sim.sites[0].kind = SIM_GOOD;
	sim_run(&sim, back + SIM_HOUR + 10 * SIM_MINUTE);
	print_message("figure: back: %u attempts in %u hours down, %u of 5000 sent soon after\n",
	    sim.attempts - sim.fates[SIM_SENT], (unsigned)(back / SIM_HOUR),
	    sim.fates[SIM_SENT]);
	assert_true(sim.fates[SIM_SENT] + sim.fates[SIM_BOUNCED] > 4800);
	sim_run(&sim, 6 * SIM_DAY);
	check_all_over(&sim);
	sim_fini(&sim);
}

static void
test_all_down(void **state)
{
	struct sim sim;
	uint32_t i;

	(void)state;
	sim_init(&sim, 20000, 1000, SEED + 5);
	for (i = 0; i < sim.site_count; i++)
		sim.sites[i].kind = SIM_DEAD;
	for (i = 0; i < sim.msg_count; i++) {
		sim_put(&sim, i, sim_random(&sim, 1000), i % 50);
		if (i % 1000 == 999)
			sim_run(&sim, sim.now + SIM_MINUTE);
	}
	sim_run(&sim, 5 * SIM_DAY - 1);
	assert_int_equal(sim.fates[SIM_WAITS], 20000);
	sim_run(&sim, 5 * SIM_DAY + SIM_HOUR);
	print_message("figure: all down: 20000 expired, at most %llu s late, %u attempts\n",
	    (unsigned long long)(sim.last_late_ms / SIM_SECOND), sim.attempts);
	assert_int_equal(sim.fates[SIM_EXPIRED], 20000);
	/* Late are those that are being tried: half a minute here. */
	assert_true(sim.last_late_ms <= 30 * SIM_SECOND);
	assert_true(sim.attempts < 1000 * 250);
	check_steps(&sim, "all down");
	check_all_over(&sim);
	sim_fini(&sim);
}

/* ---- clocks and restarts ---- */

static void
test_clock_and_restarts(void **state)
{
	struct sim sim;
	uint32_t i, jumps;

	(void)state;
	sim_init(&sim, 20000, 500, SEED + 6);
	for (i = 0; i < sim.msg_count; i++)
		sim_put(&sim, i, sim_random(&sim, 500), i % 50);
	for (jumps = 0; jumps < 60; jumps++) {
		sim_run(&sim, sim.now + 2 * SIM_HOUR + sim_random(&sim, 1000000));
		if (jumps % 10 == 9)
			sim_restart(&sim);
		else
			sim.ahead_ms += (int64_t)sim_random(&sim, 6 * 3600000) -
			    3 * 3600000;
	}
	sim_run(&sim, sim.now + 6 * SIM_DAY);
	print_message("figure: clocks: %u sent, %u bounced, %u expired after 54 jumps and "
	    "6 restarts\n", sim.fates[SIM_SENT], sim.fates[SIM_BOUNCED],
	    sim.fates[SIM_EXPIRED]);
	for (i = 0; i < sim.msg_count; i++)
		assert_int_equal(sim.msgs[i].fate == SIM_EXPIRED,
		    sim.sites[sim.msgs[i].site].kind == SIM_DEAD);
	check_all_over(&sim);
	sim_fini(&sim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_slow_list),
		cmocka_unit_test(test_no_starvation),
		cmocka_unit_test(test_site_comes_back),
		cmocka_unit_test(test_all_down),
		cmocka_unit_test(test_clock_and_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
