/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "lib/sys/fd.h"
#include "lib/daemon/intake_spool.h"

#define PIECE	65536

static char piece[PIECE];

static void
test_memory(void **state)
{
	struct intake_pool pool = { 0, 1u << 20 };
	struct intake_spool sp;
	struct slice key;
	uint64_t bytes, seen;
	uint8_t form;
	char back[8];
	int fd;

	(void)state;
	intake_spool_init(&sp, &pool);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("hello ")), ERR_OK);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("x")), ERR_OK);
	assert_int_equal(pool.used_bytes, 7);
	assert_int_equal(intake_spool_finish(&sp, &fd, &form, &key, &bytes), ERR_OK);
	assert_int_equal(pool.used_bytes, 0);
	assert_int_equal(form, QUEUE_FORM_MEMFD);
	assert_int_equal(bytes, 7);
	assert_int_equal(key.n, 0);
	assert_int_equal(fd_memfd_check(fd, 100, &seen), ERR_OK);
	assert_int_equal(seen, 7);
	assert_int_equal(fd_pread_all(fd, back, 7, 0), ERR_OK);
	assert_memory_equal(back, "hello x", 7);
	intake_spool_reset(&sp);
	assert_int_equal(sp.fd, -1);
}

/* At the limit memory; one byte more asks for a file. */
static void
test_limit(void **state)
{
	struct intake_pool pool = { 0, 1u << 20 };
	struct intake_spool sp;

	(void)state;
	intake_spool_init(&sp, &pool);
	for (size_t n = 0; n < QUEUE_MEMFD_MAX; n += PIECE)
		assert_int_equal(intake_spool_put(&sp, slice_of(piece, PIECE)), ERR_OK);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("x")), ERR_AGAIN);
	assert_int_equal(sp.at, SPOOL_ASKED);
	intake_spool_reset(&sp);
	assert_int_equal(pool.used_bytes, 0);
}

static void
test_file(void **state)
{
	struct intake_pool pool = { 0, 1u << 20 };
	struct chunkfile_reader *r = NULL;
	struct intake_spool sp;
	struct slice key;
	uint64_t bytes;
	uint8_t form;
	char back[4];
	int fd;

	(void)state;
	intake_spool_init(&sp, &pool);
	for (size_t n = 0; n < QUEUE_MEMFD_MAX; n += PIECE)
		assert_int_equal(intake_spool_put(&sp, slice_of(piece, PIECE)), ERR_OK);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("abc")), ERR_AGAIN);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("d")), ERR_AGAIN);
	assert_int_equal(intake_spool_finish(&sp, &fd, &form, &key, &bytes), ERR_STATE);
	fd = memfd_create("file", 0);
	assert_int_equal(intake_spool_use_file(&sp, fd), ERR_OK);
	assert_int_equal(pool.used_bytes, 0);
	assert_int_equal(intake_spool_put(&sp, SLICE_LIT("e")), ERR_OK);
	assert_int_equal(intake_spool_finish(&sp, &fd, &form, &key, &bytes), ERR_OK);
	assert_int_equal(form, QUEUE_FORM_FILE);
	assert_int_equal(bytes, QUEUE_MEMFD_MAX + 5);
	assert_int_equal(chunkfile_reader_new(&r, fd, (const unsigned char *)key.p, bytes), ERR_OK);
	assert_int_equal(chunkfile_reader_get(r, QUEUE_MEMFD_MAX + 1, back, 4), ERR_OK);
	assert_memory_equal(back, "bcde", 4);
	chunkfile_reader_free(&r);
	intake_spool_reset(&sp);
}

/* The memory of all: over the cap into a file, over twice the cap refused. */
static void
test_pool(void **state)
{
	struct intake_pool pool = { 0, 100 };
	struct intake_spool a, b;

	(void)state;
	intake_spool_init(&a, &pool);
	intake_spool_init(&b, &pool);
	assert_int_equal(intake_spool_put(&a, slice_of(piece, 100)), ERR_OK);
	assert_int_equal(intake_spool_put(&b, slice_of(piece, 1)), ERR_AGAIN);
	assert_int_equal(intake_spool_put(&a, slice_of(piece, 99)), ERR_AGAIN);
	assert_int_equal(intake_spool_put(&a, slice_of(piece, 1)), ERR_FULL);
	intake_spool_fail(&b, ERR_GONE);
	assert_int_equal(intake_spool_put(&b, slice_of(piece, 1)), ERR_GONE);
	intake_spool_reset(&a);
	intake_spool_reset(&b);
	assert_int_equal(pool.used_bytes, 0);
	assert_int_equal(intake_spool_put(&b, slice_of(piece, 1)), ERR_OK);
	intake_spool_reset(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_pool),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
