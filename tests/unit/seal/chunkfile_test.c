/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/seal/chunkfile.h"

#define PLAIN_MAX	100000

static unsigned char plain[PLAIN_MAX], got[PLAIN_MAX];
static unsigned char key[32];

static int
setup(void **state)
{
	size_t i;

	(void)state;
	cry_init();
	for (i = 0; i < PLAIN_MAX; i++)
		plain[i] = (unsigned char)(i * 31 + i / 200);
	return 0;
}

static int
file_of(size_t n, size_t step)
{
	int fd = memfd_create("chunkfile", MFD_CLOEXEC);
	struct chunkfile_writer *w = chunkfile_writer_new(chunkfile_write_fd, &fd);
	size_t at;

	assert_true(fd >= 0);
	for (at = 0; at < n; at += step)
		assert_int_equal(chunkfile_writer_put(w, slice_of(plain + at,
		    step < n - at ? step : n - at)), ERR_OK);
	assert_int_equal(chunkfile_writer_end(w), ERR_OK);
	assert_int_equal(chunkfile_writer_end(w), ERR_STATE);
	assert_int_equal(chunkfile_writer_plain_bytes(w), n);
	memcpy(key, chunkfile_writer_key(w), 32);
	chunkfile_writer_free(&w);
	assert_int_equal(lseek(fd, 0, SEEK_END), chunkfile_bytes(n));
	return fd;
}

static void
test_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 32768, PLAIN_MAX };
	static const size_t steps[] = { 777, 16384, PLAIN_MAX };
	struct chunkfile_reader *r;
	size_t i, k, at;

	(void)state;
	for (i = 0; i < lengthof(sizes); i++)
		for (k = 0; k < lengthof(steps); k++) {
			int fd = file_of(sizes[i], steps[k]);

			assert_int_equal(chunkfile_reader_new(&r, fd, key, sizes[i]), ERR_OK);
			assert_int_equal(chunkfile_reader_get(r, 0, got, sizes[i]), ERR_OK);
			assert_memory_equal(got, plain, sizes[i]);
			for (at = 0; at + 5 < sizes[i]; at += 16000) {
				assert_int_equal(chunkfile_reader_get(r, at, got, 5), ERR_OK);
				assert_memory_equal(got, plain + at, 5);
			}
			assert_int_equal(chunkfile_reader_get(r, sizes[i], got, 0), ERR_OK);
			assert_int_equal(chunkfile_reader_get(r, sizes[i], got, 1), ERR_END);
			assert_int_equal(chunkfile_reader_get(r, UINT64_MAX, got, 2), ERR_END);
			chunkfile_reader_free(&r);
			close(fd);
		}
}

static void
test_damage(void **state)
{
	struct chunkfile_reader *r;
	int fd = file_of(40000, 40000);
	unsigned char c, other[32] = { 0 };
	off_t at;

	(void)state;
	for (at = 0; at < 40048; at += 4000) {
		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 8;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		if (chunkfile_reader_new(&r, fd, key, 40000) == ERR_OK)
			assert_int_equal(chunkfile_reader_get(r, 0, got, 40000),
			    ERR_CORRUPT);
		else
			assert_null(r);
		chunkfile_reader_free(&r);
		c ^= 8;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	assert_int_equal(chunkfile_reader_new(&r, fd, other, 40000), ERR_CORRUPT);
	assert_int_equal(chunkfile_reader_new(&r, fd, key, 39999), ERR_CORRUPT);
	assert_int_equal(chunkfile_reader_new(&r, fd, key, UINT64_MAX), ERR_CORRUPT);
	/* Whole chunks cut off, and the length that would fit. */
	assert_int_equal(ftruncate(fd, (off_t)chunkfile_bytes(16384)), 0);
	assert_int_equal(chunkfile_reader_new(&r, fd, key, 16384), ERR_CORRUPT);
	assert_int_equal(ftruncate(fd, 16384 + 16), 0);
	assert_int_equal(chunkfile_reader_new(&r, fd, key, 16384), ERR_CORRUPT);
	/* It shrinks behind the reader's back. */
	close(fd);
	fd = file_of(40000, 40000);
	assert_int_equal(chunkfile_reader_new(&r, fd, key, 40000), ERR_OK);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(chunkfile_reader_get(r, 0, got, 40000), ERR_CORRUPT);
	chunkfile_reader_free(&r);
	close(fd);
}

static enum err
write_fails(void *arg, const void *p, size_t n, uint64_t off)
{
	unsigned *left = arg;

	(void)p;
	(void)n;
	(void)off;
	if (*left == 0)
		return ERR_FULL;
	--*left;
	return ERR_OK;
}

static void
test_write_failure(void **state)
{
	unsigned left;

	(void)state;
	for (left = 0; left < 3; left++) {
		unsigned n = left;
		struct chunkfile_writer *w = chunkfile_writer_new(write_fails, &n);
		enum err e = chunkfile_writer_put(w, slice_of(plain, 40000));

		if (left < 2) {
			assert_int_equal(e, ERR_FULL);
			assert_int_equal(chunkfile_writer_put(w, SLICE_LIT("x")), ERR_STATE);
			assert_int_equal(chunkfile_writer_end(w), ERR_STATE);
		} else {
			assert_int_equal(e, ERR_OK);
			assert_int_equal(chunkfile_writer_end(w), ERR_FULL);
		}
		chunkfile_writer_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_write_failure),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
