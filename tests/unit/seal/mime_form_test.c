/* SPDX-License-Identifier: ISC */
/*
 * The form of a sealed message: every range of it, with the object's bytes in
 * pieces of any length, is the piece of the whole that it should be.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_mime.h"

static char object[400];
static const char commitment[32] = "c", wrapped[60] = "w", epoch[80] = "e", account[80] = "a";

static struct seal_mime_facts
facts(void)
{
	return (struct seal_mime_facts){ .account = 7, .content = 255, .generation = 3,
		.commitment = slice_of(commitment, 32), .content_key = slice_of(wrapped, 60),
		.epoch = 9, .epoch_generation = 3, .epoch_is_sealed = true, .epoch_key = slice_of(epoch, 80),
		.internal_s = 1763719440 };
}

/* [a, b) with the object in pieces of step bytes. */
static void
take(struct seal_mime *s, uint64_t a, uint64_t b, size_t step, struct buf *out)
{
	uint64_t off, n;
	enum err e;

	seal_mime_range(s, a, b, &off, &n);
	assert_true(off + n <= s->object_bytes);
	while ((e = seal_mime_read(s, out)) != ERR_END) {
		size_t k = n < step ? (size_t)n : step;

		if (e == ERR_OK)
			continue;
		assert_int_equal(e, ERR_AGAIN);
		assert_true(k > 0);
		seal_mime_put(s, slice_of(object + off, k), out);
		off += k;
		n -= k;
	}
	/* Not a line more was asked for than the range needs. */
	assert_true(n == 0);
}

static void
make(struct seal_mime *s, size_t n, struct buf *whole)
{
	struct seal_mime_facts f = facts();

	seal_mime_init(s);
	assert_int_equal(seal_mime_begin(s, &f, n), ERR_OK);
	take(s, 0, UINT64_MAX, 4096, whole);
	assert_int_equal(whole->n, seal_mime_bytes(s));
}

static void
test_whole(void **state)
{
	static const char head[] = "Date: Fri, 21 Nov 2025 10:04:00 +0000\r\n"
	    "From: \"...\" <sealed@godwit.invalid>\r\n";
	struct seal_mime_facts f = facts();
	struct seal_mime s;
	struct buf whole, want;
	struct slice text;

	(void)state;
	buf_init(&whole, 1u << 20);
	make(&s, 100, &whole);
	text = buf_slice(&whole);
	assert_true(slice_starts(text, head));
	assert_memory_equal(text.p + s.header_bytes - 4, "\r\n\r\n", 4);
	buf_init(&want, 1000);
	enc_put_base64(&want, slice_of(object, 57));
	buf_put_str(&want, "\r\n");
	enc_put_base64(&want, slice_of(object + 57, 43));
	buf_put_str(&want, "\r\n--=_sealed--\r\n");
	assert_true(text.n > want.n);
	assert_memory_equal(text.p + text.n - want.n, buf_data(&want), want.n);
	/* Its epoch's key is under a later pair than the content was sealed to. */
	assert_null(memmem(text.p, text.n, "Epoch-Generation", 16));
	f.epoch_generation = 5;
	assert_int_equal(seal_mime_begin(&s, &f, 100), ERR_OK);
	assert_non_null(memmem(buf_data(&s.head), s.head.n,
	    "Generation: 3\r\nCommitment", 25));
	assert_non_null(memmem(buf_data(&s.head), s.head.n,
	    "Epoch: 9\r\nEpoch-Generation: 5\r\nEpoch-Key-Sealed", 47));
	f.epoch_generation = 3;
	/* More to say of a key that moved. */
	f.account_key = slice_of(account, 80);
	f.account_key_to = 4;
	assert_int_equal(seal_mime_begin(&s, &f, 100), ERR_OK);
	assert_true(seal_mime_bytes(&s) > whole.n);
	/* None of the facts is ever that long. */
	f.account_key = slice_of(object, 129);
	assert_int_equal(seal_mime_begin(&s, &f, 100), ERR_LIMIT);
	f.account_key.n = 128;
	assert_int_equal(seal_mime_begin(&s, &f, 100), ERR_OK);
	seal_mime_fini(&s);
	buf_fini(&want);
	buf_fini(&whole);
}

static void
test_ranges(void **state)
{
	static const size_t lengths[] = { 0, 1, 56, 57, 58, 114, 115, 171, 200 };
	static const size_t steps[] = { 1, 7, 57, 64, 400 };
	struct buf whole, piece;
	struct seal_mime s;

	(void)state;
	buf_init(&whole, 1u << 20);
	buf_init(&piece, 1u << 20);
	for (size_t l = 0; l < lengthof(lengths); l++) {
		buf_reset(&whole);
		make(&s, lengths[l], &whole);
		for (size_t a = s.head.n - 5; a <= whole.n + 1; a++)
			for (size_t b = a; b <= whole.n + 1; b += b - a > 90 ? 31 : 1) {
				size_t end = b < whole.n ? b : whole.n;

				buf_reset(&piece);
				take(&s, a, b, steps[(a + b) % lengthof(steps)], &piece);
				assert_int_equal(piece.n, a < end ? end - a : 0);
				assert_memory_equal(buf_data(&piece), buf_data(&whole) + (a < end ? a : 0),
				    piece.n);
			}
		seal_mime_fini(&s);
	}
	buf_fini(&whole);
	buf_fini(&piece);
}

/* Text of the same form and length, in turns. */
static void
test_blank(void **state)
{
	struct buf whole, blank;
	struct seal_mime s;
	bool more;

	(void)state;
	buf_init(&whole, 1u << 20);
	buf_init(&blank, 1u << 20);
	for (size_t n = 0; n <= sizeof(object); n++) {
		for (size_t max = 1; max < 400; max += 111) {
			uint64_t off = 0;

			buf_reset(&whole);
			buf_reset(&blank);
			make(&s, n, &whole);
			do
				more = seal_mime_blank(&s, &off, max, &blank);
			while (more);
			assert_int_equal(blank.n, whole.n);
			for (size_t i = 0; i < whole.n; i++)
				assert_int_equal(buf_data(&blank)[i] == '\n', buf_data(&whole)[i] == '\n');
			seal_mime_fini(&s);
		}
	}
	buf_fini(&whole);
	buf_fini(&blank);
}

/* STATUS SIZE: never less than what FETCH says of all. */
static void
test_most(void **state)
{
	static const uint64_t plain[] = { 1, 1000, 16384, 131072, 131073, 3000000, 1ull << 32 };
	struct seal_mime_facts f = facts();
	struct seal_mime s;

	(void)state;
	f.account_key = slice_of(account, 80);
	seal_mime_init(&s);
	for (size_t i = 0; i < lengthof(plain); i++) {
		/* Tags and the table; of frames, what zstd adds: 1/256. */
		uint64_t frames = (plain[i] + SEAL_FRAME_BYTES - 1) / SEAL_FRAME_BYTES;
		uint64_t bytes = SEAL_HEAD_BYTES + plain[i] + frames * 600 +
		    16 * (plain[i] / SEAL_CHUNK_BYTES + 2) + 4 * frames + 20;

		assert_int_equal(seal_mime_begin(&s, &f, bytes), ERR_OK);
		assert_true(seal_mime_bytes(&s) <= seal_mime_most(plain[i], 1));
		assert_true(10 * seal_mime_bytes(&s) <= seal_mime_most(10 * plain[i], 10));
	}
	seal_mime_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_blank), cmocka_unit_test(test_most),
	};

	for (size_t i = 0; i < sizeof(object); i++)
		object[i] = (char)(i * 7 + i / 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
