/* SPDX-License-Identifier: ISC */
/*
 * Epoch keys and wraps: known answers, and that a wrap opens in its slot and
 * nowhere else.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/seal/epoch.h"

static struct cry_aead *aead;
static unsigned char public_key[32], secret_key[32], epoch_key[32], content_key[32];

static int
setup(void **state)
{
	(void)state;
	cry_init();
	aead = cry_aead_new();
	cry_box_pair(public_key, secret_key);
	epoch_make(epoch_key);
	cry_random(content_key, 32);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	cry_aead_free(&aead);
	return 0;
}

static void
test_form_1(void **state)
{
	unsigned char sealed[EPOCH_SEALED_BYTES], got[32], other_public[32], other_secret[32];
	size_t i;

	(void)state;
	assert_int_equal(epoch_seal(sealed, epoch_key, public_key), ERR_OK);
	assert_int_equal(epoch_unseal(got, slice_of(sealed, sizeof(sealed)), public_key,
	    secret_key), ERR_OK);
	assert_memory_equal(got, epoch_key, 32);
	cry_box_pair(other_public, other_secret);
	assert_int_equal(epoch_unseal(got, slice_of(sealed, sizeof(sealed)), other_public,
	    other_secret), ERR_CORRUPT);
	for (i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(epoch_unseal(got, slice_of(sealed, sizeof(sealed)),
		    public_key, secret_key), ERR_CORRUPT);
		sealed[i] ^= 1;
		assert_int_equal(epoch_unseal(got, slice_of(sealed, i), public_key,
		    secret_key), ERR_CORRUPT);
	}
}

static void
test_form_1_to_a_weak_key(void **state)
{
	unsigned char sealed[EPOCH_SEALED_BYTES], weak[32] = { 0 };

	(void)state;
	assert_int_equal(epoch_seal(sealed, epoch_key, weak), ERR_CRYPTO);
}

static void
test_form_2(void **state)
{
	const struct epoch_id id = { 7, 5, 1 };
	const struct epoch_id others[] = { { 8, 5, 1 }, { 7, 6, 1 }, { 7, 5, 2 } };
	unsigned char wrapped[EPOCH_WRAPPED_BYTES] = { 0 }, account_key[32], got[32];
	struct slice w = slice_of(wrapped, sizeof(wrapped));
	size_t i;

	(void)state;
	cry_random(account_key, 32);
	epoch_wrap(aead, wrapped, epoch_key, account_key, &id);
	assert_int_equal(epoch_unwrap(aead, got, w, account_key, &id), ERR_OK);
	assert_memory_equal(got, epoch_key, 32);
	for (i = 0; i < lengthof(others); i++)
		assert_int_equal(epoch_unwrap(aead, got, w, account_key, &others[i]),
		    ERR_CORRUPT);
	account_key[0] ^= 1;
	assert_int_equal(epoch_unwrap(aead, got, w, account_key, &id), ERR_CORRUPT);
}

/* The takeover drill: a store that moves wraps about gets nothing opened. */
static void
test_content_slots(void **state)
{
	unsigned char commitment[32] = { 1 }, other[32] = { 2 }, got[32];
	const struct epoch_slot slot = { 7, 9, 1, commitment };
	const struct epoch_slot others[] = { { 8, 9, 1, commitment }, { 7, 10, 1, commitment },
		{ 7, 9, 2, commitment }, { 7, 9, 1, other } };
	unsigned char wrapped[EPOCH_CONTENT_BYTES] = { 0 }, other_epoch[32];
	struct slice w = slice_of(wrapped, sizeof(wrapped));
	size_t i;

	(void)state;
	epoch_wrap_content(aead, wrapped, content_key, epoch_key, &slot);
	assert_int_equal(epoch_unwrap_content(aead, got, w, epoch_key, &slot), ERR_OK);
	assert_memory_equal(got, content_key, 32);
	for (i = 0; i < lengthof(others); i++)
		assert_int_equal(epoch_unwrap_content(aead, got, w, epoch_key, &others[i]),
		    ERR_CORRUPT);
	epoch_make(other_epoch);
	assert_int_equal(epoch_unwrap_content(aead, got, w, other_epoch, &slot), ERR_CORRUPT);
	for (i = 0; i < sizeof(wrapped); i++) {
		wrapped[i] ^= 1;
		assert_int_equal(epoch_unwrap_content(aead, got, w, epoch_key, &slot),
		    ERR_CORRUPT);
		wrapped[i] ^= 1;
		assert_int_equal(epoch_unwrap_content(aead, got, slice_head(w, i), epoch_key,
		    &slot), ERR_CORRUPT);
	}
}

/* From tests/golden/sealed-object.txt, sections wrap and epoch. */
static void
test_known_answers(void **state)
{
	static const unsigned char wrap_bytes[] = {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
		0x9e, 0xa9, 0x3b, 0x48, 0xb8, 0x4b, 0xc6, 0xe1, 0x94, 0x19, 0x95, 0xc4,
		0x9b, 0x94, 0x87, 0xa2, 0xf8, 0x05, 0x2e, 0x84, 0x38, 0x15, 0xc7, 0x3d,
		0xde, 0x08, 0xf2, 0x17, 0x4e, 0xf2, 0x5e, 0xc0, 0x3d, 0xe9, 0xe4, 0x73,
		0xd5, 0x10, 0xc8, 0x9f, 0x9e, 0x36, 0x29, 0xb8, 0xe2, 0x1c, 0x7a, 0x01,
	};
	static const unsigned char epoch_bytes[] = {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
		0x15, 0x55, 0x67, 0xf0, 0xa0, 0xb4, 0x0b, 0x60, 0x63, 0x46, 0xdc, 0x2e,
		0x14, 0xe9, 0x85, 0xfe, 0x5d, 0xe2, 0xcb, 0xe2, 0x06, 0xe6, 0x00, 0x07,
		0xb1, 0x35, 0x03, 0xc2, 0xdc, 0x54, 0xb0, 0xb8, 0x37, 0x17, 0x6c, 0x7b,
		0x69, 0x1f, 0x20, 0x04, 0x3f, 0x1c, 0x0c, 0x4d, 0x56, 0xd3, 0x7a, 0x60,
	};
	unsigned char one[32], hundred[32], commitment[32], got[32];
	struct epoch_slot slot = { 7, 9, 1, commitment };
	struct epoch_id id = { 7, 5, 1 };
	unsigned i;

	(void)state;
	for (i = 0; i < 32; i++) {
		one[i] = (unsigned char)(i + 1);
		hundred[i] = (unsigned char)(i + 100);
		commitment[i] = (unsigned char)(i + 200);
	}
	assert_int_equal(epoch_unwrap_content(aead, got, slice_of(wrap_bytes,
	    sizeof(wrap_bytes)), hundred, &slot), ERR_OK);
	assert_memory_equal(got, one, 32);
	assert_int_equal(epoch_unwrap(aead, got, slice_of(epoch_bytes, sizeof(epoch_bytes)),
	    one, &id), ERR_OK);
	assert_memory_equal(got, hundred, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_1), cmocka_unit_test(test_form_1_to_a_weak_key),
		cmocka_unit_test(test_form_2), cmocka_unit_test(test_content_slots),
		cmocka_unit_test(test_known_answers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
