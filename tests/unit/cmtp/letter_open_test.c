/* SPDX-License-Identifier: ISC */
/*
 * A command MAIL opened and made mail: whole, byte by byte and cut in two anywhere,
 * with the same result; with the wrong key, damaged at each byte, cut at each byte
 * and with lengths that lie it does not open; boxes up to their limit.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/letter_open.h"
#include "lib/crypto/cry.h"

#define IN_MAX		(1u << 20)
#define OUT_MAX		(4u << 20)

static unsigned char public_key[32], secret_key[32];

static int
setup(void **state)
{
	(void)state;
	cry_init();
	cry_box_pair(public_key, secret_key);
	return 0;
}

static const struct letter_open_facts facts = {
	.bytes = IN_MAX, .domain = { "mx.example", 10 }, .trace = { "Received: here\r\n", 16 },
	.message_id = { "<id@mx.example>", 15 }, .arrived_s = 1700000100,
};

static void
put_box(struct buf *b, struct slice plain, bool sealed)
{
	unsigned char *box = must_alloc(1, plain.n + CRY_SEAL_BYTES);

	if (sealed) {
		assert_int_equal(cry_box_seal(box, plain, public_key), ERR_OK);
		buf_put(b, box, plain.n + CRY_SEAL_BYTES);
	} else {
		buf_put_slice(b, plain);
	}
	free(box);
}

#define LETTER	"\x65\x53\xf1\x00" "hi\0\0\0\0text of it\n"
static const struct slice letter = { LETTER, sizeof(LETTER) - 1 };

/* Without the name of the command. */
static void
make(struct buf *out, const struct slice *plain, uint32_t count, bool sealed)
{
	static const struct slice params[] = { { "alice", 5 }, { "b.example", 9 }, { "bob", 3 },
		{ "a.example", 9 } };
	uint64_t extra = sealed ? CRY_SEAL_BYTES : 0;
	const struct slice log = { "by client\0", 10 };
	struct cmtp_mail m = { .is_plaintext = !sealed, .attachments = count - 1,
		.log_bytes = (uint32_t)log.n, .body_bytes = plain[0].n + extra };
	struct buf b;

	buf_init(&b, IN_MAX);
	assert_int_equal(cmtp_put_mail(&b, &m, params, log), ERR_OK);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			cmtp_put_length(&b, plain[i].n + extra);
		put_box(&b, plain[i], sealed);
	}
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_put_slice(out, slice_from(buf_slice(&b), 5));
	buf_fini(&b);
}

/* Gives the key of each box that asks. */
static enum err
feed(struct letter_open *o, struct slice in, struct buf *out, unsigned *asked)
{
	unsigned char shared[32];
	enum err e;

	do {
		while ((e = letter_open_feed(o, &in, out)) == ERR_AGAIN) {
			(*asked)++;
			e = cry_box_shared(shared,
			    (const unsigned char *)letter_open_ephemeral(o).p, secret_key);
			if (e != ERR_OK)
				return e;
			letter_open_key(o, shared, public_key);
		}
	} while (e == ERR_OK && in.n > 0);
	return e;
}

/* In pieces of at most cut bytes, the first of at most first. */
static enum err
pass(struct letter_open *o, struct slice in, size_t first, size_t cut, struct buf *out,
    unsigned *asked)
{
	enum err e = ERR_OK;
	size_t n = first;

	for (; in.n > 0 && e == ERR_OK; n = cut) {
		struct slice piece = slice_head(in, n);

		e = feed(o, piece, out, asked);
		in = slice_from(in, piece.n);
	}
	return e == ERR_OK ? letter_open_end(o) : e;
}

static enum err
open_all(struct slice in, size_t first, size_t cut, struct buf *out, unsigned *asked)
{
	struct letter_open o;
	unsigned none = 0;
	enum err e;

	letter_open_init(&o, &facts);
	*asked = 0;
	e = pass(&o, in, first, cut, NULL, asked);
	if (e == ERR_OK) {
		uint64_t bytes = letter_open_bytes(&o);

		assert_true(letter_open_fits(&o));
		letter_open_again(&o);
		e = pass(&o, in, cut, first, out, &none);
		assert_int_equal(out->n, bytes);
		assert_int_equal(none, 0);
	}
	letter_open_fini(&o);
	return e;
}

static const struct slice boxes[] = { { LETTER, sizeof(LETTER) - 1 },
	{ "a.txt\0data of a", 15 }, { "b.bin\0", 6 } };

static void
test_opens(void **state)
{
	struct buf in, want, out;
	unsigned asked;

	(void)state;
	buf_init(&in, IN_MAX);
	buf_init(&want, OUT_MAX);
	buf_init(&out, OUT_MAX);
	make(&in, boxes, 3, true);
	assert_int_equal(open_all(buf_slice(&in), IN_MAX, IN_MAX, &want, &asked), ERR_OK);
	assert_int_equal(asked, 3);
	assert_true(slice_starts(buf_slice(&want), "Received: here\r\n"));
	assert_true(slice_search(buf_slice(&want), SLICE_LIT("From: bob@a.example\r\n")) < want.n);
	assert_true(slice_search(buf_slice(&want), SLICE_LIT("text of it")) < want.n);
	assert_true(slice_search(buf_slice(&want), SLICE_LIT("ZGF0YSBvZiBh")) < want.n);
	for (size_t cut = 0; cut <= in.n; cut++) {
		buf_reset(&out);
		assert_int_equal(open_all(buf_slice(&in), cut == 0 ? 1 : cut,
		    cut == 0 ? 1 : IN_MAX, &out, &asked), ERR_OK);
		assert_int_equal(asked, 3);
		assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
	}
	/* Version 0 has the same text, and nobody is asked for a key. */
	buf_reset(&in);
	buf_reset(&out);
	make(&in, boxes, 3, false);
	assert_int_equal(open_all(buf_slice(&in), 7, 7, &out, &asked), ERR_OK);
	assert_int_equal(asked, 0);
	assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
	buf_fini(&in);
	buf_fini(&want);
	buf_fini(&out);
}

/* Every byte, but those that only the envelope has. */
static void
test_damaged(void **state)
{
	struct buf in, out;
	unsigned asked;
	size_t boxes_off;
	char *p;

	(void)state;
	buf_init(&in, IN_MAX);
	buf_init(&out, OUT_MAX);
	make(&in, boxes, 3, true);
	p = must_alloc(1, in.n);
	boxes_off = 24 + 6 + 10 + 4 + 10 + 10;
	for (size_t i = boxes_off; i < in.n; i++) {
		memcpy(p, buf_data(&in), in.n);
		p[i] ^= 1;
		assert_int_equal(open_all(slice_of(p, in.n), IN_MAX, IN_MAX, &out, &asked),
		    ERR_CORRUPT);
	}
	/* Cut anywhere, or with a byte more. */
	memcpy(p, buf_data(&in), in.n);
	for (size_t n = 0; n < in.n; n++)
		assert_int_equal(open_all(slice_of(p, n), IN_MAX, IN_MAX, &out, &asked), ERR_CORRUPT);
	buf_put_char(&in, '\0');
	assert_int_equal(open_all(buf_slice(&in), IN_MAX, IN_MAX, &out, &asked), ERR_CORRUPT);
	assert_int_equal(out.n, 0);
	free(p);
	buf_fini(&in);
	buf_fini(&out);
}

/* The first box says whether the key was the right one. */
static void
test_other_key(void **state)
{
	unsigned char other[32], other_secret[32], shared[32];
	struct letter_open o;
	struct slice rest;
	struct buf in;

	(void)state;
	buf_init(&in, IN_MAX);
	make(&in, boxes, 3, true);
	cry_box_pair(other, other_secret);
	letter_open_init(&o, &facts);
	rest = buf_slice(&in);
	assert_int_equal(letter_open_feed(&o, &rest, NULL), ERR_AGAIN);
	assert_int_equal(cry_box_shared(shared,
	    (const unsigned char *)letter_open_ephemeral(&o).p, other_secret), ERR_OK);
	letter_open_key(&o, shared, other);
	assert_int_equal(letter_open_feed(&o, &rest, NULL), ERR_CORRUPT);
	assert_false(letter_open_fits(&o));
	assert_int_equal(letter_open_feed(&o, &rest, NULL), ERR_CORRUPT);
	letter_open_fini(&o);
	buf_fini(&in);
}

static void
test_many(void **state)
{
	static const struct slice empty = { "\0", 1 };
	struct slice *plain = must_alloc(LETTER_OPEN_BOXES_MAX, sizeof(*plain));
	struct buf in, out;
	unsigned asked;

	(void)state;
	buf_init(&in, IN_MAX);
	buf_init(&out, OUT_MAX);
	plain[0] = letter;
	for (uint32_t i = 1; i < LETTER_OPEN_BOXES_MAX; i++)
		plain[i] = empty;
	make(&in, plain, LETTER_OPEN_BOXES_MAX, true);
	assert_int_equal(open_all(buf_slice(&in), 5000, 5000, &out, &asked), ERR_OK);
	assert_int_equal(asked, LETTER_OPEN_BOXES_MAX);
	/* One more, as the head says it. */
	buf_data(&in)[7]++;
	assert_int_equal(open_all(buf_slice(&in), 5000, 5000, &out, &asked), ERR_CORRUPT);
	free(plain);
	buf_fini(&in);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_other_key), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
