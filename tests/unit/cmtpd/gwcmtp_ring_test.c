/* SPDX-License-Identifier: ISC */
/* A key ring comes back as it was put, and by nothing but its password. */
#include "tests/unit/test.h"

#include <string.h>

#include "cmtpd/gwcmtp_ring.h"
#include "lib/base/enc.h"

#define ALICE	SLICE_LIT("Alice@example.org")
#define WORD	SLICE_LIT("open sesame")

/* Few passes of little memory: what they cost is not the matter here. */
static void
ring_of(struct gwcmtp_ring *r, unsigned count)
{
	unsigned char secret[CRY_KEY_BYTES];

	gwcmtp_ring_init(r);
	r->passes = 1;
	r->kib = 8;
	for (unsigned i = 0; i < count; i++) {
		memset(secret, (int)i + 1, sizeof(secret));
		assert_int_equal(gwcmtp_ring_add(r, secret, 1000 + i), ERR_OK);
	}
}

static enum err
open_it(struct slice bytes, struct slice address, struct slice word, unsigned *count)
{
	struct gwcmtp_ring r;
	enum err e;

	gwcmtp_ring_init(&r);
	e = gwcmtp_ring_get(&r, bytes, address, word);
	*count = r.count;
	gwcmtp_ring_fini(&r);
	return e;
}

static void
test_round(void **state)
{
	unsigned char public_key[CRY_KEY_BYTES], want[CRY_KEY_BYTES];
	struct gwcmtp_ring r, got;
	struct buf b, again;

	(void)state;
	buf_init(&b, GWCMTP_RING_BYTES_MAX);
	buf_init(&again, GWCMTP_RING_BYTES_MAX);
	ring_of(&r, GWCMTP_RING_KEYS_MAX);
	assert_int_equal(gwcmtp_ring_add(&r, NULL, 5), ERR_LIMIT);
	assert_int_equal(gwcmtp_ring_put(&b, &r, ALICE, WORD), ERR_OK);
	assert_int_equal(b.n, GWCMTP_RING_BYTES_MAX);
	assert_int_equal(gwcmtp_ring_put(&again, &r, ALICE, WORD), ERR_OK);
	/* Salt and nonce are never the same. */
	assert_true(memcmp(buf_data(&b) + 16, buf_data(&again) + 16, 16) != 0);
	assert_true(memcmp(buf_data(&b) + 64, buf_data(&again) + 64, 12) != 0);
	gwcmtp_ring_init(&got);
	assert_int_equal(gwcmtp_ring_get(&got, buf_slice(&b), SLICE_LIT("alice@EXAMPLE.org"), WORD), ERR_OK);
	assert_int_equal(got.count, GWCMTP_RING_KEYS_MAX);
	for (unsigned i = 0; i < got.count; i++)
		assert_memory_equal(gwcmtp_ring_secret(&got, i), gwcmtp_ring_secret(&r, i), CRY_KEY_BYTES);
	/* The newest is the first. */
	assert_int_equal(gwcmtp_ring_secret(&got, 0)[0], GWCMTP_RING_KEYS_MAX);
	cry_box_public(want, gwcmtp_ring_secret(&got, 0));
	assert_int_equal(gwcmtp_ring_public(public_key, buf_slice(&b)), ERR_OK);
	assert_memory_equal(public_key, want, CRY_KEY_BYTES);
	gwcmtp_ring_fini(&got);
	gwcmtp_ring_fini(&r);
	buf_fini(&again);
	buf_fini(&b);
}

/* Cut anywhere, turned anywhere, of another address, with another word. */
static void
test_bad(void **state)
{
	struct gwcmtp_ring r;
	unsigned count;
	struct buf b;

	(void)state;
	buf_init(&b, GWCMTP_RING_BYTES_MAX + 1);
	ring_of(&r, 2);
	assert_int_equal(gwcmtp_ring_put(&b, &r, ALICE, WORD), ERR_OK);
	assert_int_equal(open_it(buf_slice(&b), ALICE, WORD, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(open_it(buf_slice(&b), ALICE, SLICE_LIT("open Sesame"), &count), ERR_CORRUPT);
	assert_int_equal(open_it(buf_slice(&b), SLICE_LIT("bob@example.org"), WORD, &count), ERR_CORRUPT);
	assert_int_equal(count, 0);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(open_it(slice_head(buf_slice(&b), n), ALICE, WORD, &count), ERR_SYNTAX);
	for (size_t i = 0; i < b.n; i++) {
		/* passes and KiB: what they would cost stands in test_limits */
		if (i >= 8 && i < 16)
			continue;
		buf_data(&b)[i] ^= 1;
		assert_int_not_equal(open_it(buf_slice(&b), ALICE, WORD, &count), ERR_OK);
		assert_int_equal(count, 0);
		buf_data(&b)[i] ^= 1;
	}
	buf_put_char(&b, 0);
	assert_int_equal(open_it(buf_slice(&b), ALICE, WORD, &count), ERR_SYNTAX);
	gwcmtp_ring_fini(&r);
	buf_fini(&b);
}

static void
test_limits(void **state)
{
	static const struct {
		uint32_t	 passes, kib;
		enum err	 e;
	} asks[] = {
		{ 0, 8, ERR_LIMIT }, { GWCMTP_RING_PASSES_MAX + 1, 8, ERR_LIMIT },
		{ 1, 7, ERR_LIMIT }, { 1, GWCMTP_RING_KIB_MAX + 1, ERR_LIMIT },
		{ 1, UINT32_MAX, ERR_LIMIT }, { GWCMTP_RING_PASSES_MAX, 8, ERR_CORRUPT },
	};
	unsigned char public_key[CRY_KEY_BYTES];
	struct gwcmtp_ring r;
	unsigned count;
	struct buf b;

	(void)state;
	buf_init(&b, GWCMTP_RING_BYTES_MAX);
	ring_of(&r, 1);
	assert_int_equal(gwcmtp_ring_put(&b, &r, ALICE, WORD), ERR_OK);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		enc_be32(buf_data(&b) + 8, asks[i].passes);
		enc_be32(buf_data(&b) + 12, asks[i].kib);
		assert_int_equal(open_it(buf_slice(&b), ALICE, WORD, &count), asks[i].e);
	}
	buf_data(&b)[4] = 2;
	assert_int_equal(gwcmtp_ring_public(public_key, buf_slice(&b)), ERR_VERSION);
	gwcmtp_ring_fini(&r);
	buf_fini(&b);
}

static void
test_bare(void **state)
{
	struct gwcmtp_ring r, got;
	struct buf b;

	(void)state;
	buf_init(&b, GWCMTP_RING_BARE_MAX + 1);
	ring_of(&r, GWCMTP_RING_KEYS_MAX);
	gwcmtp_ring_put_bare(&b, &r);
	assert_int_equal(b.n, GWCMTP_RING_BARE_MAX);
	gwcmtp_ring_init(&got);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(gwcmtp_ring_get_bare(&got, slice_head(buf_slice(&b), n)), ERR_SYNTAX);
	assert_int_equal(gwcmtp_ring_get_bare(&got, buf_slice(&b)), ERR_OK);
	assert_int_equal(got.count, r.count);
	for (unsigned i = 0; i < got.count; i++)
		assert_memory_equal(gwcmtp_ring_secret(&got, i), gwcmtp_ring_secret(&r, i), CRY_KEY_BYTES);
	gwcmtp_ring_fini(&got);
	gwcmtp_ring_init(&got);
	buf_put_char(&b, 0);
	assert_int_equal(gwcmtp_ring_get_bare(&got, buf_slice(&b)), ERR_SYNTAX);
	buf_data(&b)[1] = GWCMTP_RING_KEYS_MAX + 1;
	assert_int_equal(gwcmtp_ring_get_bare(&got, buf_slice(&b)), ERR_SYNTAX);
	buf_data(&b)[0] = 2;
	assert_int_equal(gwcmtp_ring_get_bare(&got, buf_slice(&b)), ERR_VERSION);
	assert_int_equal(gwcmtp_ring_get_bare(&got, SLICE_LIT("\1\0")), ERR_SYNTAX);
	gwcmtp_ring_fini(&got);
	gwcmtp_ring_fini(&r);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bare),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
