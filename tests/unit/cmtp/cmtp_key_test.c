/* SPDX-License-Identifier: ISC */
/*
 * Key records of CMTP 2 and what a chain of them says.  The records are golden:
 *	build/test/unit/cmtp_key_test -p (the first part of tests/golden/cmtp2.txt)
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_chain.h"
#include "lib/cmtp/cmtp_key.h"
#include "lib/cmtp/cmtp_sign.h"
#include "tests/unit/cmtp/vectors.h"

#define YEAR	(366ull * 86400)
#define BORN	1795000000ull

struct pair {
	unsigned char	 public_key[32];
	unsigned char	 secret_key[64];
};

static struct pair server, users[4];

static void
pair_of(struct pair *p, unsigned char first)
{
	unsigned char seed[32];

	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (unsigned char)(first + i);
	cry_ed_pair(p->public_key, p->secret_key, seed);
}

/* Signed by all; before NULL: the first of a chain. */
static struct cmtp_key
record(const struct pair *own, const struct cmtp_key *before, const struct pair *by)
{
	struct cmtp_key k = { .kind = CMTP_KEY_LIVE, .generation = 1,
	    .serial = before == NULL ? 1 : before->serial + 1,
	    .created_s = before == NULL ? BORN : before->created_s + 1000,
	    .domain = SLICE_LIT("example.test"), .user = SLICE_LIT("alice") };

	k.expires_s = k.created_s + YEAR;
	memcpy(k.sign, own->public_key, 32);
	assert_int_equal(cry_ed_box_public(k.seal, own->public_key), ERR_OK);
	if (before != NULL)
		cmtp_key_hash(k.before, before);
	cmtp_key_sign_own(&k, own->secret_key);
	if (by != NULL)
		cmtp_key_sign_previous(&k, by->secret_key);
	cmtp_key_sign_server(&k, server.secret_key);
	return k;
}

/* The same record, changed, and signed anew. */
static void
sign_again(struct cmtp_key *k, const struct pair *own, const struct pair *by)
{
	cmtp_key_sign_own(k, own->secret_key);
	k->has_previous = false;
	if (by != NULL)
		cmtp_key_sign_previous(k, by->secret_key);
	cmtp_key_sign_server(k, server.secret_key);
}

static struct cmtp_key
server_record(void)
{
	struct cmtp_key k = record(&server, NULL, NULL);

	k.user = SLICE_NONE;
	sign_again(&k, &server, NULL);
	return k;
}

static struct cmtp_key
end_record(const struct cmtp_key *before)
{
	struct cmtp_key k = record(&users[2], before, NULL);

	k.kind = CMTP_KEY_END;
	sign_again(&k, &users[2], &users[1]);
	return k;
}

static void
bytes_of(struct buf *b, const struct cmtp_key *k)
{
	buf_init(b, CMTP_KEY_RECORD_MAX);
	assert_int_equal(cmtp_key_put(b, k), ERR_OK);
}

/* ---- golden */

struct golden {
	const char	*name;
	const char	*remark;
	struct cmtp_key	 key;
};

#define GOLDEN_COUNT	4

static void
make_golden(struct golden g[GOLDEN_COUNT])
{
	g[0] = (struct golden){ "key_server", "seed 000102..1f", server_record() };
	g[1] = (struct golden){ "key_first", "alice, seed 202122..3f", record(&users[0], NULL, NULL) };
	g[2] = (struct golden){ "key_next", "seed 404142..5f, signed by the first too",
	    record(&users[1], &g[1].key, &users[0]) };
	g[3] = (struct golden){ "key_end", "seed 606162..7f", end_record(&g[2].key) };
}

static void
print_hex(struct slice s)
{
	struct buf b;

	buf_init(&b, 5000);
	enc_put_hex(&b, s);
	for (size_t at = 0; at < b.n; at += 64)
		printf("  %.*s\n", SLICE_FMT(slice_head(slice_from(buf_slice(&b), at), 64)));
	buf_fini(&b);
}

static void
print_golden(void)
{
	struct golden g[GOLDEN_COUNT];
	unsigned char hash[CMTP_KEY_HASH_BYTES];
	struct buf b;

	make_golden(g);
	printf("# CMTP 2 test vectors: key records (man/cmtp.7). All hex; keys follow from Ed25519 seeds, the\n"
	    "# sealing key is the X25519 form of the signing key.\n");
	for (unsigned i = 0; i < GOLDEN_COUNT; i++) {
		bytes_of(&b, &g[i].key);
		printf("%s (%s) =\n", g[i].name, g[i].remark);
		print_hex(buf_slice(&b));
		cmtp_key_hash(hash, &g[i].key);
		printf("%s_hash =\n", g[i].name);
		print_hex(slice_of(hash, sizeof(hash)));
		buf_fini(&b);
	}
}

static void
test_golden(void **state)
{
	struct golden g[GOLDEN_COUNT];
	unsigned char hash[CMTP_KEY_HASH_BYTES];
	char name[40];
	struct buf want, got;

	(void)state;
	make_golden(g);
	for (unsigned i = 0; i < GOLDEN_COUNT; i++) {
		vector_get_2(&want, g[i].name);
		bytes_of(&got, &g[i].key);
		assert_int_equal(got.n, want.n);
		assert_memory_equal(buf_data(&got), buf_data(&want), want.n);
		buf_fini(&want);
		(void)snprintf(name, sizeof(name), "%s_hash", g[i].name);
		vector_get_2(&want, name);
		cmtp_key_hash(hash, &g[i].key);
		assert_memory_equal(buf_data(&want), hash, sizeof(hash));
		buf_fini(&want);
		buf_fini(&got);
	}
}

/* ---- bytes */

static void
test_read(void **state)
{
	struct cmtp_key k = record(&users[1], NULL, NULL), next = record(&users[2], &k, &users[1]);
	struct cmtp_key got;
	struct slice in;
	struct buf b;

	(void)state;
	bytes_of(&b, &next);
	for (size_t n = 0; n < b.n; n++) {
		in = slice_head(buf_slice(&b), n);
		assert_int_equal(cmtp_key_read(&got, &in), ERR_SHORT);
		assert_int_equal(in.n, n);
	}
	in = buf_slice(&b);
	assert_int_equal(cmtp_key_read(&got, &in), ERR_OK);
	assert_int_equal(in.n, 0);
	assert_int_equal(got.serial, 2);
	assert_slice(got.user, "alice");
	assert_int_equal(cmtp_key_verify(&got, server.public_key), ERR_OK);
	assert_int_equal(cmtp_key_verify_previous(&got, k.sign), ERR_OK);
	/* Whatever bit is turned: it does not read, or not verify. */
	for (size_t i = 0; i < b.n * 8; i++) {
		buf_data(&b)[i / 8] = (char)(buf_data(&b)[i / 8] ^ (1 << i % 8));
		in = buf_slice(&b);
		if (cmtp_key_read(&got, &in) == ERR_OK)
			assert_true(cmtp_key_verify(&got, server.public_key) != ERR_OK ||
			    cmtp_key_verify_previous(&got, k.sign) != ERR_OK);
		buf_data(&b)[i / 8] = (char)(buf_data(&b)[i / 8] ^ (1 << i % 8));
	}
	buf_fini(&b);
}

static void
not_sound(struct cmtp_key k)
{
	struct buf b;

	buf_init(&b, CMTP_KEY_RECORD_MAX + 10);
	assert_int_equal(cmtp_key_put(&b, &k), ERR_SYNTAX);
	buf_fini(&b);
}

static void
test_unsound(void **state)
{
	const struct cmtp_key good = record(&users[0], NULL, NULL);
	char name[CMTP_KEY_NAME_MAX + 1];
	struct cmtp_key k;

	(void)state;
#define WITH(field, value)	do { k = good; k.field = (value); not_sound(k); } while (0)
	WITH(serial, 0);
	WITH(serial, 2);			/* nothing is before it */
	WITH(before[0], 1);
	WITH(has_previous, true);
	WITH(expires_s, good.created_s);
	WITH(expires_s, good.created_s + CMTP_KEY_LIFE_MAX_S + 1);
	WITH(domain, SLICE_NONE);
	WITH(domain, SLICE_LIT("Example.test"));
	WITH(domain, SLICE_LIT("a@b"));
	WITH(user, slice_of("a\0b", 3));
	WITH(user, SLICE_LIT("\xff"));
	memset(name, 'a', sizeof(name));
	WITH(user, slice_of(name, sizeof(name)));
	WITH(domain, slice_of(name, sizeof(name)));
#undef WITH
	k = good;
	k.user = k.domain = slice_of(name, CMTP_KEY_NAME_MAX);
	k.expires_s = k.created_s + CMTP_KEY_LIFE_MAX_S;
	sign_again(&k, &users[0], NULL);
	assert_int_equal(cmtp_key_verify(&k, server.public_key), ERR_OK);
}

static void
test_verify(void **state)
{
	struct cmtp_key k = record(&users[0], NULL, NULL);
	const struct cmtp_key next = record(&users[1], &k, &users[0]);

	(void)state;
	assert_int_equal(cmtp_key_verify(&k, users[1].public_key), ERR_CORRUPT);
	assert_int_equal(cmtp_key_verify_previous(&next, users[1].public_key), ERR_CORRUPT);
	assert_int_equal(cmtp_key_verify_previous(&k, users[0].public_key), ERR_CORRUPT);
	/* A signature is good for its purpose only. */
	memcpy(k.own, next.previous, sizeof(k.own));
	assert_int_equal(cmtp_key_verify(&k, server.public_key), ERR_CORRUPT);
}

/* ---- chains */

static void
is(enum cmtp_chain want, const struct cmtp_key *known, const struct cmtp_key *k, uint64_t now_s)
{
	assert_string_equal(cmtp_chain_name(cmtp_chain_judge(known, k, now_s)), cmtp_chain_name(want));
}

static void
test_chain(void **state)
{
	const struct cmtp_key a = record(&users[0], NULL, NULL);
	const struct cmtp_key b = record(&users[1], &a, &users[0]);
	const struct cmtp_key c = record(&users[2], &b, &users[1]), end = end_record(&b);
	const uint64_t now = BORN + 5000;

	(void)state;
	is(CMTP_CHAIN_NEW, NULL, &a, now);
	is(CMTP_CHAIN_NEW, NULL, &c, now);	/* met in the middle */
	is(CMTP_CHAIN_SAME, &a, &a, now);
	is(CMTP_CHAIN_NEXT, &a, &b, now);
	is(CMTP_CHAIN_NEXT, &b, &c, now);
	is(CMTP_CHAIN_GAP, &a, &c, now);
	is(CMTP_CHAIN_OLD, &c, &a, now);
	is(CMTP_CHAIN_ENDED, &b, &end, now);
	is(CMTP_CHAIN_ENDED, &end, &end, now);
	is(CMTP_CHAIN_ENDED, NULL, &end, now);
	is(CMTP_CHAIN_FORK, &c, &end, now);
	is(CMTP_CHAIN_EXPIRED, NULL, &a, a.expires_s);
	is(CMTP_CHAIN_SAME, &a, &a, a.expires_s - 1);
	is(CMTP_CHAIN_NEW, NULL, &a, a.created_s - CMTP_CHAIN_SKEW_S);
	is(CMTP_CHAIN_EARLY, NULL, &a, a.created_s - CMTP_CHAIN_SKEW_S - 1);
}

static void
test_breaks(void **state)
{
	const struct cmtp_key a = record(&users[0], NULL, NULL);
	const struct cmtp_key b = record(&users[1], &a, &users[0]);
	struct cmtp_key k;
	const uint64_t now = BORN + 5000;

	(void)state;
	/* A reset: the owner's key was lost. */
	k = record(&users[3], &a, NULL);
	is(CMTP_CHAIN_RESET, &a, &k, now);
	/* Signed by somebody else. */
	k = record(&users[3], &a, &users[2]);
	is(CMTP_CHAIN_RESET, &a, &k, now);
	/* A second one behind the first, well signed. */
	k = record(&users[3], &a, &users[0]);
	is(CMTP_CHAIN_NEXT, &a, &k, now);
	is(CMTP_CHAIN_FORK, &b, &k, now);
	/* A second first, while the known one is good. */
	k = record(&users[3], NULL, NULL);
	is(CMTP_CHAIN_FORK, &a, &k, now);
	is(CMTP_CHAIN_OLD, &b, &k, now);
	/* The next number, but not behind this one. */
	k = record(&users[2], &b, &users[1]);
	k.serial = 2;
	sign_again(&k, &users[2], &users[0]);
	is(CMTP_CHAIN_FORK, &a, &k, now);
	/* Generations do not go back. */
	k = record(&users[1], &a, &users[0]);
	k.generation = 0;
	sign_again(&k, &users[1], &users[0]);
	is(CMTP_CHAIN_FORK, &a, &k, now);
	k = record(&users[1], &a, &users[0]);
	k.user = SLICE_LIT("bob");
	sign_again(&k, &users[1], &users[0]);
	is(CMTP_CHAIN_OTHER, &a, &k, now);
}

static void
test_reuse(void **state)
{
	const struct cmtp_key a = record(&users[0], NULL, NULL);
	const struct cmtp_key b = record(&users[1], &a, &users[0]), end = end_record(&b);
	struct cmtp_key k = record(&users[3], NULL, NULL);

	(void)state;
	k.created_s = b.expires_s;
	k.expires_s = k.created_s + YEAR;
	sign_again(&k, &users[3], NULL);
	is(CMTP_CHAIN_OLD, &b, &k, b.expires_s - 1);
	is(CMTP_CHAIN_REUSED, &b, &k, b.expires_s);
	is(CMTP_CHAIN_REUSED, &end, &k, b.expires_s);
	/* Not one from before. */
	k.created_s = BORN - 1;
	k.expires_s = k.created_s + 2 * YEAR;
	sign_again(&k, &users[3], NULL);
	is(CMTP_CHAIN_OLD, &b, &k, b.expires_s);
	/* Nothing follows an end. */
	k = record(&users[3], &end, &users[2]);
	is(CMTP_CHAIN_FORK, &end, &k, BORN + 5000);
}

static int
setup(void **state)
{
	(void)state;
	cry_init();
	pair_of(&server, 0);
	for (unsigned i = 0; i < 4; i++)
		pair_of(&users[i], (unsigned char)(0x20 * (i + 1)));
	return 0;
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_unsound),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_reuse),
	};

	if (argc > 1 && strcmp(argv[1], "-p") == 0) {
		(void)setup(NULL);
		print_golden();
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, NULL);
}
