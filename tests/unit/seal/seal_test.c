/* SPDX-License-Identifier: ISC */
/*
 * The sealed object: known answers made by another implementation
 * (tests/golden/sealed-object.py), every way to cut the bytes, and damage.
 */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_priv.h"

#define MANY	(64u << 20)

static struct seal_press *press;
static struct seal_writer *writer;
static struct seal_reader *reader;
static struct cry_aead *aead;
/* What objects of text are made with: all is tried with either. */
static enum seal_method packing;

static const unsigned char key[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };

static int
setup(void **state)
{
	(void)state;
	cry_init();
	packing = packing == SEAL_ZSTD ? SEAL_LZ4 : SEAL_ZSTD;
	press = seal_press_new();
	writer = seal_writer_new(press);
	reader = seal_reader_new();
	aead = cry_aead_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	seal_writer_free(&writer);
	seal_press_free(&press);
	seal_reader_free(&reader);
	cry_aead_free(&aead);
	return 0;
}

static void
text_put(struct buf *b, size_t n)
{
	static const char line[] = "The godwit flies without a stop.\r\n";
	size_t i;

	for (i = 0; i < n; i++)
		buf_put_char(b, line[i % (sizeof(line) - 1)]);
}

static void
pattern_put(struct buf *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf_put_char(b, (char)(i * 7 + i / 251));
}

/* Hardly compressible, and the same every time. */
static void
noise_put(struct buf *b, size_t n)
{
	uint64_t x = 88172645463325252u;
	size_t i;

	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf_put_char(b, (char)(x >> 32));
	}
}

static void
sealed_of(struct buf *plain, enum cry_suite suite, enum seal_method method,
    struct buf *out)
{
	unsigned char commitment[32];

	assert_int_equal(seal_object(writer, suite, key, buf_slice(plain), method,
	    out, commitment), ERR_OK);
	assert_memory_equal(commitment, buf_data(out) + 16, 32);
	assert_true(out->n <= seal_object_max(plain->n));
}

/* ---- known answers */

struct vector {
	char		 kind[16];
	char		 name[64];
	struct buf	 f[8];		/* decoded fields */
	char		 text[8][64];
};
enum field { F_SUITE, F_METHOD, F_PLAIN, F_KEY, F_COMMITMENT, F_LENGTH, F_BLAKE, F_BYTES };
static const char *const fields[] = { "suite ", "method ", "plain ", "key ",
	"commitment ", "length ", "blake2b ", "bytes " };

static void
vector_plain(const struct vector *v, struct buf *plain)
{
	uint64_t n = 0;
	struct slice kind, rest = slice_cut(slice_str(v->text[F_PLAIN]), ' ', &kind);

	assert_int_equal(num_parse_u64(rest, MANY, &n), ERR_OK);
	if (slice_eq_str(kind, "text"))
		text_put(plain, (size_t)n);
	else
		pattern_put(plain, (size_t)n);
}

static void
vector_check(struct vector *v)
{
	struct buf plain, got;
	unsigned char sum[32];
	bool is_packed = strcmp(v->text[F_METHOD], "0") != 0;
	enum cry_suite suite = strcmp(v->text[F_SUITE], "1") == 0 ?
	    CRY_AES256_GCM : CRY_CHACHA20_POLY1305;

	buf_init(&plain, MANY);
	buf_init(&got, MANY);
	vector_plain(v, &plain);
	/* What a library packs differs between its versions: that is only opened. */
	if (!is_packed && strcmp(v->name, "entries") != 0) {
		sealed_of(&plain, suite, SEAL_STORED, &got);
		assert_int_equal(got.n, strtoul(v->text[F_LENGTH], NULL, 10));
		assert_memory_equal(buf_data(&got) + 16, buf_data(&v->f[F_COMMITMENT]), 32);
		if (v->f[F_BYTES].n > 0)
			assert_memory_equal(buf_data(&got), buf_data(&v->f[F_BYTES]), got.n);
		cry_hash(sum, sizeof(sum), buf_slice(&got));
		assert_memory_equal(sum, buf_data(&v->f[F_BLAKE]), sizeof(sum));
	}
	if (v->f[F_BYTES].n > 0) {
		buf_reset(&got);
		assert_int_equal(seal_open(reader, (unsigned char *)buf_data(&v->f[F_KEY]),
		    buf_slice(&v->f[F_BYTES]), (unsigned char *)buf_data(&v->f[F_COMMITMENT]),
		    MANY, &got), ERR_OK);
		assert_int_equal(got.n, plain.n);
		assert_true(slice_eq(buf_slice(&got), buf_slice(&plain)));
	}
	buf_fini(&plain);
	buf_fini(&got);
}

static void
vector_reset(struct vector *v)
{
	size_t i;

	for (i = 0; i < lengthof(v->f); i++)
		buf_reset(&v->f[i]);
	v->kind[0] = '\0';
}

static void
vector_line(struct vector *v, struct slice line)
{
	size_t i;

	if (v->kind[0] == '\0') {
		struct slice kind, name = slice_cut(line, ' ', &kind);

		assert_true(slice_to_cstr(kind, v->kind, sizeof(v->kind)));
		assert_true(slice_to_cstr(name, v->name, sizeof(v->name)));
		return;
	}
	for (i = 0; i < lengthof(fields); i++) {
		if (!slice_starts(line, fields[i]))
			continue;
		line = slice_from(line, strlen(fields[i]));
		if (i < F_KEY || i == F_LENGTH)
			assert_true(slice_to_cstr(line, v->text[i], sizeof(v->text[i])));
		else
			assert_int_equal(enc_get_hex(&v->f[i], line), ERR_OK);
	}
}

static void
test_known_answers(void **state)
{
	FILE *f = fopen("tests/golden/sealed-object.txt", "r");
	static char line[8192];
	struct vector v;
	unsigned checked = 0;
	size_t i;

	(void)state;
	assert_non_null(f);
	memset(&v, 0, sizeof(v));
	for (i = 0; i < lengthof(v.f); i++)
		buf_init(&v.f[i], 8192);
	for (;;) {
		bool more = fgets(line, sizeof(line), f) != NULL;
		struct slice s = more ? slice_trim(slice_str(line)) : SLICE_NONE;

		if (s.n > 0 && s.p[0] == '#')
			continue;
		if (s.n > 0) {
			vector_line(&v, s);
			continue;
		}
		if (strcmp(v.kind, "object") == 0) {
			vector_check(&v);
			checked++;
		}
		vector_reset(&v);
		if (!more)
			break;
	}
	assert_int_equal(checked, 11);
	for (i = 0; i < lengthof(v.f); i++)
		buf_fini(&v.f[i]);
	(void)fclose(f);
}

/* ---- round trips */

static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 9, 4096, 16383, 16384, 16385, 32768,
		131071, 131072, 131073, 262144, 400000, 1000001 };
	void (*const kinds[])(struct buf *, size_t) = { text_put, noise_put };
	struct buf plain, object, back;
	size_t i, k;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	buf_init(&back, MANY);
	for (i = 0; i < lengthof(sizes); i++)
		for (k = 0; k < 4; k++) {
			buf_reset(&plain);
			buf_reset(&object);
			buf_reset(&back);
			kinds[k & 1](&plain, sizes[i]);
			sealed_of(&plain, k < 2 ? CRY_AES256_GCM : CRY_CHACHA20_POLY1305,
			    packing, &object);
			assert_int_equal(seal_open(reader, key, buf_slice(&object), NULL,
			    sizes[i], &back), ERR_OK);
			assert_true(slice_eq(buf_slice(&plain), buf_slice(&back)));
			/* Noise is left alone, text is not. */
			if (sizes[i] > 4000)
				assert_int_equal(buf_data(&object)[6],
				    (k & 1) == 0 ? packing : SEAL_STORED);
			if (sizes[i] > 0) {
				buf_reset(&back);
				assert_int_equal(seal_open(reader, key,
				    buf_slice(&object), NULL, sizes[i] - 1, &back),
				    ERR_TOOBIG);
			}
		}
	buf_fini(&plain);
	buf_fini(&object);
	buf_fini(&back);
}

/* One press serves objects that grow at the same time, small and large. */
static void
test_one_press(void **state)
{
	static const size_t sizes[] = { 5000, 300000, 9000 };
	struct seal_writer *writers[] = { seal_writer_new(press), writer, seal_writer_new(press) };
	struct buf plain, objects[3], back;
	size_t i, at;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&back, MANY);
	text_put(&plain, sizes[1]);
	for (unsigned round = 0; round < 2; round++) {
		for (i = 0; i < 3; i++) {
			buf_init(&objects[i], MANY);
			/* the second round: other sizes for the same writers */
			assert_int_equal(seal_writer_begin(writers[i], CRY_AES256_GCM, key,
			    sizes[(i + round) % 3], packing), ERR_OK);
		}
		for (at = 0; at < sizes[1]; at += 1000)
			for (i = 0; i < 3; i++)
				if (at < sizes[(i + round) % 3])
					assert_int_equal(seal_writer_put(writers[i],
					    slice_of(buf_data(&plain) + at, 1000),
					    &objects[i]), ERR_OK);
		for (i = 0; i < 3; i++) {
			assert_int_equal(seal_writer_end(writers[i], &objects[i]), ERR_OK);
			buf_reset(&back);
			assert_int_equal(seal_open(reader, key, buf_slice(&objects[i]), NULL,
			    MANY, &back), ERR_OK);
			assert_int_equal(back.n, sizes[(i + round) % 3]);
			assert_memory_equal(buf_data(&back), buf_data(&plain), back.n);
			buf_fini(&objects[i]);
		}
	}
	seal_writer_free(&writers[0]);
	seal_writer_free(&writers[2]);
	buf_fini(&plain);
	buf_fini(&back);
}

/* The object does not depend on how the plain bytes came. */
static void
test_writer_pieces(void **state)
{
	static const size_t steps[] = { 1, 7, 1000, 16384, 131072, 131073, 1u << 30 };
	struct buf plain, want, got;
	size_t i, k;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&want, MANY);
	buf_init(&got, MANY);
	for (k = 0; k < 2; k++) {
		buf_reset(&plain);
		buf_reset(&want);
		if (k == 0)
			text_put(&plain, 300000);
		else
			noise_put(&plain, 300000);
		sealed_of(&plain, CRY_AES256_GCM, packing, &want);
		for (i = 0; i < lengthof(steps); i++) {
			struct slice rest = buf_slice(&plain);

			buf_reset(&got);
			assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key,
			    plain.n, packing), ERR_OK);
			while (rest.n > 0) {
				assert_int_equal(seal_writer_put(writer,
				    slice_head(rest, steps[i]), &got), ERR_OK);
				rest = slice_from(rest, steps[i]);
			}
			assert_int_equal(seal_writer_end(writer, &got), ERR_OK);
			assert_true(slice_eq(buf_slice(&want), buf_slice(&got)));
		}
	}
	buf_fini(&plain);
	buf_fini(&want);
	buf_fini(&got);
}

static void
test_writer_lengths(void **state)
{
	struct buf out, tiny;

	(void)state;
	buf_init(&out, 1000);
	buf_init(&tiny, 60);
	assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key, SEAL_PLAIN_MAX + 1,
	    true), ERR_TOOBIG);
	assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key, 3, packing), ERR_OK);
	assert_int_equal(seal_writer_put(writer, SLICE_LIT("ab"), &out), ERR_OK);
	assert_int_equal(seal_writer_end(writer, &out), ERR_STATE);
	assert_int_equal(seal_writer_put(writer, SLICE_LIT("cd"), &out), ERR_STATE);
	assert_int_equal(seal_writer_put(writer, SLICE_LIT("c"), &out), ERR_OK);
	assert_int_equal(seal_writer_end(writer, &out), ERR_OK);
	assert_int_equal(seal_writer_end(writer, &out), ERR_STATE);
	assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key, 3, SEAL_ZSTD), ERR_OK);
	assert_int_equal(seal_writer_entries(writer, SEAL_ENTRIES_MAX + 1, SLICE_NONE),
	    ERR_LIMIT);
	assert_int_equal(seal_writer_put(writer, SLICE_LIT("abc"), &tiny), ERR_OK);
	assert_int_equal(seal_writer_end(writer, &tiny), ERR_FULL);
	buf_fini(&out);
	buf_fini(&tiny);
}

/* Plain [a, b), the object's bytes coming in pieces of step. */
static void
range_check(const struct buf *plain, const struct buf *object, uint64_t a, uint64_t b,
    size_t step)
{
	uint64_t off, n, end = b < plain->n ? b : plain->n;
	struct slice all;
	struct buf got;

	buf_init(&got, MANY);
	assert_int_equal(seal_reader_range(reader, a, b, &off, &n), ERR_OK);
	assert_true(off + n <= object->n);
	assert_true(a < end || n == 0);
	all = slice_head(slice_from(buf_slice(object), (size_t)off), (size_t)n);
	while (all.n > 0) {
		struct slice piece = slice_head(all, step);

		while (piece.n > 0) {
			size_t before = got.n;

			assert_int_equal(seal_reader_put(reader, &piece, &got), ERR_OK);
			assert_true(got.n - before <= SEAL_FRAME_BYTES ||
			    got.n - before <= step);
		}
		all = slice_from(all, step);
	}
	assert_true(seal_reader_done(reader));
	assert_int_equal(got.n, a < end ? end - a : 0);
	if (a < end)
		assert_memory_equal(buf_data(&got), buf_data(plain) + a, got.n);
	buf_fini(&got);
}

static void
test_ranges(void **state)
{
	static const uint64_t at[] = { 0, 1, 16383, 16384, 16385, 131071, 131072, 131073,
		200000, 262144, 399999, 400000, 400001, UINT64_MAX };
	static const size_t steps[] = { 1, 13, 16400, 49152, 1u << 30 };
	struct buf plain, object;
	uint64_t off;
	size_t i, j, k, s, n;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	for (k = 0; k < 2; k++) {
		buf_reset(&plain);
		buf_reset(&object);
		if (k == 0)
			text_put(&plain, 200000);
		noise_put(&plain, 400000 - plain.n);
		sealed_of(&plain, CRY_AES256_GCM, packing, &object);
		assert_int_equal(buf_data(&object)[6], k == 0 ? packing : SEAL_STORED);
		assert_int_equal(seal_reader_begin(reader, key, object.n,
		    slice_head(buf_slice(&object), SEAL_HEAD_BYTES), NULL), ERR_OK);
		if (seal_reader_needs_table(reader, &off, &n))
			assert_int_equal(seal_reader_table(reader, slice_head(
			    slice_from(buf_slice(&object), (size_t)off), n)), ERR_OK);
		for (i = 0; i < lengthof(at); i++)
			for (j = i; j < lengthof(at); j++)
				for (s = i + j == 1 ? 0 : 2; s < lengthof(steps); s++)
					range_check(&plain, &object, at[i], at[j], steps[s]);
	}
	buf_fini(&plain);
	buf_fini(&object);
}

/* Highly compressible: many frames in one chunk, one frame out per call. */
static void
test_expansion_is_bounded(void **state)
{
	struct buf plain, object;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	memset(buf_reserve(&plain, 20u << 20), 0, 20u << 20);
	buf_commit(&plain, 20u << 20);
	sealed_of(&plain, CRY_AES256_GCM, packing, &object);
	assert_true(object.n < (packing == SEAL_ZSTD ? 20000 : 100000));
	assert_int_equal(seal_reader_begin(reader, key, object.n, buf_slice(&object), NULL),
	    ERR_OK);
	{
		uint64_t off;
		size_t n;

		assert_true(seal_reader_needs_table(reader, &off, &n));
		assert_int_equal(seal_reader_table(reader,
		    slice_from(buf_slice(&object), (size_t)off)), ERR_OK);
	}
	range_check(&plain, &object, 0, plain.n, 1u << 30);
	range_check(&plain, &object, 5u << 20, (5u << 20) + 10, 100);
	buf_fini(&plain);
	buf_fini(&object);
}

/* ---- damage */

static void
never_opens(struct slice object)
{
	struct buf out;

	buf_init(&out, MANY);
	assert_int_equal(seal_open(reader, key, object, NULL, MANY, &out), ERR_CORRUPT);
	buf_fini(&out);
}

/* Every bit of a short object, and every truncation. */
static void
damage_all(struct buf *object)
{
	size_t i, bit;

	for (i = 0; i < object->n; i++)
		for (bit = 0; bit < 8; bit++) {
			buf_data(object)[i] ^= (char)(1 << bit);
			never_opens(buf_slice(object));
			buf_data(object)[i] ^= (char)(1 << bit);
		}
	for (i = 0; i < object->n; i++)
		never_opens(slice_head(buf_slice(object), i));
	buf_put_char(object, 'x');
	never_opens(buf_slice(object));
}

static void
test_every_bit(void **state)
{
	struct buf plain, object;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	text_put(&plain, 40);
	sealed_of(&plain, CRY_AES256_GCM, packing, &object);
	damage_all(&object);
	buf_reset(&plain);
	buf_reset(&object);
	text_put(&plain, 300000);
	sealed_of(&plain, CRY_CHACHA20_POLY1305, packing, &object);
	assert_int_equal(buf_data(&object)[6], packing);
	damage_all(&object);
	buf_fini(&plain);
	buf_fini(&object);
}

static void
test_reordering(void **state)
{
	struct buf plain, object;
	size_t chunk = SEAL_CHUNK_BYTES + CRY_TAG_BYTES;
	unsigned char *first, *tmp = malloc(SEAL_CHUNK_BYTES + CRY_TAG_BYTES);

	(void)state;
	assert_non_null(tmp);
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	noise_put(&plain, 3 * SEAL_CHUNK_BYTES);
	sealed_of(&plain, CRY_AES256_GCM, packing, &object);
	first = (unsigned char *)buf_data(&object) + SEAL_HEAD_BYTES;
	memcpy(tmp, first, chunk);
	memcpy(first, first + chunk, chunk);
	memcpy(first + chunk, tmp, chunk);
	never_opens(buf_slice(&object));
	memcpy(tmp, first, chunk);
	memcpy(first, first + chunk, chunk);
	memcpy(first + chunk, tmp, chunk);
	/* A chunk less, with the length that would fit. */
	object.n -= chunk;
	enc_be64(buf_data(&object) + 8, 2 * SEAL_CHUNK_BYTES);
	never_opens(buf_slice(&object));
	free(tmp);
	buf_fini(&plain);
	buf_fini(&object);
}

static void
test_wrong_key_and_slot(void **state)
{
	unsigned char other[32], commitment[32];
	struct buf plain, object, out;

	(void)state;
	buf_init(&plain, MANY);
	buf_init(&object, MANY);
	buf_init(&out, MANY);
	text_put(&plain, 100);
	sealed_of(&plain, CRY_AES256_GCM, packing, &object);
	memcpy(other, key, 32);
	other[31] ^= 1;
	assert_int_equal(seal_open(reader, other, buf_slice(&object), NULL, MANY, &out),
	    ERR_CORRUPT);
	memcpy(commitment, buf_data(&object) + 16, 32);
	assert_int_equal(seal_open(reader, key, buf_slice(&object), commitment, MANY, &out),
	    ERR_OK);
	commitment[0] ^= 1;
	assert_int_equal(seal_open(reader, key, buf_slice(&object), commitment, MANY, &out),
	    ERR_CORRUPT);
	buf_fini(&plain);
	buf_fini(&object);
	buf_fini(&out);
}

static void
test_entries(void **state)
{
	struct seal_entry en = { 1, 2, "8 bytes", SLICE_LIT("wrapped") }, got;
	struct seal_head head;
	struct buf entries, object, out;
	struct slice rest;
	size_t i;

	(void)state;
	buf_init(&entries, MANY);
	buf_init(&object, MANY);
	buf_init(&out, MANY);
	seal_entry_put(&entries, &en);
	en.generation = 9;
	seal_entry_put(&entries, &en);
	assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key, 2, SEAL_LZ4), ERR_OK);
	assert_int_equal(seal_writer_entries(writer, 2, buf_slice(&entries)), ERR_STATE);
	assert_int_equal(seal_writer_begin(writer, CRY_AES256_GCM, key, 2, SEAL_ZSTD), ERR_OK);
	assert_int_equal(seal_writer_entries(writer, 2, buf_slice(&entries)), ERR_OK);
	assert_int_equal(seal_writer_put(writer, SLICE_LIT("hi"), &object), ERR_OK);
	assert_int_equal(seal_writer_end(writer, &object), ERR_OK);
	assert_int_equal(seal_open(reader, key, buf_slice(&object), NULL, MANY, &out), ERR_OK);
	assert_slice(buf_slice(&out), "hi");
	for (i = 0; i < SEAL_HEAD_BYTES + entries.n; i++)
		assert_int_equal(seal_head_parse(&head, slice_head(buf_slice(&object), i)),
		    ERR_SHORT);
	assert_int_equal(seal_head_parse(&head, buf_slice(&object)), ERR_OK);
	assert_int_equal(head.entry_count, 2);
	rest = head.entries;
	assert_int_equal(seal_entry_get(&rest, &got), ERR_OK);
	assert_int_equal(seal_entry_get(&rest, &got), ERR_OK);
	assert_int_equal(got.generation, 9);
	assert_slice(got.wrapped, "wrapped");
	assert_int_equal(seal_entry_get(&rest, &got), ERR_END);
	rest = slice_head(head.entries, 13);
	assert_int_equal(seal_entry_get(&rest, &got), ERR_CORRUPT);
	/* Nor is one with entries read as LZ4; both flags are none. */
	buf_data(&object)[6] = SEAL_FLAG_LZ4;
	assert_int_equal(seal_head_parse(&head, buf_slice(&object)), ERR_CORRUPT);
	buf_data(&object)[6] = SEAL_FLAG_LZ4 | SEAL_FLAG_ZSTD;
	assert_int_equal(seal_head_parse(&head, buf_slice(&object)), ERR_CORRUPT);
	buf_fini(&entries);
	buf_fini(&object);
	buf_fini(&out);
}

/* ---- frames of who knows the key */

/* An object of one frame, whatever that holds; listed: its length in the table. */
static void
forge(struct buf *out, enum seal_method method, uint64_t plain_bytes, struct slice frame,
    uint32_t listed)
{
	unsigned char fixed[SEAL_FIXED_BYTES], commitment[SEAL_COMMITMENT_BYTES];
	unsigned char sub[CRY_KEY_BYTES], nonce[CRY_NONCE_BYTES] = { 0 }, n[4];
	struct slice ad = slice_of(fixed, sizeof(fixed));

	seal_fixed_put(fixed, CRY_AES256_GCM, method, plain_bytes);
	seal_commit(commitment, key, fixed);
	buf_put(out, fixed, sizeof(fixed));
	buf_put(out, commitment, sizeof(commitment));
	buf_put(out, nonce, 2);
	cry_subkey(sub, key, SEAL_LABEL_BODY);
	cry_aead_key(aead, CRY_AES256_GCM, sub);
	for (uint64_t chunk = 0; chunk <= frame.n / SEAL_CHUNK_BYTES; chunk++) {
		struct slice s = slice_head(slice_from(frame, chunk * SEAL_CHUNK_BYTES),
		    SEAL_CHUNK_BYTES);

		seal_nonce(nonce, chunk, chunk == frame.n / SEAL_CHUNK_BYTES);
		cry_aead_seal(aead, (unsigned char *)buf_reserve(out, s.n + CRY_TAG_BYTES), s,
		    nonce, ad);
		buf_commit(out, s.n + CRY_TAG_BYTES);
	}
	memset(nonce, 0, sizeof(nonce));
	cry_subkey(sub, key, SEAL_LABEL_TABLE);
	cry_aead_key(aead, CRY_AES256_GCM, sub);
	enc_be32(n, listed);
	cry_aead_seal(aead, (unsigned char *)buf_reserve(out, 4 + CRY_TAG_BYTES),
	    slice_of(n, 4), nonce, ad);
	buf_commit(out, 4 + CRY_TAG_BYTES);
	enc_be32(n, 4 + CRY_TAG_BYTES);
	buf_put(out, n, sizeof(n));
}

static enum err
open_forged(enum seal_method method, uint64_t plain_bytes, struct slice frame, uint32_t listed)
{
	struct buf object, out;
	enum err e;

	buf_init(&object, MANY);
	buf_init(&out, MANY);
	forge(&object, method, plain_bytes, frame, listed);
	e = seal_open(reader, key, buf_slice(&object), NULL, MANY, &out);
	assert_true(out.n == (e == ERR_OK ? plain_bytes : 0));
	buf_fini(&object);
	buf_fini(&out);
	return e;
}

#define FRAME(text)	{ text, sizeof(text) - 1 }

/* LZ4 blocks: a token of literal and match length, literals, u16 offset back. */
static void
test_hostile_frames(void **state)
{
	static const struct {
		uint64_t	 plain_bytes;
		struct slice	 frame;
		enum err	 want;
	} rows[] = {
		{ 5, FRAME("\x50hello"), ERR_OK },
		{ 4, FRAME("\x50hello"), ERR_CORRUPT },		/* more than announced */
		{ 6, FRAME("\x50hello"), ERR_CORRUPT },		/* less */
		{ 5, FRAME("\x50hell"), ERR_CORRUPT },		/* cut */
		{ 5, FRAME("\x50hello\x50"), ERR_CORRUPT },	/* something behind it */
		{ 5, FRAME("\xf0hello"), ERR_CORRUPT },
		/* a match of 20 at 1 back, and as many literals as a block has to end with */
		{ 26, FRAME("\x1f" "a" "\x01\x00" "\x01" "\x50" "hello"), ERR_OK },
		{ 26, FRAME("\x1f" "a" "\x02\x00" "\x01" "\x50" "hello"), ERR_CORRUPT },
		{ 26, FRAME("\x1f" "a" "\xff\xff" "\x01" "\x50" "hello"), ERR_CORRUPT },
		{ 26, FRAME("\x1f" "a" "\x01\x00"), ERR_CORRUPT },
		/* a length that does not end, and one of many times the frame */
		{ 26, FRAME("\x1f" "a" "\x01\x00" "\xff\xff\xff\xff"), ERR_CORRUPT },
		{ SEAL_FRAME_BYTES, FRAME("\x1f" "a" "\x01\x00" "\xff\xff\xff\xff" "\x01"
		    "\x50" "hello"), ERR_CORRUPT },
	};
	char *noise;
	size_t most = seal_frame_packed_max();

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		assert_int_equal(open_forged(SEAL_LZ4, rows[i].plain_bytes, rows[i].frame,
		    (uint32_t)rows[i].frame.n), rows[i].want);
		assert_int_equal(open_forged(SEAL_ZSTD, rows[i].plain_bytes, rows[i].frame,
		    (uint32_t)rows[i].frame.n), ERR_CORRUPT);
	}
	assert_int_equal(open_forged(SEAL_LZ4, 5, rows[0].frame, 5), ERR_CORRUPT);
	assert_int_equal(open_forged(SEAL_LZ4, 5, rows[0].frame, 7), ERR_CORRUPT);
	assert_int_equal(open_forged(SEAL_LZ4, 5, rows[0].frame, 0), ERR_CORRUPT);
	assert_int_equal(open_forged(SEAL_LZ4, 0, rows[0].frame, 6), ERR_CORRUPT);
	/* The longest frame that any method makes, and a byte more. */
	noise = calloc(1, most + 1);
	assert_non_null(noise);
	assert_int_equal(open_forged(SEAL_LZ4, SEAL_FRAME_BYTES, slice_of(noise, most),
	    (uint32_t)most), ERR_CORRUPT);
	assert_int_equal(open_forged(SEAL_LZ4, SEAL_FRAME_BYTES, slice_of(noise, most + 1),
	    (uint32_t)most + 1), ERR_CORRUPT);
	free(noise);
}

static void
test_summary(void **state)
{
	struct buf sealed, out;
	uint8_t version = 0;
	size_t i;

	(void)state;
	buf_init(&sealed, 200);
	buf_init(&out, 200);
	seal_summary_put(&sealed, aead, key, 3, SLICE_LIT("preview"));
	assert_int_equal(sealed.n, 7 + SEAL_SUMMARY_EXTRA);
	assert_int_equal(seal_summary_open(&out, aead, key, buf_slice(&sealed), &version),
	    ERR_OK);
	assert_int_equal(version, 3);
	assert_slice(buf_slice(&out), "preview");
	for (i = 0; i < sealed.n; i++) {
		buf_reset(&out);
		buf_data(&sealed)[i] ^= 4;
		assert_int_equal(seal_summary_open(&out, aead, key, buf_slice(&sealed),
		    &version), ERR_CORRUPT);
		assert_int_equal(out.n, 0);
		buf_data(&sealed)[i] ^= 4;
		assert_int_equal(seal_summary_open(&out, aead, key,
		    slice_head(buf_slice(&sealed), i), &version), ERR_CORRUPT);
	}
	buf_fini(&sealed);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_one_press),
		cmocka_unit_test(test_writer_pieces), cmocka_unit_test(test_writer_lengths),
		cmocka_unit_test(test_ranges), cmocka_unit_test(test_expansion_is_bounded),
		cmocka_unit_test(test_every_bit), cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_wrong_key_and_slot), cmocka_unit_test(test_entries),
		cmocka_unit_test(test_hostile_frames), cmocka_unit_test(test_summary),
	};
	int failed = cmocka_run_group_tests_name("seal/zstd", tests, setup, teardown);

	return failed + cmocka_run_group_tests_name("seal/lz4", tests, setup, teardown);
}
