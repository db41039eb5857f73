/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyd/key_book.h"
#include "lib/crypto/cry.h"

static const unsigned char key[32] = { 1 };
static char dir_name[64];
static int dir_fd;
static struct key_book *book;

static void
open_book(void)
{
	const char *why;

	assert_int_equal(key_book_open(&book, dir_fd, "book", key, &why), ERR_OK);
}

static int
setup(void **state)
{
	(void)state;
	cry_init();
	(void)snprintf(dir_name, sizeof(dir_name), "/tmp/godwit-book-XXXXXX");
	assert_non_null(mkdtemp(dir_name));
	dir_fd = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	open_book();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	key_book_free(&book);
	(void)unlinkat(dir_fd, "book", 0);
	(void)close(dir_fd);
	(void)rmdir(dir_name);
	return 0;
}

static enum err
put(const char *name, const char *bytes, uint64_t keep_until_s)
{
	const struct key_book_put p = { .name = slice_str(name), .bytes = slice_str(bytes),
		.keep_until_s = keep_until_s, .now_s = 1000, .max = 3 };

	return key_book_put(book, &p);
}

static void
is(const char *name, const char *bytes)
{
	const struct key_book_entry *e = key_book_find(book, slice_str(name));

	if (bytes == NULL) {
		assert_null(e);
		return;
	}
	assert_non_null(e);
	assert_true(slice_eq_str(e->bytes, bytes));
}

static void
test_kept(void **state)
{
	(void)state;
	assert_int_equal(put("a", "one", 0), ERR_OK);
	assert_int_equal(put("b", "two", 5000), ERR_OK);
	assert_int_equal(put("a", "three", 0), ERR_OK);
	assert_int_equal(put("c", "four", 0), ERR_OK);
	assert_int_equal(put("c", "", 0), ERR_OK);
	assert_int_equal(put("d", "", 0), ERR_OK);	/* never was */
	key_book_free(&book);
	open_book();
	assert_int_equal(key_book_count(book), 2);
	is("a", "three");
	is("b", "two");
	is("c", NULL);
	assert_int_equal(key_book_find(book, SLICE_LIT("b"))->keep_until_s, 5000);
}

static void
test_full(void **state)
{
	(void)state;
	assert_int_equal(put("a", "1", 0), ERR_OK);
	assert_int_equal(put("b", "2", 0), ERR_OK);
	assert_int_equal(put("c", "3", 1001), ERR_OK);
	key_book_touch(book, SLICE_LIT("a"));
	assert_int_equal(put("d", "4", 1001), ERR_OK);	/* the longest unused */
	is("b", NULL);
	assert_int_equal(put("e", "5", 1001), ERR_OK);
	is("a", NULL);
	/* All are kept beyond now. */
	assert_int_equal(put("f", "6", 0), ERR_FULL);
	assert_int_equal(put("c", "7", 1001), ERR_OK);
	assert_int_equal(put("e", "", 0), ERR_OK);
	assert_int_equal(put("f", "6", 0), ERR_OK);
	key_book_free(&book);
	open_book();
	assert_int_equal(key_book_count(book), 3);
	is("c", "7");
}

static void
test_limits(void **state)
{
	static char big[KEY_BOOK_BYTES_MAX + 1];
	struct key_book_put p = { .name = slice_of(big, KEY_BOOK_NAME_MAX),
		.bytes = slice_of(big, KEY_BOOK_BYTES_MAX), .max = 3 };

	(void)state;
	assert_int_equal(key_book_put(book, &p), ERR_OK);
	p.bytes.n++;
	assert_int_equal(key_book_put(book, &p), ERR_LIMIT);
	p.bytes.n--;
	p.name.n++;
	assert_int_equal(key_book_put(book, &p), ERR_LIMIT);
	p.name.n = 0;
	assert_int_equal(key_book_put(book, &p), ERR_LIMIT);
}

/* It grows and is written anew, and loses nothing. */
static void
test_rewritten(void **state)
{
	static char big[KEY_BOOK_BYTES_MAX];
	struct key_book_put p = { .name = SLICE_LIT("big"), .bytes = slice_of(big, sizeof(big)),
		.max = 3 };

	(void)state;
	assert_int_equal(put("a", "1", 77), ERR_OK);
	for (unsigned i = 0; i < 200; i++) {
		big[0] = (char)i;
		assert_int_equal(key_book_put(book, &p), ERR_OK);
	}
	key_book_free(&book);
	open_book();
	is("a", "1");
	assert_int_equal(key_book_find(book, SLICE_LIT("a"))->keep_until_s, 77);
	assert_int_equal(key_book_find(book, SLICE_LIT("big"))->bytes.p[0], (char)199);
}

static void
test_other_key(void **state)
{
	const unsigned char other[32] = { 2 };
	const char *why;

	(void)state;
	assert_int_equal(put("a", "1", 0), ERR_OK);
	key_book_free(&book);
	assert_int_equal(key_book_open(&book, dir_fd, "book", other, &why), ERR_DENIED);
	assert_null(book);
	assert_non_null(strstr(why, "root key"));
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept), TEST(test_full), TEST(test_limits), TEST(test_rewritten),
		TEST(test_other_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
