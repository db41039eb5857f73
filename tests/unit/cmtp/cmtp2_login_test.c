/* SPDX-License-Identifier: ISC */
/*
 * A registration and a login of CMTP 2 as tests/golden/opaque.txt has them,
 * behind the vectors of the RFCs, whose server and random bytes they use;
 * "-p" prints them.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/cmtp/cmtp2_enter.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/opaque_server.h"
#include "tests/unit/cmtp/vectors.h"

#define USER		SLICE_LIT("alice")
#define DOMAIN		SLICE_LIT("example.test")
#define CREDENTIAL	SLICE_LIT("alice@example.test")
#define PASSWORD	SLICE_LIT("CorrectHorseBatteryStaple")
#define SECRET		SLICE_LIT("the secret of alice")
#define VECTORS		8

static struct {
	const char	*name, *remark;
	struct buf	 bytes;
} vectors[VECTORS];
static unsigned vector_count;

static struct buf *
add(const char *name, const char *remark)
{
	assert_true(vector_count < VECTORS);
	vectors[vector_count].name = name;
	vectors[vector_count].remark = remark;
	buf_init(&vectors[vector_count].bytes, VECTOR_MAX);
	return &vectors[vector_count++].bytes;
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

/* ---- made */

static struct opaque_server server;
static unsigned char record[OPAQUE_RECORD_BYTES], export_key[OPAQUE_HASH_BYTES];
static struct buf bundle;

static void
make_registration(void)
{
	const struct opaque_suite suite = { .stretch = opaque_argon };
	unsigned char request[OPAQUE_REGISTER_BYTES], offer[OPAQUE_OFFER_BYTES];
	struct opaque_client_random r;

	load(r.blind, 32, "real_blind_registration");
	load(r.nonce, 32, "real_envelope_nonce");
	assert_int_equal(opaque_client_register(request, PASSWORD, &r), ERR_OK);
	assert_int_equal(cmtp2_login_register(add("request_REGISTER2", "of the mailbox: sesame"),
	    USER, DOMAIN, SLICE_LIT("sesame"), request), ERR_OK);
	assert_int_equal(opaque_server_offer(offer, &server, CREDENTIAL, request), ERR_OK);
	cmtp2_login_put(add("reply_REGISTER2", "credential alice@example.test"), CMTP2_LOGIN_OK,
	    slice_of(offer, sizeof(offer)));
	assert_int_equal(opaque_client_enrol(record, export_key, &suite, PASSWORD, &r, offer),
	    ERR_OK);
	buf_init(&bundle, CMTP2_BUNDLE_MAX);
	assert_int_equal(cmtp2_bundle_seal(&bundle, SECRET, export_key), ERR_OK);
	cmtp2_login_record(add("request_RECORD2", "the secret of alice"), record,
	    buf_slice(&bundle));
	cmtp2_login_put(add("reply_RECORD2", "kept"), CMTP2_LOGIN_OK, SLICE_NONE);
}

static void
make_login(void)
{
	struct opaque_suite suite = { .stretch = opaque_argon };
	struct opaque_client c;
	const struct opaque_server_request q = { &suite, CREDENTIAL, record, c.ke1 };
	struct opaque_client_random r;
	struct opaque_server_random sr;
	struct opaque_client_done done;
	struct opaque_keys k;
	unsigned char ke2[OPAQUE_KE2_BYTES];
	struct buf context;

	load(r.blind, 32, "real_blind_login");
	load(r.nonce, 32, "real_client_nonce");
	load(r.share_seed, 32, "real_client_seed");
	load(sr.masking_nonce, 32, "real_masking_nonce");
	load(sr.nonce, 32, "real_server_nonce");
	load(sr.share_seed, 32, "real_server_seed");
	buf_init(&context, OPAQUE_CONTEXT_MAX);
	cmtp2_login_context(&context, USER, DOMAIN);
	suite.context = buf_slice(&context);
	assert_int_equal(opaque_client_start(&c, PASSWORD, &r), ERR_OK);
	assert_int_equal(cmtp2_login_ask(add("request_LOGIN2", "alice, example.test"), USER, DOMAIN,
	    c.ke1), ERR_OK);
	assert_int_equal(opaque_server_answer(ke2, &k, &server, &q, &sr), ERR_OK);
	cmtp2_login_put(add("reply_LOGIN2", "KE2"), CMTP2_LOGIN_OK, slice_of(ke2, sizeof(ke2)));
	assert_int_equal(opaque_client_finish(&done, &c, &suite, PASSWORD, ke2), ERR_OK);
	assert_memory_equal(done.ke3, k.client_mac, sizeof(done.ke3));
	assert_memory_equal(done.export_key, export_key, sizeof(export_key));
	cmtp2_login_prove(add("request_PROOF2", "KE3"), done.ke3);
	cmtp2_login_put(add("reply_PROOF2", "the bundle"), CMTP2_LOGIN_OK, buf_slice(&bundle));
	buf_fini(&context);
}

static int
setup(void **state)
{
	(void)state;
	load(server.oprf_seed, 64, "real_oprf_seed");
	load(server.secret_key, 32, "real_server_secret");
	load(server.public_key, 32, "real_server_public");
	make_registration();
	make_login();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&bundle);
	while (vector_count > 0)
		buf_fini(&vectors[--vector_count].bytes);
	return 0;
}

static void
print_golden(void)
{
	for (unsigned i = 0; i < vector_count; i++) {
		const struct buf *b = &vectors[i].bytes;

		(void)printf("%s (%s) =", vectors[i].name, vectors[i].remark);
		for (size_t n = 0; n < b->n; n++)
			(void)printf("%s%02x", n % 32 == 0 ? "\n  " : "",
			    (unsigned char)buf_data(b)[n]);
		(void)printf("\n");
	}
}

/* ---- read */

static void
test_golden(void **state)
{
	struct buf b;

	(void)state;
	assert_int_equal(vector_count, VECTORS);
	for (unsigned i = 0; i < vector_count; i++) {
		vector_get_opaque(&b, vectors[i].name);
		assert_int_equal(vectors[i].bytes.n, b.n);
		assert_memory_equal(buf_data(&b), buf_data(&vectors[i].bytes), b.n);
		buf_fini(&b);
	}
}

/* Each reply cut at any byte is one to come. */
static void
test_replies(void **state)
{
	struct cmtp2_login_reply r;

	(void)state;
	for (unsigned i = 1; i < vector_count; i += 2) {
		struct slice in = buf_slice(&vectors[i].bytes), part;

		for (size_t n = 0; n < in.n; n++) {
			part = slice_head(in, n);
			assert_int_equal(cmtp2_login_read(&r, &part), ERR_SHORT);
			assert_int_equal(part.n, n);
		}
		part = in;
		assert_int_equal(cmtp2_login_read(&r, &part), ERR_OK);
		assert_int_equal(part.n, 0);
		assert_int_equal(r.content.n, in.n - 7);
	}
}

/* Each request is one command, whole and byte by byte. */
static void
test_requests(void **state)
{
	static const enum cmtp_verb verbs[] = { CMTP_REGISTER2, CMTP_RECORD2, CMTP_LOGIN2,
	    CMTP_PROOF2 };
	const struct cmtp_limits limits = { .message_bytes = 1000 };
	struct cmtp_parser p;

	(void)state;
	cmtp_parser_init(&p, &limits);
	p.speaks_2 = true;
	for (unsigned i = 0; i < lengthof(verbs); i++) {
		struct slice in = buf_slice(&vectors[2 * i].bytes), piece;

		for (size_t n = 0; n + 1 < in.n; n++) {
			piece = slice_of(in.p + n, 1);
			assert_int_equal(cmtp_parser_next(&p, &piece), CMTP_EV_MORE);
		}
		piece = slice_from(in, in.n - 1);
		assert_int_equal(cmtp_parser_next(&p, &piece), CMTP_EV_COMMAND);
		assert_int_equal(p.verb, verbs[i]);
		piece = in;
		assert_int_equal(cmtp_parser_next(&p, &piece), CMTP_EV_COMMAND);
		assert_int_equal(p.verb, verbs[i]);
	}
	cmtp_parser_fini(&p);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_requests),
	};

	if (argc > 1 && strcmp(argv[1], "-p") == 0) {
		(void)setup(NULL);
		print_golden();
		return teardown(NULL);
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
