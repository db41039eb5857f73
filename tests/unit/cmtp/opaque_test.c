/* SPDX-License-Identifier: ISC */
/*
 * OPAQUE and the function under it as RFC 9807 and RFC 9497 have them
 * (tests/golden/opaque.txt); wrong passwords, users that are none, and bytes
 * that are no elements.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/cmtp/opaque_client.h"
#include "lib/cmtp/opaque_server.h"
#include "tests/unit/cmtp/vectors.h"

/* ---- vectors */

static void
is(const unsigned char *got, size_t n, const char *name)
{
	struct buf b;

	vector_get_opaque(&b, name);
	assert_int_equal(b.n, n);
	assert_memory_equal(got, buf_data(&b), n);
	buf_fini(&b);
}

static void
load(unsigned char *dst, size_t n, const char *name)
{
	struct buf b;

	vector_get_opaque(&b, name);
	assert_int_equal(b.n, n);
	memcpy(dst, buf_data(&b), n);
	buf_fini(&b);
}

static void
check_oprf(const char *input_name, const char *blind_name, const char *blinded_name,
    const char *evaluated_name, const char *output_name)
{
	unsigned char secret[32], blind[32], got[32], out[64];
	struct buf input;

	vector_get_opaque(&input, input_name);
	load(secret, 32, "oprf_secret");
	load(blind, 32, blind_name);
	assert_int_equal(opaque_oprf_blind(got, buf_slice(&input), blind), ERR_OK);
	is(got, 32, blinded_name);
	assert_int_equal(opaque_oprf_evaluate(got, secret, got), ERR_OK);
	is(got, 32, evaluated_name);
	assert_int_equal(opaque_oprf_finish(out, buf_slice(&input), blind, got), ERR_OK);
	is(out, 64, output_name);
	memset(out, 0, sizeof(out));
	assert_int_equal(opaque_oprf_direct(out, buf_slice(&input), secret), ERR_OK);
	is(out, 64, output_name);
	buf_fini(&input);
}

static void
test_oprf(void **state)
{
	unsigned char seed[32], secret[32], public_key[32];

	(void)state;
	load(seed, 32, "oprf_seed");
	opaque_oprf_pair(secret, public_key, seed, "test key");
	is(secret, 32, "oprf_secret");
	check_oprf("oprf1_input", "oprf1_blind", "oprf1_blinded", "oprf1_evaluated", "oprf1_output");
	check_oprf("oprf2_input", "oprf2_blind", "oprf2_blinded", "oprf2_evaluated", "oprf2_output");
}

static enum err
stretch_none(struct buf *out, struct slice in)
{
	buf_put_slice(out, in);
	return buf_err(out);
}

static struct opaque_server
vector_server(const char *seed, const char *secret, const char *public_key)
{
	struct opaque_server s;

	memset(&s, 0, sizeof(s));
	load(s.oprf_seed, 64, seed);
	load(s.secret_key, 32, secret);
	load(s.public_key, 32, public_key);
	return s;
}

static struct opaque_client_random
vector_random(const char *blind, const char *nonce)
{
	struct opaque_client_random r;

	load(r.blind, 32, blind);
	load(r.nonce, 32, nonce);
	load(r.share_seed, 32, "real_client_seed");
	return r;
}

static void
check_registration(const struct opaque_suite *suite, const char *record_name)
{
	const struct opaque_client_random r = vector_random("real_blind_registration",
	    "real_envelope_nonce");
	const struct opaque_server s = vector_server("real_oprf_seed", "real_server_secret",
	    "real_server_public");
	unsigned char request[32], offer[64], record[192], key[64];
	struct slice password = SLICE_LIT("CorrectHorseBatteryStaple"), name = SLICE_LIT("1234");

	is((const unsigned char *)password.p, password.n, "real_password");
	assert_int_equal(opaque_client_register(request, password, &r), ERR_OK);
	is(request, 32, "real_request");
	opaque_server_key(key, &s, name);
	is(key, 32, "real_oprf_key");
	assert_int_equal(opaque_server_offer(offer, &s, name, request), ERR_OK);
	is(offer, 64, "real_offer");
	assert_int_equal(opaque_client_enrol(record, key, suite, password, &r, offer), ERR_OK);
	is(record, 192, record_name);
	is(key, 64, "real_export_key");
}

static void
check_login(const struct opaque_suite *suite, const char *record_name, const char *ke2_name,
    const char *ke3_name, const char *session_name)
{
	const struct opaque_client_random r = vector_random("real_blind_login", "real_client_nonce");
	const struct opaque_server s = vector_server("real_oprf_seed", "real_server_secret",
	    "real_server_public");
	struct slice password = SLICE_LIT("CorrectHorseBatteryStaple");
	unsigned char record[192], ke2[320];
	struct opaque_server_request q = { suite, SLICE_LIT("1234"), record, NULL };
	struct opaque_server_random sr;
	struct opaque_client c;
	struct opaque_client_done done;
	struct opaque_keys k;

	load(record, 192, record_name);
	load(sr.masking_nonce, 32, "real_masking_nonce");
	load(sr.nonce, 32, "real_server_nonce");
	load(sr.share_seed, 32, "real_server_seed");
	assert_int_equal(opaque_client_start(&c, password, &r), ERR_OK);
	is(c.ke1, 96, "real_KE1");
	q.ke1 = c.ke1;
	assert_int_equal(opaque_server_answer(ke2, &k, &s, &q, &sr), ERR_OK);
	is(ke2, 320, ke2_name);
	is(k.client_mac, 64, ke3_name);
	is(k.session_key, 64, session_name);
	assert_int_equal(opaque_client_finish(&done, &c, suite, password, ke2), ERR_OK);
	is(done.ke3, 64, ke3_name);
	is(done.session_key, 64, session_name);
	is(done.export_key, 64, "real_export_key");
	opaque_client_wipe(&c);
}

static void
test_real_vectors(void **state)
{
	struct opaque_suite suite = { .context = SLICE_LIT("OPAQUE-POC"), .stretch = stretch_none };

	(void)state;
	check_registration(&suite, "real1_record");
	check_login(&suite, "real1_record", "real1_KE2", "real1_KE3", "real1_session_key");
	suite.client = SLICE_LIT("alice");
	suite.server = SLICE_LIT("bob");
	check_registration(&suite, "real2_record");
	check_login(&suite, "real2_record", "real2_KE2", "real2_KE3", "real2_session_key");
}

static void
test_fake_vector(void **state)
{
	const struct opaque_suite suite = { SLICE_LIT("OPAQUE-POC"), SLICE_LIT("alice"),
	    SLICE_LIT("bob"), stretch_none };
	const struct opaque_server s = vector_server("fake_oprf_seed", "fake_server_secret",
	    "fake_server_public");
	unsigned char record[192] = { 0 }, ke1[96], ke2[320];
	const struct opaque_server_request q = { &suite, SLICE_LIT("1234"), record, ke1 };
	struct opaque_server_random sr;
	struct opaque_keys k;

	(void)state;
	load(record, 32, "fake_client_public");
	load(record + 32, 64, "fake_masking_key");
	load(sr.masking_nonce, 32, "fake_masking_nonce");
	load(sr.nonce, 32, "fake_server_nonce");
	load(sr.share_seed, 32, "fake_server_seed");
	load(ke1, 96, "fake_KE1");
	assert_int_equal(opaque_server_answer(ke2, &k, &s, &q, &sr), ERR_OK);
	is(ke2, 320, "fake_KE2");
}

/* ---- beside the vectors */

struct pair {
	struct opaque_server	 server;
	struct opaque_suite	 suite;
	unsigned char		 record[OPAQUE_RECORD_BYTES];
	unsigned char		 export_key[OPAQUE_HASH_BYTES];
};

static void
pair_init(struct pair *p, struct slice password)
{
	const unsigned char root[32] = "a root of thirty-two bytes......";
	unsigned char request[32], offer[64];
	struct opaque_client_random r;

	opaque_server_init(&p->server, root);
	p->suite = (struct opaque_suite){ .context = SLICE_LIT("test"), .stretch = stretch_none };
	opaque_client_random(&r);
	assert_int_equal(opaque_client_register(request, password, &r), ERR_OK);
	assert_int_equal(opaque_server_offer(offer, &p->server, SLICE_LIT("alice"), request), ERR_OK);
	assert_int_equal(opaque_client_enrol(p->record, p->export_key, &p->suite, password, &r,
	    offer), ERR_OK);
}

/* A login against that record, with the bit of KE2 turned (none: beyond). */
static enum err
login(const struct pair *p, const unsigned char *record, struct slice password, size_t bit,
    unsigned char export_key[OPAQUE_HASH_BYTES])
{
	struct opaque_client_random r;
	struct opaque_server_random sr;
	struct opaque_client c;
	struct opaque_client_done done;
	struct opaque_keys k;
	unsigned char ke2[OPAQUE_KE2_BYTES];
	const struct opaque_server_request q = { &p->suite, SLICE_LIT("alice"), record, c.ke1 };
	enum err e;

	opaque_client_random(&r);
	opaque_server_random(&sr);
	assert_int_equal(opaque_client_start(&c, password, &r), ERR_OK);
	assert_int_equal(opaque_server_answer(ke2, &k, &p->server, &q, &sr), ERR_OK);
	if (bit < 8 * sizeof(ke2))
		ke2[bit / 8] ^= (unsigned char)(1 << bit % 8);
	e = opaque_client_finish(&done, &c, &p->suite, password, ke2);
	if (e == ERR_OK) {
		assert_memory_equal(done.ke3, k.client_mac, sizeof(done.ke3));
		assert_memory_equal(done.session_key, k.session_key, sizeof(done.session_key));
		memcpy(export_key, done.export_key, OPAQUE_HASH_BYTES);
	}
	return e;
}

static void
test_login(void **state)
{
	const struct slice password = SLICE_LIT("a good password");
	unsigned char export_key[OPAQUE_HASH_BYTES], fake[OPAQUE_RECORD_BYTES];
	unsigned char again[OPAQUE_RECORD_BYTES];
	struct pair p;

	(void)state;
	pair_init(&p, password);
	assert_int_equal(login(&p, p.record, password, SIZE_MAX, export_key), ERR_OK);
	assert_memory_equal(export_key, p.export_key, sizeof(export_key));
	assert_int_equal(login(&p, p.record, SLICE_LIT("a good passwore"), SIZE_MAX, export_key),
	    ERR_AUTH);
	/* A user that is none has the same record each time, and it opens for nobody. */
	opaque_server_fake(fake, &p.server, SLICE_LIT("alice"));
	opaque_server_fake(again, &p.server, SLICE_LIT("alice"));
	assert_memory_equal(fake, again, sizeof(fake));
	opaque_server_fake(again, &p.server, SLICE_LIT("bob"));
	assert_memory_not_equal(fake + 32, again + 32, 64);
	assert_int_equal(login(&p, fake, password, SIZE_MAX, export_key), ERR_AUTH);
	/* Another server, with the same record. */
	p.server.secret_key[0] ^= 4;
	assert_int_equal(login(&p, p.record, password, SIZE_MAX, export_key), ERR_AUTH);
}

static void
test_no_bit_of_the_answer_may_turn(void **state)
{
	const struct slice password = SLICE_LIT("a good password");
	unsigned char export_key[OPAQUE_HASH_BYTES];
	struct pair p;

	(void)state;
	pair_init(&p, password);
	for (size_t bit = 0; bit < 8 * OPAQUE_KE2_BYTES; bit += 7)
		assert_int_equal(login(&p, p.record, password, bit, export_key), ERR_AUTH);
}

static void
test_no_elements(void **state)
{
	const struct slice password = SLICE_LIT("a good password");
	unsigned char bad[3][32], blind[32], out[64], ke1[96], ke2[320], offer[64];
	struct opaque_server_random sr;
	struct opaque_keys k;
	struct pair p;
	struct opaque_server_request q = { &p.suite, SLICE_LIT("alice"), p.record, ke1 };
	struct opaque_client c;
	struct opaque_client_random r;
	struct buf big;

	(void)state;
	pair_init(&p, password);
	opaque_client_random(&r);
	opaque_server_random(&sr);
	assert_int_equal(opaque_client_start(&c, password, &r), ERR_OK);
	memcpy(blind, r.blind, sizeof(blind));
	memset(bad[0], 0, 32);		/* the identity */
	memset(bad[1], 0xff, 32);	/* not canonical */
	memset(bad[2], 0, 32);
	bad[2][0] = 1;			/* negative */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(opaque_server_offer(offer, &p.server, q.credential, bad[i]),
		    ERR_CORRUPT);
		assert_int_equal(opaque_oprf_finish(out, password, blind, bad[i]), ERR_CORRUPT);
		memcpy(ke1, c.ke1, sizeof(ke1));
		memcpy(ke1, bad[i], 32);
		assert_int_equal(opaque_server_answer(ke2, &k, &p.server, &q, &sr), ERR_CORRUPT);
		memcpy(ke1, c.ke1, sizeof(ke1));
		memcpy(ke1 + 64, bad[i], 32);
		assert_int_equal(opaque_server_answer(ke2, &k, &p.server, &q, &sr), ERR_CORRUPT);
	}
	/* A record's key may be a client's fancy. */
	memcpy(ke1, c.ke1, sizeof(ke1));
	memcpy(p.record, bad[1], 32);
	assert_int_equal(opaque_server_answer(ke2, &k, &p.server, &q, &sr), ERR_CORRUPT);
	/* And a password longer than any. */
	buf_init(&big, OPAQUE_OPRF_INPUT_MAX + 1);
	memset(buf_reserve(&big, big.max), 'x', big.max);
	buf_commit(&big, big.max);
	assert_int_equal(opaque_client_register(ke1, buf_slice(&big), &r), ERR_TOOBIG);
	buf_truncate(&big, OPAQUE_OPRF_INPUT_MAX);
	assert_int_equal(opaque_client_register(ke1, buf_slice(&big), &r), ERR_OK);
	buf_fini(&big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oprf),
		cmocka_unit_test(test_real_vectors),
		cmocka_unit_test(test_fake_vector),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_no_bit_of_the_answer_may_turn),
		cmocka_unit_test(test_no_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
