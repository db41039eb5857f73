/* SPDX-License-Identifier: ISC */
/* Boxes in pieces are the boxes of crypto_box_seal, however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/crypto/cry_box.h"

#define TEXT_MAX	300u

struct fixture {
	unsigned char	 public_key[CRY_KEY_BYTES], secret_key[CRY_KEY_BYTES];
	unsigned char	 text[TEXT_MAX], box[TEXT_MAX + CRY_SEAL_BYTES], out[TEXT_MAX];
};

static void
init(struct fixture *f)
{
	cry_box_pair(f->public_key, f->secret_key);
	for (size_t i = 0; i < TEXT_MAX; i++)
		f->text[i] = (unsigned char)(i * 7);
}

static void
stream(struct cry_box *b, unsigned char *out, const unsigned char *in, size_t n, size_t cut, bool adds)
{
	for (size_t at = 0; at < n; at += cut) {
		size_t some = n - at < cut ? n - at : cut;

		cry_box_stream(b, out + at, slice_of(in + at, some));
		if (adds)
			cry_box_add(b, slice_of(out + at, some));
	}
}

static void
test_seal(void **state)
{
	struct fixture f;
	struct cry_box_key key;

	(void)state;
	init(&f);
	for (size_t n = 0; n <= TEXT_MAX; n += n < 70 ? 1 : 23) {
		for (size_t cut = 1; cut < 140; cut += 13) {
			assert_int_equal(cry_box_key_new(&key, f.public_key), ERR_OK);
			struct cry_box *b = cry_box_new(&key);

			stream(b, f.out, f.text, n, cut, true);
			memcpy(f.box, key.ephemeral, CRY_KEY_BYTES);
			cry_box_tag(b, f.box + CRY_KEY_BYTES);
			cry_box_again(b);
			stream(b, f.box + CRY_SEAL_BYTES, f.text, n, n + 1, false);
			cry_box_free(&b);
			memset(f.out, 0, sizeof(f.out));
			assert_int_equal(cry_box_open(f.out, slice_of(f.box, n + CRY_SEAL_BYTES),
			    f.public_key, f.secret_key), ERR_OK);
			assert_memory_equal(f.out, f.text, n);
		}
	}
}

static void
test_open(void **state)
{
	struct fixture f;
	struct cry_box_key key;
	struct cry_box *b;

	(void)state;
	init(&f);
	for (size_t n = 0; n <= TEXT_MAX; n += 23) {
		assert_int_equal(cry_box_seal(f.box, slice_of(f.text, n), f.public_key), ERR_OK);
		memcpy(key.ephemeral, f.box, CRY_KEY_BYTES);
		memcpy(key.owner, f.public_key, CRY_KEY_BYTES);
		assert_int_equal(cry_box_shared(key.shared, key.ephemeral, f.secret_key), ERR_OK);
		for (size_t bad = 0; bad < 2; bad++) {
			f.box[CRY_KEY_BYTES + 3] ^= (unsigned char)bad;
			b = cry_box_new(&key);
			cry_box_add(b, slice_of(f.box + CRY_SEAL_BYTES, n / 2));
			cry_box_add(b, slice_of(f.box + CRY_SEAL_BYTES + n / 2, n - n / 2));
			assert_int_equal(cry_box_check(b, f.box + CRY_KEY_BYTES),
			    bad != 0 ? ERR_CORRUPT : ERR_OK);
			cry_box_again(b);
			stream(b, f.out, f.box + CRY_SEAL_BYTES, n, 50, false);
			assert_memory_equal(f.out, f.text, n);
			cry_box_free(&b);
		}
	}
}

/* A key of small order has no secret with anybody. */
static void
test_bad_key(void **state)
{
	static const unsigned char zero[CRY_KEY_BYTES];
	struct cry_box_key key;

	(void)state;
	assert_int_equal(cry_box_key_new(&key, zero), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal), cmocka_unit_test(test_open),
		cmocka_unit_test(test_bad_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
