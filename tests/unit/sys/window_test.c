/* SPDX-License-Identifier: ISC */
#include "lib/sys/window.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "tests/unit/test.h"

#define BYTES	8192

static void
is_shared(void **state)
{
	const unsigned char *there, *mem;
	unsigned char *here;
	int fd;

	(void)state;
	assert_int_equal(window_make("test", BYTES, &fd, &here), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(window_open(fd, BYTES, &there), ERR_OK);
	assert_int_equal(there[BYTES - 1], 0);
	memcpy(here + BYTES - 5, "hello", 5);
	assert_memory_equal(there + BYTES - 5, "hello", 5);
	/* It lives as long as its mappings. */
	fd_close(&fd);
	here[0] = 7;
	assert_int_equal(there[0], 7);
	mem = here;
	window_close(&mem, BYTES);
	assert_null(mem);
	window_close(&mem, BYTES);
	assert_int_equal(there[0], 7);
	window_close(&there, BYTES);
}

/* Whoever has the descriptor can neither resize nor write it. */
static void
is_the_makers(void **state)
{
	const unsigned char *mem;
	unsigned char *here;
	int fd;

	(void)state;
	assert_int_equal(window_make("test", BYTES, &fd, &here), ERR_OK);
	assert_true(ftruncate(fd, 1) < 0);
	assert_true(ftruncate(fd, BYTES + 1) < 0);
	assert_true(pwrite(fd, "x", 1, 0) < 0);
	assert_true(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	    MAP_FAILED);
	assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	mem = here;
	window_close(&mem, BYTES);
	fd_close(&fd);
}

/* What could shrink under its reader is refused, and what has another size. */
static void
others_are_refused(void **state)
{
	const unsigned char *mem;
	unsigned char *here;
	int fd, fds[2];

	(void)state;
	assert_int_equal(fd_memfd_make("test", &fd), ERR_OK);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(window_open(fd, BYTES, &mem), ERR_VIOLATION);
	assert_null(mem);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(window_open(fd, BYTES, &mem), ERR_VIOLATION);
	fd_close(&fd);
	assert_int_equal(fd_pair(fds), ERR_OK);
	assert_int_equal(window_open(fds[0], BYTES, &mem), ERR_VIOLATION);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	assert_int_equal(window_make("test", BYTES, &fd, &here), ERR_OK);
	assert_int_equal(window_open(fd, BYTES / 2, &mem), ERR_VIOLATION);
	assert_int_equal(window_open(fd, BYTES + 1, &mem), ERR_VIOLATION);
	mem = here;
	window_close(&mem, BYTES);
	fd_close(&fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_shared), cmocka_unit_test(is_the_makers),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests_name("sys/window", tests, NULL, NULL);
}
