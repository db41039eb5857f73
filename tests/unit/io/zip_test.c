/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/io/zip.h"

#define TEXT_BYTES	200000u

static struct zip_shared	*shared;
static struct zip		*z;
static struct buf		 plain, wire, back;

static int
setup(void **state)
{
	uint32_t x = 1;

	(void)state;
	shared = zip_shared_new();
	z = zip_new(shared);
	buf_init(&plain, 64u << 20);
	buf_init(&wire, 64u << 20);
	buf_init(&back, 64u << 20);
	while (plain.n < TEXT_BYTES) {
		x = x * 1664525 + 1013904223;
		buf_printf(&plain, "a%u UID FETCH %u (FLAGS)\r\n", x >> 28, x >> 18);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	zip_free(&z);
	zip_shared_free(&shared);
	buf_fini(&plain);
	buf_fini(&wire);
	buf_fini(&back);
	return 0;
}

/* All that can be had of what was fed. */
static enum err
drain(size_t max)
{
	struct slice s;
	enum err e;

	for (;;) {
		s = SLICE_NONE;
		e = zip_inflate(z, max, &s);
		assert_true(s.n <= max && s.n <= ZIP_PIECE);
		buf_put_slice(&back, s);
		if (e != ERR_OK && s.n == 0)
			return e;
	}
}

/* As a client compresses: one stream, flushed after each command. */
static void
compress_stream(int flush, size_t step, int level)
{
	unsigned char out[70000];
	z_stream d = { 0 };

	assert_int_equal(deflateInit2(&d, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	buf_reset(&wire);
	for (size_t at = 0; at < plain.n; at += step) {
		struct slice s = slice_head(slice_from(buf_slice(&plain), at), step);

		d.next_in = (unsigned char *)(uintptr_t)s.p;
		d.avail_in = (uInt)s.n;
		do {
			d.next_out = out;
			d.avail_out = sizeof(out);
			assert_true(deflate(&d, flush) != Z_STREAM_ERROR);
			buf_put(&wire, out, sizeof(out) - d.avail_out);
		} while (d.avail_out == 0);
	}
	deflateEnd(&d);
}

/* Whatever the client's flushes and our pieces, resting at each chance. */
static void
test_inflate(void **state)
{
	static const int flushes[] = { Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FULL_FLUSH, Z_BLOCK };
	static const size_t feeds[] = { 1, 7, 1000, 40000 };
	static const size_t maxes[] = { 1, 100, 1u << 20 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 4; k++) {
			compress_stream(flushes[i], 3000, i == 2 ? 0 : 6);
			buf_reset(&back);
			zip_free(&z);
			z = zip_new(shared);
			for (size_t at = 0; at < wire.n; at += feeds[k]) {
				zip_feed(z, slice_head(slice_from(buf_slice(&wire), at), feeds[k]));
				assert_int_equal(drain(maxes[(i + k) % 3]), ERR_AGAIN);
				assert_false(zip_has_input(z));
				zip_rest(z);
				assert_true(zip_held(z) < 33000);
			}
			/* Z_BLOCK may hold back some bits to the end. */
			assert_true(back.n == plain.n || flushes[i] == Z_BLOCK);
			assert_memory_equal(buf_data(&back), buf_data(&plain), back.n);
		}
	}
}

/* A session that said little holds little. */
static void
test_rest(void **state)
{
	(void)state;
	buf_truncate(&plain, 500);
	compress_stream(Z_SYNC_FLUSH, 100, 6);
	zip_feed(z, buf_slice(&wire));
	assert_int_equal(drain(1000), ERR_AGAIN);
	zip_rest(z);
	assert_true(zip_held(z) <= 700);
	assert_memory_equal(buf_data(&back), buf_data(&plain), 500);
}

/* What we send is readable as one stream, piece after piece, of two connections. */
static void
test_deflate(void **state)
{
	struct zip *other = zip_new(shared);
	struct buf scrap;
	size_t at = 0;

	(void)state;
	buf_init(&scrap, 64u << 20);
	for (size_t step = 1; at < plain.n; at += step, step = step * 3 % 70001) {
		zip_deflate(z, slice_head(slice_from(buf_slice(&plain), at), step), &wire);
		zip_deflate(other, SLICE_LIT("* OK Still here\r\n"), &scrap);
	}
	assert_true(wire.n < plain.n);
	zip_feed(z, buf_slice(&wire));
	assert_int_equal(drain(1u << 20), ERR_AGAIN);
	assert_int_equal(back.n, plain.n);
	assert_memory_equal(buf_data(&back), buf_data(&plain), plain.n);
	zip_free(&other);
	buf_fini(&scrap);
}

/* 100 MB out of 100 KB come in pieces; nobody has to take more than one. */
static void
test_bomb(void **state)
{
	struct slice s;
	size_t pieces = 0;

	(void)state;
	buf_reset(&plain);
	for (int i = 0; i < 100 << 10; i++)
		buf_put_slice(&plain, SLICE_LIT("aaaaaaaaaaaaaaaa" "aaaaaaaaaaaaaaaa" "aaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaa"));
	compress_stream(Z_SYNC_FLUSH, plain.n, 9);
	assert_true(wire.n < 10000);
	zip_feed(z, buf_slice(&wire));
	while (zip_inflate(z, 1u << 20, &s) == ERR_OK) {
		assert_true(s.n <= ZIP_PIECE);
		pieces++;
	}
	assert_true(pieces >= plain.n / ZIP_PIECE);
}

static void
test_damaged(void **state)
{
	struct slice s;

	(void)state;
	zip_feed(z, SLICE_LIT("\x07\xff\xff"));
	assert_int_equal(zip_inflate(z, 100, &s), ERR_CORRUPT);
	/* a stream that ends: there is no such thing in a session */
	zip_free(&z);
	z = zip_new(shared);
	zip_feed(z, SLICE_LIT("\x03\x00" "more"));
	assert_int_equal(drain(100), ERR_CORRUPT);
	/* a reference to what never was */
	zip_free(&z);
	z = zip_new(shared);
	zip_feed(z, SLICE_LIT("\x4b\x04\xa2\x84\x44\x00\x92"));
	(void)drain(100);
}

/* What follows the end of compression is left. */
static void
test_left(void **state)
{
	struct slice s;

	(void)state;
	buf_truncate(&plain, 50);
	compress_stream(Z_SYNC_FLUSH, 50, 6);
	buf_put_slice(&wire, SLICE_LIT("b NOOP\r\n"));
	zip_feed(z, buf_slice(&wire));
	do
		assert_int_equal(zip_inflate(z, 1000, &s), ERR_OK);
	while (s.n == 0);
	assert_int_equal(s.n, 50);
	/* the rest of the flush may come before it */
	assert_slice(zip_left(z), "b NOOP\r\n");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_inflate), T(test_rest), T(test_deflate), T(test_bomb), T(test_damaged),
		T(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
