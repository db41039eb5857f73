/* SPDX-License-Identifier: ISC */
/*
 * Primitives against published answers, and the guarded arena.
 */
#include "tests/unit/test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/secret_arena.h"

static int
setup(void **state)
{
	(void)state;
	cry_init();
	cry_init();
	return 0;
}

static size_t
unhex(unsigned char *dst, const char *hex)
{
	struct buf b;
	size_t n;

	buf_init(&b, 1000);
	assert_int_equal(enc_get_hex(&b, slice_str(hex)), ERR_OK);
	n = b.n;
	if (n > 0)
		memcpy(dst, buf_data(&b), n);
	buf_fini(&b);
	return n;
}

/* GCM specification (McGrew, Viega), test cases 13, 14, 16; RFC 8439 s2.8.2. */
static void
test_aead(void **state)
{
	static const struct {
		enum cry_suite	 suite;
		const char	*key, *nonce, *ad, *plain, *sealed;
	} rows[] = {
		{ CRY_AES256_GCM,
		  "0000000000000000000000000000000000000000000000000000000000000000",
		  "000000000000000000000000", "", "",
		  "530f8afbc74536b9a963b4f1c4cb738b" },
		{ CRY_AES256_GCM,
		  "0000000000000000000000000000000000000000000000000000000000000000",
		  "000000000000000000000000", "", "00000000000000000000000000000000",
		  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" },
		{ CRY_AES256_GCM,
		  "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		  "cafebabefacedbaddecaf888",
		  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
		  "76fc6ece0f4e1768cddf8853bb2d551b" },
		{ CRY_CHACHA20_POLY1305,
		  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
		  "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
		  "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
		  "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
		  "637265656e20776f756c642062652069742e",
		  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
		  "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
		  "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		  "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
		  "0691" },
	};
	struct cry_aead *a = cry_aead_new();
	unsigned char key[32], nonce[12], ad[64], plain[256], sealed[256], got[256];
	size_t i, k;

	(void)state;
	for (i = 0; i < lengthof(rows); i++) {
		size_t ad_n = unhex(ad, rows[i].ad), n = unhex(plain, rows[i].plain);

		assert_int_equal(unhex(key, rows[i].key), 32);
		assert_int_equal(unhex(nonce, rows[i].nonce), 12);
		assert_int_equal(unhex(sealed, rows[i].sealed), n + 16);
		cry_aead_key(a, rows[i].suite, key);
		/* Twice: the second time the key schedule is there already. */
		for (k = 0; k < 2; k++) {
			cry_aead_seal(a, got, slice_of(plain, n), nonce, slice_of(ad, ad_n));
			assert_memory_equal(got, sealed, n + 16);
			assert_int_equal(cry_aead_open(a, got, slice_of(got, n + 16), nonce,
			    slice_of(ad, ad_n)), ERR_OK);
			assert_memory_equal(got, plain, n);
		}
		for (k = 0; k < n + 16; k++) {
			sealed[k] ^= 1;
			assert_int_equal(cry_aead_open(a, got, slice_of(sealed, n + 16), nonce,
			    slice_of(ad, ad_n)), ERR_CORRUPT);
			sealed[k] ^= 1;
		}
		assert_int_equal(cry_aead_open(a, got, slice_of(sealed, 15), nonce,
		    slice_of(ad, ad_n)), ERR_CORRUPT);
	}
	cry_aead_free(&a);
	assert_null(a);
	cry_aead_free(&a);
}

/* A key that is given again, and one that another came between. */
static void
test_aead_keys(void **state)
{
	static const unsigned char keys[3][32] = { { 0 }, { 1 }, { 0 } }, nonce[12] = { 5 };
	struct cry_aead *a = cry_aead_new(), *fresh;
	unsigned char got[20], want[20];

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		enum cry_suite suite = i % 5 == 4 ? CRY_CHACHA20_POLY1305 : CRY_AES256_GCM;
		const unsigned char *key = keys[i / 2 % 3];

		fresh = cry_aead_new();
		cry_aead_key(fresh, suite, key);
		cry_aead_seal(fresh, want, SLICE_LIT("text"), nonce, SLICE_NONE);
		cry_aead_free(&fresh);
		cry_aead_key(a, suite, key);
		cry_aead_seal(a, got, SLICE_LIT("text"), nonce, SLICE_NONE);
		assert_memory_equal(got, want, sizeof(want));
		assert_int_equal(cry_aead_open(a, got, slice_of(want, sizeof(want)), nonce,
		    SLICE_NONE), ERR_OK);
		assert_memory_equal(got, "text", 4);
	}
	cry_aead_free(&a);
}

static void
test_subkeys_differ(void **state)
{
	unsigned char key[32] = { 1 }, a[32], b[32];

	(void)state;
	cry_subkey(a, key, "one");
	cry_subkey(b, key, "two");
	assert_memory_not_equal(a, b, 32);
	cry_subkey(b, key, "one");
	assert_memory_equal(a, b, 32);
	key[31] ^= 1;
	cry_subkey(b, key, "one");
	assert_memory_not_equal(a, b, 32);
}

static void
test_argon2id(void **state)
{
	static const unsigned char salt[16] = "somesaltsomesalt";
	unsigned char a[32], b[32];

	(void)state;
	assert_int_equal(cry_argon2id(a, SLICE_LIT("password"), salt, 2, 1024), ERR_OK);
	assert_int_equal(cry_argon2id(b, SLICE_LIT("password"), salt, 2, 1024), ERR_OK);
	assert_memory_equal(a, b, 32);
	assert_int_equal(cry_argon2id(b, SLICE_NONE, salt, 2, 1024), ERR_OK);
	assert_memory_not_equal(a, b, 32);
}

static void
test_arena(void **state)
{
	struct secret_arena *a = secret_arena_new(20000);
	unsigned char *p[1000] = { NULL }, *q;
	size_t all = secret_arena_free_bytes(a), n = 0, i;

	(void)state;
	assert_true(all >= 20000);
	assert_null(secret_arena_alloc(a, 0));
	assert_null(secret_arena_alloc(a, all + 1));
	while (n < lengthof(p) && (p[n] = secret_arena_alloc(a, 33)) != NULL)
		memset(p[n++], 0xa5, 33);
	assert_int_equal(n, all / 48);
	q = p[3];
	secret_arena_release(a, p[3], 33);
	for (i = 0; i < 33; i++)
		assert_int_equal(q[i], 0);
	assert_ptr_equal(secret_arena_alloc(a, 40), q);
	assert_int_equal(p[4][0], 0xa5);
	for (i = 0; i < n; i++)
		secret_arena_release(a, p[i], 33);
	secret_arena_release(a, NULL, 33);
	assert_int_equal(secret_arena_free_bytes(a), all);
	assert_true(secret_arena_kind(a) >= SECRET_HIDDEN);
	secret_arena_free(&a);
	assert_null(a);
}

/* Across the borders of what is fetched at once; nothing is given twice. */
static void
test_random(void **state)
{
	unsigned char all[200][32] = { { 0 } }, large[100] = { 0 }, zeros[100] = { 0 };
	uint64_t v = cry_random_u64();

	(void)state;
	for (size_t i = 0; i < lengthof(all); i++) {
		cry_random(all[i], 13 + i % 20);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(all[i], all[j], 13);
	}
	assert_true(cry_random_u64() != v);
	cry_random(large, sizeof(large));
	for (size_t at = 0; at < sizeof(large); at += 10)
		assert_memory_not_equal(large + at, zeros, 10);
	cry_random(all[0], 0);
}

/* What is left of the parent's is not the child's. */
static void
test_random_fork(void **state)
{
	unsigned char ours[32], theirs[32];
	int fds[2], status;
	pid_t pid;

	(void)state;
	cry_random(ours, 1);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		cry_random(theirs, sizeof(theirs));
		_exit(write(fds[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
	}
	cry_random(ours, sizeof(ours));
	assert_int_equal(read(fds[0], theirs, sizeof(theirs)), sizeof(theirs));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_memory_not_equal(ours, theirs, sizeof(ours));
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead), cmocka_unit_test(test_aead_keys),
		cmocka_unit_test(test_subkeys_differ),
		cmocka_unit_test(test_argon2id), cmocka_unit_test(test_arena),
		cmocka_unit_test(test_random), cmocka_unit_test(test_random_fork),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
