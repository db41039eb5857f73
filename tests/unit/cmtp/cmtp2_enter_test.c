/* SPDX-License-Identifier: ISC */
/*
 * A client's login and registration (cmtp2_enter.h) against a server of
 * lib/cmtp in the test: whole, in pieces, and with each answer that is not
 * the one wanted.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/cmtp/cmtp2_enter.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/opaque_server.h"

#define SECRET	"thirty-two bytes and some more of a key"

static const struct cmtp_limits limits = { .message_bytes = 1000 };

/* What a server keeps. */
static struct {
	struct opaque_server	 opaque;
	unsigned char		 record[OPAQUE_RECORD_BYTES];
	char			 bundle[CMTP2_BUNDLE_MAX];
	size_t			 bundle_n;
	unsigned char		 ke3[OPAQUE_KE3_BYTES];
	char			 password[300];
} kept;

static void
answer_login(const struct cmtp_parser *p, struct buf *reply)
{
	struct opaque_suite suite = { .stretch = opaque_argon };
	const struct opaque_server_request q = { &suite, SLICE_LIT("alice"), kept.record,
	    (const unsigned char *)p->fixed.p };
	struct opaque_server_random r;
	struct opaque_keys k;
	unsigned char ke2[OPAQUE_KE2_BYTES];
	struct buf context;

	buf_init(&context, OPAQUE_CONTEXT_MAX);
	cmtp2_login_context(&context, p->param[0], p->param[1]);
	suite.context = buf_slice(&context);
	opaque_server_random(&r);
	assert_int_equal(opaque_server_answer(ke2, &k, &kept.opaque, &q, &r), ERR_OK);
	memcpy(kept.ke3, k.client_mac, sizeof(kept.ke3));
	cmtp2_login_put(reply, CMTP2_LOGIN_OK, slice_of(ke2, sizeof(ke2)));
	buf_fini(&context);
}

static void
answer_command(const struct cmtp_parser *p, struct buf *reply)
{
	unsigned char offer[OPAQUE_OFFER_BYTES];
	bool is_it;

	if (p->verb == CMTP_LOGIN2) {
		answer_login(p, reply);
	} else if (p->verb == CMTP_PROOF2) {
		is_it = memcmp(p->fixed.p, kept.ke3, sizeof(kept.ke3)) == 0;
		cmtp2_login_put(reply, is_it ? CMTP2_LOGIN_OK : CMTP2_LOGIN_NO,
		    is_it ? slice_of(kept.bundle, kept.bundle_n) : SLICE_NONE);
	} else if (p->verb == CMTP_REGISTER2) {
		assert_true(slice_to_cstr(p->param[2], kept.password, sizeof(kept.password)));
		assert_int_equal(opaque_server_offer(offer, &kept.opaque, SLICE_LIT("alice"),
		    (const unsigned char *)p->fixed.p), ERR_OK);
		cmtp2_login_put(reply, CMTP2_LOGIN_OK, slice_of(offer, sizeof(offer)));
	} else {
		assert_int_equal(p->verb, CMTP_RECORD2);
		memcpy(kept.record, p->fixed.p, sizeof(kept.record));
		memcpy(kept.bundle, p->bundle.p, p->bundle.n);
		kept.bundle_n = p->bundle.n;
		cmtp2_login_put(reply, CMTP2_LOGIN_OK, SLICE_NONE);
	}
}

/* The command as a server reads it, and its answer. */
static void
serve(struct buf *command, struct buf *reply)
{
	struct slice in = buf_slice(command);
	struct cmtp_parser p;

	cmtp_parser_init(&p, &limits);
	p.speaks_2 = true;
	assert_int_equal(cmtp_parser_next(&p, &in), CMTP_EV_COMMAND);
	assert_int_equal(in.n, 0);
	answer_command(&p, reply);
	cmtp_parser_fini(&p);
	buf_reset(command);
}

/* All of it; each reply in two pieces, split there. */
static enum err
run(struct cmtp2_enter *c, enum err e, struct buf *out, size_t split)
{
	struct buf reply;

	buf_init(&reply, 10000);
	while (e == ERR_OK) {
		struct slice in;

		serve(out, &reply);
		in = slice_head(buf_slice(&reply), split);
		if (in.n < reply.n) {
			assert_int_equal(cmtp2_enter_next(c, &in, out), ERR_SHORT);
			assert_int_equal(out->n, 0);
		}
		in = buf_slice(&reply);
		e = cmtp2_enter_next(c, &in, out);
		assert_int_equal(in.n, 0);
		buf_reset(&reply);
	}
	buf_fini(&reply);
	return e;
}

static const struct cmtp2_who alice = { SLICE_LIT("alice"), SLICE_LIT("example.test"),
    SLICE_LIT("a password") };

static enum err
login(const struct cmtp2_who *who, size_t split)
{
	struct cmtp2_enter c;
	struct buf out;
	enum err e;

	buf_init(&out, 10000);
	e = run(&c, cmtp2_enter_login(&c, who, &out), &out, split);
	if (e == ERR_END)
		assert_true(slice_eq(buf_slice(&c.secret), SLICE_LIT(SECRET)));
	else
		assert_int_equal(c.secret.n, 0);
	cmtp2_enter_fini(&c);
	buf_fini(&out);
	return e;
}

static void
do_register(void)
{
	const unsigned char root[32] = { 3 };
	struct cmtp2_enter c;
	struct buf out;

	opaque_server_init(&kept.opaque, root);
	buf_init(&out, 10000);
	assert_int_equal(run(&c, cmtp2_enter_register(&c, &alice, SLICE_LIT("of the mailbox"),
	    SLICE_LIT(SECRET), &out), &out, 3), ERR_END);
	assert_string_equal(kept.password, "of the mailbox");
	cmtp2_enter_fini(&c);
	buf_fini(&out);
}

static void
test_register_and_login(void **state)
{
	struct cmtp2_who other = alice;

	(void)state;
	do_register();
	for (size_t split = 0; split <= 8; split += 4)
		assert_int_equal(login(&alice, split), ERR_END);
	other.password = SLICE_LIT("another");
	assert_int_equal(login(&other, 0), ERR_AUTH);
	/* What is kept is another's, or of a form to come. */
	kept.bundle[5] ^= 1;
	assert_int_equal(login(&alice, 0), ERR_CORRUPT);
	kept.bundle[5] ^= 1;
	kept.bundle[0] = 2;
	assert_int_equal(login(&alice, 0), ERR_VERSION);
	kept.bundle_n = CMTP2_BUNDLE_EXTRA - 1;
	assert_int_equal(login(&alice, 0), ERR_CORRUPT);
}

/* The first reply is this one. */
static enum err
hear(struct slice reply)
{
	struct cmtp2_enter c;
	struct buf out;
	enum err e;

	buf_init(&out, 10000);
	assert_int_equal(cmtp2_enter_login(&c, &alice, &out), ERR_OK);
	buf_reset(&out);
	e = cmtp2_enter_next(&c, &reply, &out);
	if (e != ERR_SHORT)	/* and it is over */
		assert_int_equal(cmtp2_enter_next(&c, &reply, &out), ERR_STATE);
	cmtp2_enter_fini(&c);
	buf_fini(&out);
	return e;
}

static void
test_replies(void **state)
{
	unsigned char sig[CMTP_SIG_BYTES] = { 0 };
	struct buf b;

	(void)state;
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\1\0\0")), ERR_AUTH);
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\2\0\0")), ERR_DENIED);
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\3\0\0")), ERR_AGAIN);
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\4\0\0")), ERR_SYNTAX);
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\0\0\0")), ERR_SYNTAX);	/* no KE2 */
	assert_int_equal(hear(SLICE_LIT("\0\0\0\3\0\0\0")), ERR_VERSION);
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\0\10\1")), ERR_SYNTAX);	/* 2049 bytes */
	assert_int_equal(hear(SLICE_LIT("\0\0\0\2\0\10\0")), ERR_SHORT);
	buf_init(&b, 1000);
	cmtp_put_status(&b, false, sig);
	assert_int_equal(hear(buf_slice(&b)), ERR_AGAIN);
	buf_reset(&b);
	cmtp_put_status(&b, true, sig);
	assert_int_equal(hear(buf_slice(&b)), ERR_SYNTAX);
	/* KE2 of zeros: no element. */
	buf_reset(&b);
	cmtp2_login_put(&b, CMTP2_LOGIN_OK, slice_of((const char[OPAQUE_KE2_BYTES]){ 0 },
	    OPAQUE_KE2_BYTES));
	assert_int_equal(hear(buf_slice(&b)), ERR_AUTH);
	buf_fini(&b);
}

static void
test_limits(void **state)
{
	static const char big[CMTP2_SECRET_MAX + 1];
	struct cmtp2_who who = alice;
	struct cmtp2_enter c;
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(cmtp2_enter_register(&c, &who, SLICE_LIT("m"),
	    slice_of(big, sizeof(big)), &out), ERR_TOOBIG);
	cmtp2_enter_fini(&c);
	assert_int_equal(cmtp2_enter_register(&c, &who, SLICE_LIT("m"),
	    slice_of(big, sizeof(big) - 1), &out), ERR_OK);
	cmtp2_enter_fini(&c);
	/* The mailbox's password is a parameter. */
	assert_int_equal(cmtp2_enter_register(&c, &who, slice_of(big, CMTP_PARAM_MAX + 1),
	    SLICE_NONE, &out), ERR_SYNTAX);
	cmtp2_enter_fini(&c);
	assert_int_equal(cmtp2_enter_register(&c, &who, SLICE_LIT("a\0b"), SLICE_NONE, &out),
	    ERR_SYNTAX);
	cmtp2_enter_fini(&c);
	who.password = slice_of(big, CMTP2_PASSWORD_MAX + 1);
	assert_int_equal(cmtp2_enter_login(&c, &who, &out), ERR_TOOBIG);
	cmtp2_enter_fini(&c);
	who.password.n--;
	assert_int_equal(cmtp2_enter_login(&c, &who, &out), ERR_OK);
	cmtp2_enter_fini(&c);
	who.user = SLICE_LIT("a\0b");
	assert_int_equal(cmtp2_enter_login(&c, &who, &out), ERR_SYNTAX);
	cmtp2_enter_fini(&c);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_and_login),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
