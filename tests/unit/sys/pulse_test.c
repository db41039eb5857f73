/* SPDX-License-Identifier: ISC */
#include "lib/sys/pulse.h"

#include "lib/sys/fd.h"
#include "lib/sys/window.h"
#include "tests/unit/test.h"

static void
is_seen(void **state)
{
	const unsigned char *there, *mem;
	unsigned char *here;
	uint64_t before;
	int fd;

	(void)state;
	assert_int_equal(window_make("test", PULSE_BYTES, &fd, &here), ERR_OK);
	assert_int_equal(window_open(fd, PULSE_BYTES, &there), ERR_OK);
	pulse_begin(here, 1000);
	for (uint64_t id = 0; id < 3 * PULSE_COUNT; id++)
		assert_int_equal(pulse_at(there, id), 1000);
	before = pulse_at(there, 7);
	pulse_beat(here, 7);
	assert_true(pulse_at(there, 7) != before);
	assert_int_equal(pulse_at(here, 7), pulse_at(there, 7));
	mem = here;
	window_close(&mem, PULSE_BYTES);
	window_close(&there, PULSE_BYTES);
	fd_close(&fd);
}

/* All counters are used, and one beat moves one. */
static void
are_many(void **state)
{
	static _Alignas(8) unsigned char mem[PULSE_BYTES];
	unsigned moved = 0;

	(void)state;
	pulse_begin(mem, 5);
	pulse_beat(mem, 123456789);
	for (uint64_t id = 0; id < PULSE_COUNT; id++)
		moved += pulse_at(mem, id) != 5;
	assert_true(moved < 20);
	for (uint64_t id = 0; id < 20 * PULSE_COUNT; id++)
		pulse_beat(mem, id);
	for (uint64_t id = 0; id < PULSE_COUNT; id++)
		assert_true(pulse_at(mem, id) != 5);
}

/* 0 stands for "not known", at the start and once round. */
static void
is_never_0(void **state)
{
	static _Alignas(8) unsigned char mem[PULSE_BYTES];

	(void)state;
	pulse_begin(mem, 0);
	assert_int_equal(pulse_at(mem, 1), 1);
	pulse_begin(mem, UINT64_MAX);
	pulse_beat(mem, 1);
	assert_int_equal(pulse_at(mem, 1), 1);
	pulse_beat(mem, 1);
	assert_int_equal(pulse_at(mem, 1), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_seen), cmocka_unit_test(are_many),
		cmocka_unit_test(is_never_0),
	};

	return cmocka_run_group_tests_name("sys/pulse", tests, NULL, NULL);
}
