/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf_small.h"

static void
test_cap_is_sticky(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_put_str(&b, "12345678");
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_put_char(&b, '9');
	assert_int_equal(buf_err(&b), ERR_FULL);
	assert_slice(buf_slice(&b), "12345678");
	buf_consume(&b, 4);
	buf_put_str(&b, "x");		/* still refused: sticky */
	assert_slice(buf_slice(&b), "5678");
	buf_reset(&b);
	buf_put_str(&b, "x");
	assert_slice(buf_slice(&b), "x");
	assert_string_equal(buf_cstr(&b), "x");
	buf_fini(&b);
}

static void
test_stream(void **state)
{
	struct buf b;
	unsigned char next_in = 0, next_out = 0;
	size_t n;

	(void)state;
	buf_init(&b, 1000);
	b.secret = true;
	for (unsigned round = 0; round < 20000; round++) {
		n = (round * 7919) % 61;
		for (size_t i = 0; i < n && b.n < 1000; i++)
			buf_put_char(&b, (char)next_in++);
		n = (round * 104729) % 61;
		for (size_t i = 0; i < n && b.n > 0; i++) {
			assert_int_equal((unsigned char)*buf_data(&b), next_out);
			next_out++;
			buf_consume(&b, 1);
		}
	}
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
}

static void
test_printf(void **state)
{
	struct buf b;
	char big[600];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_init(&b, 4096);
	buf_printf(&b, "%d %s", 7, "seven");
	assert_slice(buf_slice(&b), "7 seven");
	buf_printf(&b, "%s", big);
	assert_int_equal(b.n, 7 + 599);
	buf_put_num(&b, UINT64_MAX);
	assert_true(slice_ends(buf_slice(&b), "x18446744073709551615"));
	buf_fini(&b);
}

static void
test_arena(void **state)
{
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, 4096);
	for (int i = 0; i < 100; i++) {
		p = arena_alloc(&a, 1, 32);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, i, 32);
	}
	assert_non_null(arena_alloc(&a, 1, 896));
	assert_null(arena_alloc(&a, 1, 1));	/* the cap, exactly */
	assert_null(arena_dup(&a, slice_str("x")).p);
	arena_reset(&a);
	assert_null(arena_alloc(&a, SIZE_MAX / 2, 4));
	assert_slice(arena_dup(&a, slice_str("abc")), "abc");
	arena_fini(&a);
}

/* What is lent holds so much, is neither grown nor passed, and stays in its place. */
static void
test_lent(void **state)
{
	char mem[10] = "..........";
	struct buf b;

	(void)state;
	buf_lend(&b, mem, 9);
	buf_put(&b, "abcd", 4);
	assert_ptr_equal(buf_reserve(&b, 4), mem + 4);
	memcpy(mem + 4, "efgh", 4);
	buf_commit(&b, 4);
	assert_slice(buf_slice(&b), "abcdefgh");
	assert_ptr_equal(buf_data(&b), mem);
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_put(&b, "i", 1);
	assert_int_equal(buf_err(&b), ERR_FULL);
	assert_int_equal(mem[9], '.');
}

/* Of the struct up to its bytes, of the heap beyond them; the cap is what was asked for. */
static void
test_small(void **state)
{
	static const size_t maxes[] = { 0, 7, BUF_SMALL_BYTES, BUF_SMALL_BYTES + 1 };
	char text[BUF_SMALL_BYTES + 2];
	struct buf_small s;
	struct buf *b;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < lengthof(maxes); i++) {
		b = buf_small_init(&s, maxes[i]);
		buf_put(b, text, maxes[i] / 2);
		buf_put(b, text, maxes[i] - maxes[i] / 2);
		assert_int_equal(b->n, maxes[i]);
		assert_int_equal(buf_data(b) == s.mem, maxes[i] <= BUF_SMALL_BYTES);
		assert_int_equal(buf_err(b), ERR_OK);
		buf_put_char(b, 'y');
		assert_int_equal(buf_err(b), ERR_FULL);
		assert_int_equal(b->n, maxes[i]);
		buf_small_fini(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lent), cmocka_unit_test(test_small),
		cmocka_unit_test(test_cap_is_sticky), cmocka_unit_test(test_stream),
		cmocka_unit_test(test_printf), cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
