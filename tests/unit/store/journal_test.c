/* SPDX-License-Identifier: ISC */
/* How the journal's files are written: past the page cache, into bytes that were filled before. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_journal.h"

struct bed {
	char		 dir[32];
	int		 dir_fd;
	struct journal	 journal;
	struct buf	 batch;
};

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	strcpy(b->dir, "/tmp/journal-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->dir_fd = open(b->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(journal_open(&b->journal, b->dir_fd, 0), ERR_OK);
	journal_start(&b->journal);
	buf_init(&b->batch, JOURNAL_BYTES);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	journal_close(&b->journal);
	assert_int_equal(unlinkat(b->dir_fd, "journal.0", 0), 0);
	close(b->dir_fd);
	assert_int_equal(rmdir(b->dir), 0);
	buf_fini(&b->batch);
	free(b);
	return 0;
}

static struct slice
make_batch(struct bed *b, size_t n, uint64_t number)
{
	journal_batch_begin(&b->batch);
	for (size_t i = 0; i < n; i++)
		buf_put_char(&b->batch, (char)(number + i % 251));
	journal_batch_end(&b->batch, number, n);
	return buf_slice(&b->batch);
}

/* What another process reads there. */
static void
check_there(const struct bed *b, uint64_t at, struct slice s)
{
	char *got = malloc(s.n);
	int fd = openat(b->dir_fd, "journal.0", O_RDONLY);

	assert_non_null(got);
	assert_int_equal(pread(fd, got, s.n, (off_t)at), s.n);
	assert_memory_equal(got, s.p, s.n);
	close(fd);
	free(got);
}

static off_t
first_hole(const struct bed *b)
{
	off_t at = lseek(b->journal.fd, 0, SEEK_HOLE);

	assert_true(at >= 0);
	return at;
}

/* A descriptor of this file system past the cache, where that is to be had. */
static bool
takes_direct(const struct bed *b)
{
	int fd = openat(b->dir_fd, "journal.0", O_RDWR | O_DIRECT);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
test_past_the_cache(void **state)
{
	struct bed *b = *state;
	bool direct = takes_direct(b);
	struct slice s = make_batch(b, 5000, 1);

	assert_int_equal(journal_write(&b->journal, 0, s), ERR_OK);
	assert_int_equal(b->journal.is_direct, direct);
	assert_int_equal((fcntl(b->journal.fd, F_GETFL) & O_DIRECT) != 0, direct);
	check_there(b, 0, s);
}

/* One piece for all the batches within it, none behind the end. */
static void
test_filled_ahead(void **state)
{
	struct bed *b = *state;
	struct slice s = make_batch(b, 4096 - JOURNAL_HEAD_BYTES, 7);
	struct stat st;

	assert_int_equal(s.n, 4096);
	for (uint64_t at = 0; at < JOURNAL_PIECE_BYTES; at += s.n) {
		assert_int_equal(journal_write(&b->journal, at, s), ERR_OK);
		assert_int_equal(b->journal.filled, JOURNAL_PIECE_BYTES);
	}
	assert_true(first_hole(b) >= (off_t)JOURNAL_PIECE_BYTES);
	assert_int_equal(journal_write(&b->journal, JOURNAL_PIECE_BYTES - 512, s), ERR_OK);
	assert_int_equal(b->journal.filled, 2 * JOURNAL_PIECE_BYTES);
	check_there(b, JOURNAL_PIECE_BYTES - 512, s);
	assert_int_equal(journal_write(&b->journal, JOURNAL_BYTES - s.n, s), ERR_OK);
	assert_int_equal(b->journal.filled, JOURNAL_BYTES);
	assert_int_equal(fstat(b->journal.fd, &st), 0);
	assert_int_equal(st.st_size, JOURNAL_BYTES);
	/* What stood before it is not filled again. */
	check_there(b, 0, s);
	/* The next use of the file. */
	assert_int_equal(journal_write(&b->journal, 0, s), ERR_OK);
	check_there(b, 4096, s);
}

static void
test_more_than_a_piece(void **state)
{
	struct bed *b = *state;
	struct slice s = make_batch(b, 3 * JOURNAL_PIECE_BYTES + 1000, 3), file;
	struct journal_batch got;
	size_t offset = 0;

	assert_int_equal(journal_write(&b->journal, 0, s), ERR_OK);
	check_there(b, 0, s);
	file = s;
	assert_int_equal(journal_next(file, &offset, 0, &got), ERR_OK);
	assert_int_equal(offset, s.n);
}

/* A device whose sectors are larger than a batch's alignment says EINVAL. */
static void
test_large_sectors(void **state)
{
	struct bed *b = *state;
	struct slice s = make_batch(b, 2000, 9);

	assert_int_equal(journal_write(&b->journal, 0, s), ERR_OK);
	assert_int_equal(journal_write(&b->journal, 100, s), ERR_OK);
	assert_false(b->journal.is_direct);
	assert_int_equal(fcntl(b->journal.fd, F_GETFL) & O_DIRECT, 0);
	check_there(b, 100, s);
	assert_int_equal(journal_write(&b->journal, 8192, s), ERR_OK);
	check_there(b, 8192, s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_past_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filled_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_than_a_piece, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_sectors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
