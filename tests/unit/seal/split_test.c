/* SPDX-License-Identifier: ISC */
/*
 * Entries taken out of an object on its way: in any pieces, at the limits,
 * and what is left opens as an object at rest.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/seal/seal_split.h"

#define OBJECT_MAX	(1u << 20)
#define WRAPPED		80

static const unsigned char key[SEAL_KEY_BYTES] = { 1, 2, 3 };

static void
put_entries(struct buf *b, unsigned count, size_t wrapped)
{
	char bytes[4096];
	struct seal_entry en = { .algorithm = 1, .generation = 3, .wrapped = slice_of(bytes, wrapped) };

	memset(bytes, 'w', sizeof(bytes));
	for (unsigned i = 0; i < count; i++) {
		en.key_id[6] = (unsigned char)(i >> 8);
		en.key_id[7] = (unsigned char)i;
		seal_entry_put(b, &en);
	}
}

/* The text sealed, with so many entries; what they take up. */
static size_t
make_object(struct buf *out, struct slice text, bool compress, unsigned entries)
{
	struct seal_press *press = seal_press_new();
	struct seal_writer *w = seal_writer_new(press);
	struct buf b;
	size_t n;

	buf_init(&b, OBJECT_MAX);
	put_entries(&b, entries, WRAPPED);
	buf_init(out, OBJECT_MAX);
	assert_int_equal(seal_writer_begin(w, CRY_AES256_GCM, key, text.n,
	    compress ? SEAL_ZSTD : SEAL_STORED), ERR_OK);
	assert_int_equal(seal_writer_entries(w, entries, buf_slice(&b)), ERR_OK);
	assert_int_equal(seal_writer_put(w, text, out), ERR_OK);
	assert_int_equal(seal_writer_end(w, out), ERR_OK);
	n = b.n;
	buf_fini(&b);
	seal_writer_free(&w);
	seal_press_free(&press);
	return n;
}

/* Splits an object that comes as two pieces and then byte by byte, or the other way round. */
static void
split(struct slice object, size_t at, size_t step, struct buf *rest)
{
	unsigned char head[SEAL_HEAD_BYTES];
	struct slice piece = slice_head(object, at), more = slice_from(object, at);
	struct seal_split s;

	seal_split_init(&s);
	while (seal_split_take(&s, &piece) == ERR_SHORT) {
		assert_int_equal(piece.n, 0);
		assert_true(more.n > 0);
		piece = slice_head(more, step);
		more = slice_from(more, piece.n);
	}
	assert_true(seal_head_fits(&s.head, object.n));
	assert_false(seal_head_fits(&s.head, object.n - seal_split_entries_bytes(&s) - 1));
	seal_split_head(&s, head);
	buf_reset(rest);
	buf_put(rest, head, sizeof(head));
	buf_put_slice(rest, piece);
	buf_put_slice(rest, more);
	assert_int_equal(rest->n, object.n - seal_split_entries_bytes(&s));
	seal_split_fini(&s);
}

static void
check_pieces(struct slice text, bool compress, unsigned entries)
{
	struct buf object, at_rest, got, plain;
	unsigned char commitment[SEAL_COMMITMENT_BYTES];
	struct seal_reader *r = seal_reader_new();
	size_t entries_bytes = make_object(&object, text, compress, entries);

	buf_init(&at_rest, OBJECT_MAX);
	buf_put(&at_rest, buf_data(&object), SEAL_HEAD_BYTES - 2);
	buf_put(&at_rest, "\0\0", 2);
	buf_put_slice(&at_rest, slice_from(buf_slice(&object), SEAL_HEAD_BYTES + entries_bytes));
	buf_init(&got, OBJECT_MAX);
	for (size_t at = 0; at <= SEAL_HEAD_BYTES + entries_bytes + 1 && at <= object.n; at++) {
		split(buf_slice(&object), at, 1, &got);
		assert_true(slice_eq(buf_slice(&got), buf_slice(&at_rest)));
		split(buf_slice(&object), at, object.n, &got);
		assert_true(slice_eq(buf_slice(&got), buf_slice(&at_rest)));
	}
	memcpy(commitment, buf_data(&object) + 16, sizeof(commitment));
	buf_init(&plain, OBJECT_MAX);
	assert_int_equal(seal_open(r, key, buf_slice(&got), commitment, OBJECT_MAX, &plain), ERR_OK);
	assert_true(slice_eq(buf_slice(&plain), text));
	buf_fini(&plain);
	buf_fini(&got);
	buf_fini(&at_rest);
	buf_fini(&object);
	seal_reader_free(&r);
}

static void
test_pieces(void **state)
{
	static char zeros[70000];

	(void)state;
	check_pieces(SLICE_NONE, false, 0);
	check_pieces(SLICE_LIT("a"), false, 1);
	check_pieces(SLICE_LIT("hello"), true, 2);
	check_pieces(slice_of(zeros, sizeof(zeros)), true, 2);
}

/* What a split says of these bytes, which are all there is. */
static enum err
take(struct slice in, struct seal_split *s)
{
	enum err e;

	seal_split_init(s);
	e = seal_split_take(s, &in);
	assert_true(s->bytes.n <= SEAL_HEAD_BYTES + SEAL_ENTRIES_BYTES_MAX);
	if (e == ERR_CORRUPT)
		assert_int_equal(seal_split_take(s, &in), ERR_CORRUPT);
	return e;
}

static void
expect(struct slice in, enum err want)
{
	struct seal_split s;
	struct seal_head h;

	assert_int_equal(take(in, &s), want);
	/* The one that has all the bytes agrees. */
	assert_int_equal(seal_head_parse(&h, in), want);
	if (want == ERR_OK)
		assert_int_equal(h.data_off, s.head.data_off);
	seal_split_fini(&s);
}

static void
head_with(struct buf *b, unsigned count)
{
	struct buf object;

	(void)make_object(&object, SLICE_LIT("a"), false, 0);
	buf_init(b, OBJECT_MAX);
	buf_put(b, buf_data(&object), SEAL_HEAD_BYTES - 2);
	buf_put_char(b, (char)(count >> 8));
	buf_put_char(b, (char)count);
	buf_fini(&object);
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	head_with(&b, SEAL_ENTRIES_MAX);
	put_entries(&b, SEAL_ENTRIES_MAX, WRAPPED);
	expect(buf_slice(&b), ERR_OK);
	for (size_t cut = 1; cut < b.n; cut += 997)
		expect(slice_head(buf_slice(&b), b.n - cut), ERR_SHORT);
	buf_fini(&b);
	head_with(&b, SEAL_ENTRIES_MAX + 1);
	expect(buf_slice(&b), ERR_CORRUPT);
	buf_fini(&b);
	/* 32 entries of 4 KiB are exactly the bytes that are allowed. */
	head_with(&b, 32);
	put_entries(&b, 32, SEAL_ENTRIES_BYTES_MAX / 32 - 12);
	expect(buf_slice(&b), ERR_OK);
	buf_fini(&b);
	head_with(&b, 33);
	put_entries(&b, 31, SEAL_ENTRIES_BYTES_MAX / 32 - 12);
	put_entries(&b, 1, SEAL_ENTRIES_BYTES_MAX / 32 - 12 - 11);
	put_entries(&b, 1, 0);
	expect(buf_slice(&b), ERR_CORRUPT);
	buf_fini(&b);
}

static void
test_damage(void **state)
{
	struct seal_split s;
	struct buf b;
	char *p;

	(void)state;
	head_with(&b, 0);
	expect(buf_slice(&b), ERR_OK);
	p = buf_data(&b);
	for (unsigned i = 0; i < 8; i++) {	/* magic, format, suite, flags, 0 */
		p[i] ^= 0x20;
		expect(buf_slice(&b), ERR_CORRUPT);
		p[i] ^= 0x20;
	}
	/* LZ4 is for objects at rest. */
	p[6] = 2;
	assert_int_equal(take(buf_slice(&b), &s), ERR_CORRUPT);
	seal_split_fini(&s);
	p[6] = 0;
	p[8] = 1;				/* more text than there can be */
	expect(buf_slice(&b), ERR_CORRUPT);
	buf_fini(&b);
}

static void
test_find(void **state)
{
	unsigned char id[SEAL_KEY_ID_BYTES] = { 0 }, public_key[CRY_KEY_BYTES] = { 9 }, hash[32];
	struct seal_split s;
	struct seal_entry en;
	struct buf b;

	(void)state;
	head_with(&b, 4);
	put_entries(&b, 2, WRAPPED);
	put_entries(&b, 2, WRAPPED - 1);	/* of the same keys */
	assert_int_equal(take(buf_slice(&b), &s), ERR_OK);
	id[7] = 1;
	assert_int_equal(seal_split_find(&s, 1, 3, id, &en), ERR_OK);
	assert_int_equal(en.wrapped.n, WRAPPED);
	assert_int_equal(seal_split_find(&s, 1, 4, id, &en), ERR_NOTFOUND);
	assert_int_equal(seal_split_find(&s, 2, 3, id, &en), ERR_NOTFOUND);
	id[7] = 2;
	assert_int_equal(seal_split_find(&s, 1, 3, id, &en), ERR_NOTFOUND);
	seal_split_fini(&s);
	buf_fini(&b);
	seal_key_id(id, public_key);
	cry_hash(hash, sizeof(hash), slice_of(public_key, sizeof(public_key)));
	assert_memory_equal(id, hash, sizeof(id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_find),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
