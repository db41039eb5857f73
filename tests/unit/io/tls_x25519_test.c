/* SPDX-License-Identifier: ISC */
/* Our X25519 beside the one of OpenSSL's default provider. */
#include "lib/io/openssl.h"

#include <openssl/bn.h>
#include <sodium.h>
#include <string.h>

#include "lib/io/tls_provider.h"
#include "lib/io/tls_x25519_base.h"
#include "tests/unit/test.h"

#define OTHERS	"provider=default"
#define PART	32

static int
setup(void **state)
{
	(void)state;
	return tls_provider_load() == ERR_OK ? 0 : -1;
}

static EVP_PKEY *
make_key(const char *wish)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "X25519", wish);
	EVP_PKEY *k = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &k), 1);
	EVP_PKEY_CTX_free(c);
	return k;
}

/* As libssl does: parameters first, then what the peer sent. */
static EVP_PKEY *
peer_key(const char *wish, const unsigned char *share, size_t n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "X25519", wish);
	EVP_PKEY *k = NULL;

	assert_int_equal(EVP_PKEY_paramgen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_group_name(c, "X25519"), 1);
	assert_int_equal(EVP_PKEY_paramgen(c, &k), 1);
	EVP_PKEY_CTX_free(c);
	if (EVP_PKEY_set1_encoded_public_key(k, share, n) != 1) {
		EVP_PKEY_free(k);
		ERR_clear_error();
		return NULL;
	}
	return k;
}

static void
share_of(EVP_PKEY *k, unsigned char share[PART])
{
	unsigned char *p = NULL;

	assert_int_equal(EVP_PKEY_get1_encoded_public_key(k, &p), PART);
	memcpy(share, p, PART);
	OPENSSL_free(p);
}

static bool
derive(const char *wish, EVP_PKEY *own, const unsigned char *share, unsigned char *secret)
{
	EVP_PKEY *peer = peer_key(wish, share, PART);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, own, wish);
	size_t n = 0;
	bool ok;

	assert_non_null(peer);
	ok = EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer) == 1;
	EVP_PKEY_free(peer);		/* the exchange has its copy */
	ok = ok && EVP_PKEY_derive(c, NULL, &n) == 1 && n == PART &&
	    EVP_PKEY_derive(c, secret, &n) == 1 && n == PART;
	ERR_clear_error();
	EVP_PKEY_CTX_free(c);
	return ok;
}

static void
both_sides_agree(void **state)
{
	unsigned char a[PART], b[PART], mine[PART], theirs[PART], last[PART] = { 0 };
	EVP_PKEY *ours, *other;

	(void)state;
	for (int i = 0; i < 50; i++) {
		ours = make_key(TLS_PROVIDER_FAST);
		other = make_key(OTHERS);
		share_of(ours, a);
		share_of(other, b);
		assert_memory_not_equal(a, last, PART);		/* each is new */
		memcpy(last, a, PART);
		assert_true(derive(TLS_PROVIDER_FAST, ours, b, mine));
		assert_true(derive(OTHERS, other, a, theirs));
		assert_memory_equal(mine, theirs, PART);
		EVP_PKEY_free(ours);
		EVP_PKEY_free(other);
	}
}

static const char *
maker(const char *wish)
{
	EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(NULL, "X25519", wish);
	const char *name = OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(m));

	EVP_KEYMGMT_free(m);
	return name;
}

/* What a server of TLS 1.3 does with a client's share: ours, and the secret. */
static bool
answer(EVP_PKEY *peer, unsigned char *share, unsigned char *secret, size_t room)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, peer, TLS_PROVIDER_FAST);
	size_t share_n = 0, secret_n = 0;
	bool ok;

	assert_int_equal(EVP_PKEY_encapsulate_init(c, NULL), 1);
	assert_int_equal(EVP_PKEY_encapsulate(c, NULL, &share_n, NULL, &secret_n), 1);
	assert_int_equal(share_n, PART);
	assert_int_equal(secret_n, PART);
	share_n = room;
	ok = EVP_PKEY_encapsulate(c, share, &share_n, secret, &secret_n) == 1;
	assert_true(!ok || (share_n == PART && secret_n == PART));
	ERR_clear_error();
	EVP_PKEY_CTX_free(c);
	return ok;
}

static void
in_one_step(void **state)
{
	unsigned char a[PART], b[PART], mine[PART], theirs[PART], last[PART] = { 0 };
	EVP_PKEY *other, *peer;

	(void)state;
	for (int i = 0; i < 50; i++) {
		other = make_key(OTHERS);
		share_of(other, b);
		peer = peer_key(TLS_PROVIDER_FAST, b, PART);
		assert_true(answer(peer, a, mine, PART));
		assert_memory_not_equal(a, last, PART);		/* each is new */
		memcpy(last, a, PART);
		assert_true(derive(OTHERS, other, a, theirs));
		assert_memory_equal(mine, theirs, PART);
		assert_false(answer(peer, a, mine, PART - 1));
		EVP_PKEY_free(peer);
		EVP_PKEY_free(other);
	}
}

/* Nobody gets it who did not wish for it. */
static void
who_makes_it(void **state)
{
	EVP_PKEY *k = make_key(TLS_PROVIDER_FAST);
	EVP_KEM *kem = EVP_KEM_fetch(NULL, "X25519", TLS_PROVIDER_FAST);

	(void)state;
	assert_non_null(kem);
	EVP_KEM_free(kem);
	assert_string_equal(maker(TLS_PROVIDER_FAST), "godwit");
	assert_string_equal(maker(NULL), "default");
	assert_int_equal(EVP_PKEY_get_bits(k), 253);
	assert_int_equal(EVP_PKEY_get_security_bits(k), 128);
	assert_int_equal(EVP_PKEY_get_size(k), PART);
	EVP_PKEY_free(k);
}

/* RFC 7748 s6.1: points of a small order give zeros, which RFC 8446 s7.4.2 refuses. */
static void
bad_shares(void **state)
{
	static const unsigned char rows[][PART] = {
		{ 0 },
		{ 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	};
	EVP_PKEY *ours = make_key(TLS_PROVIDER_FAST), *peer;
	unsigned char share[PART], secret[PART], long_share[PART + 1] = { 9 };

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		assert_false(derive(TLS_PROVIDER_FAST, ours, rows[i], secret));
		peer = peer_key(TLS_PROVIDER_FAST, rows[i], PART);
		assert_false(answer(peer, share, secret, PART));
		EVP_PKEY_free(peer);
	}
	assert_null(peer_key(TLS_PROVIDER_FAST, long_share, PART - 1));
	assert_null(peer_key(TLS_PROVIDER_FAST, long_share, PART + 1));
	EVP_PKEY_free(ours);
}

/* A peer's share derives nothing, and a copy of parameters has no share. */
static void
half_keys(void **state)
{
	EVP_PKEY *ours = make_key(TLS_PROVIDER_FAST), *empty = EVP_PKEY_new(), *peer;
	unsigned char share[PART], secret[PART], *p = NULL;

	(void)state;
	share_of(ours, share);
	peer = peer_key(TLS_PROVIDER_FAST, share, PART);
	assert_int_equal(EVP_PKEY_eq(peer, ours), 1);
	assert_false(derive(TLS_PROVIDER_FAST, peer, share, secret));
	assert_int_equal(EVP_PKEY_copy_parameters(empty, ours), 1);	/* as TLS 1.2 does */
	assert_int_equal(EVP_PKEY_get1_encoded_public_key(empty, &p), 0);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(empty, share, PART), 1);
	assert_int_equal(EVP_PKEY_eq(empty, ours), 1);
	ERR_clear_error();
	EVP_PKEY_free(peer);
	EVP_PKEY_free(empty);
	EVP_PKEY_free(ours);
}

/* RFC 7748 s6.1, and what libsodium's ladder says. */
static void
public_part(void **state)
{
	static const unsigned char alice[PART] = {
		0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
		0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
		0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
	}, hers[PART] = {
		0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
		0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
		0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
	};
	unsigned char private[PART], ours[PART], theirs[PART];

	(void)state;
	assert_true(tls_x25519_base(ours, alice));
	assert_memory_equal(ours, hers, PART);
	for (unsigned i = 0; i < 1000; i++) {
		if (i < PART * 8) {		/* one bit, and the clamped ones */
			memset(private, 0, PART);
			private[i / 8] = (unsigned char)(1u << i % 8);
		} else {
			randombytes_buf(private, PART);
		}
		assert_int_equal(crypto_scalarmult_base(theirs, private), 0);
		assert_true(tls_x25519_base(ours, private));
		assert_memory_equal(ours, theirs, PART);
	}
	memset(private, 0, PART);
	assert_false(tls_x25519_base(ours, private));
}

#ifdef __SIZEOF_INT128__
static void
u_by_openssl(unsigned char *u, const BIGNUM *y, const BIGNUM *p, BN_CTX *c)
{
	BIGNUM *above = BN_new(), *below = BN_new();

	assert_int_equal(BN_mod_add(above, y, BN_value_one(), p, c), 1);
	assert_int_equal(BN_mod_sub(below, BN_value_one(), y, p, c), 1);
	if (BN_is_zero(below))
		BN_zero(above);
	else
		assert_non_null(BN_mod_inverse(below, below, p, c));
	assert_int_equal(BN_mod_mul(above, above, below, p, c), 1);
	assert_int_equal(BN_bn2lebinpad(above, u, PART), PART);
	BN_free(above);
	BN_free(below);
}

/* Numbers with limbs at both ends of what they hold, the modulus, and its neighbours. */
static void
edges_of_the_field(void **state)
{
	static const uint64_t limbs[] = { 0, 1, (UINT64_C(1) << 51) - 20,
		(UINT64_C(1) << 51) - 19, (UINT64_C(1) << 51) - 1 };
	unsigned char point[PART], ours[PART], theirs[PART];
	BIGNUM *p = BN_new(), *y = BN_new(), *limb = BN_new();
	BN_CTX *c = BN_CTX_new();
	unsigned rest;

	(void)state;
	assert_int_equal(BN_set_bit(p, 255), 1);
	assert_int_equal(BN_sub_word(p, 19), 1);
	for (unsigned i = 0; i < 5 * 5 * 5 * 5 * 5; i++) {
		BN_zero(y);
		rest = i;
		for (int j = 0; j < 5; j++, rest /= 5) {
			assert_int_equal(BN_set_word(limb, limbs[rest % 5]), 1);
			assert_int_equal(BN_lshift(y, y, 51), 1);
			assert_int_equal(BN_add(y, y, limb), 1);
		}
		assert_int_equal(BN_bn2lebinpad(y, point, PART), PART);
		point[PART - 1] |= (unsigned char)(i % 2 << 7);	/* the sign of x */
		tls_x25519_u(ours, point);
		u_by_openssl(theirs, y, p, c);
		assert_memory_equal(ours, theirs, PART);
	}
	BN_free(p);
	BN_free(y);
	BN_free(limb);
	BN_CTX_free(c);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree),
		cmocka_unit_test(in_one_step),
		cmocka_unit_test(who_makes_it),
		cmocka_unit_test(bad_shares),
		cmocka_unit_test(half_keys),
		cmocka_unit_test(public_part),
#ifdef __SIZEOF_INT128__
		cmocka_unit_test(edges_of_the_field),
#endif
	};

	return cmocka_run_group_tests_name("io/tls_x25519", tests, setup, NULL);
}
