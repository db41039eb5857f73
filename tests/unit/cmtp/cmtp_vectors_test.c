/* SPDX-License-Identifier: ISC */
/*
 * CMTP 1 as tests/golden/cmtp1.txt has it, byte by byte, both ways.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/crypto/cry_ed.h"
#include "lib/crypto/xzibit.h"
#include "tests/unit/cmtp/vectors.h"

#define BYTES(b)	((unsigned char *)buf_data(b))

static const struct cmtp_limits limits = { .message_bytes = 10000 };

static void
is_vector(struct slice got, const char *name, unsigned nth)
{
	struct buf want;

	vector_get(&want, name, nth);
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, buf_data(&want), want.n);
	buf_fini(&want);
}

static void
key_of(const char *seed, unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	struct buf b;

	vector_get(&b, seed, 0);
	cry_ed_pair(public_key, secret_key, BYTES(&b));
	buf_fini(&b);
}

static void
test_keys(void **state)
{
	unsigned char public_key[32], secret_key[64], box[32];

	(void)state;
	key_of("server_seed", public_key, secret_key);
	is_vector(slice_of(public_key, 32), "server_public", 0);
	is_vector(slice_of(secret_key, 64), "server_secret", 0);
	key_of("user_seed", public_key, secret_key);
	is_vector(slice_of(public_key, 32), "user_public", 0);
	assert_int_equal(cry_ed_box_public(box, public_key), ERR_OK);
	is_vector(slice_of(box, 32), "user_seal_public_x25519", 0);
	cry_ed_box_secret(box, secret_key);
	is_vector(slice_of(box, 32), "user_seal_secret_x25519", 0);
	memset(public_key, 2, sizeof(public_key));	/* no point of the curve */
	assert_int_equal(cry_ed_box_public(box, public_key), ERR_CORRUPT);
}

static void
check_status(bool is_success, const unsigned char *secret_key)
{
	unsigned char sig[64];
	struct buf b;

	buf_init(&b, 100);
	cry_ed_sign(sig, cmtp_status_word(is_success), secret_key);
	cmtp_put_status(&b, is_success, sig);
	is_vector(buf_slice(&b), is_success ? "reply_SUCCESS" : "reply_FAILURE", 0);
	buf_fini(&b);
}

static void
check_key(const unsigned char *key, const unsigned char *secret_key, const char *name)
{
	unsigned char sig[64];
	struct buf b;

	buf_init(&b, 200);
	cry_ed_sign(sig, slice_of(key, 32), secret_key);
	cmtp_put_key(&b, key, sig);
	assert_int_equal(b.n, CMTP_KEY_REPLY_BYTES);
	is_vector(buf_slice(&b), name, 0);
	buf_fini(&b);
}

static void
check_xzibit(const unsigned char *secret_key)
{
	unsigned char sig[64];
	struct buf xzibit, b;

	vector_get(&xzibit, "xzibit", 0);
	buf_init(&b, 300);
	cry_ed_sign(sig, buf_slice(&xzibit), secret_key);
	cmtp_put_xzibit(&b, buf_slice(&xzibit), sig);
	assert_int_equal(b.n, CMTP_LOGIN_REPLY_BYTES);
	is_vector(buf_slice(&b), "reply_LOGIN", 0);
	buf_fini(&xzibit);
	buf_fini(&b);
}

static void
test_replies_of_a_server(void **state)
{
	unsigned char server[32], user[32], secret_key[64], other[64];

	(void)state;
	key_of("user_seed", user, other);
	key_of("server_seed", server, secret_key);
	check_status(true, secret_key);
	check_xzibit(secret_key);
	check_status(false, secret_key);
	check_key(server, secret_key, "reply_KEYREQUEST_server");
	check_key(user, secret_key, "reply_KEYREQUEST_user");
}

/* A reply of a vector, read by a client, is signed by the server. */
static void
read_reply(const char *name, enum cmtp_reply_form form, bool is_failure)
{
	unsigned char server[32], secret_key[64];
	struct cmtp_reply r;
	struct slice in;
	struct buf b;

	key_of("server_seed", server, secret_key);
	vector_get(&b, name, 0);
	for (size_t n = 0; n < b.n; n++) {
		in = slice_of(buf_data(&b), n);
		assert_int_equal(cmtp_reply_read(&r, form, &in), ERR_SHORT);
		assert_int_equal(in.n, n);
	}
	buf_put_char(&b, 'x');
	in = buf_slice(&b);
	assert_int_equal(cmtp_reply_read(&r, form, &in), ERR_OK);
	assert_int_equal(in.n, 1);
	assert_int_equal(r.is_failure, is_failure);
	assert_int_equal(cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, server), ERR_OK);
	buf_data(&b)[10] = (char)(buf_data(&b)[10] ^ 1);
	assert_int_equal(cry_ed_verify((const unsigned char *)r.sig.p, r.signed_bytes, server),
	    ERR_CORRUPT);
	buf_fini(&b);
}

static void
test_replies_to_a_client(void **state)
{
	(void)state;
	read_reply("reply_SUCCESS", CMTP_REPLY_STATUS, false);
	read_reply("reply_FAILURE", CMTP_REPLY_STATUS, true);
	read_reply("reply_FAILURE", CMTP_REPLY_KEY, true);
	read_reply("reply_FAILURE", CMTP_REPLY_LOGIN, true);
	read_reply("reply_KEYREQUEST_server", CMTP_REPLY_KEY, false);
	read_reply("reply_KEYREQUEST_user", CMTP_REPLY_KEY, false);
	read_reply("reply_LOGIN", CMTP_REPLY_LOGIN, false);
}

static void
test_xzibit(void **state)
{
	unsigned char public_key[32], secret_key[64], salt[32], got_public[32], got[64];
	unsigned char out[XZIBIT_BYTES];
	struct buf b;

	(void)state;
	key_of("user_seed", public_key, secret_key);
	for (unsigned i = 0; i < sizeof(salt); i++)
		salt[i] = (unsigned char)(0x40 + i);
	assert_int_equal(xzibit_wrap(out, SLICE_LIT("correct horse battery"), secret_key, salt),
	    ERR_OK);
	is_vector(slice_of(out, sizeof(out)), "xzibit", 0);
	vector_get(&b, "xzibit", 0);
	assert_int_equal(xzibit_open(got_public, got, buf_slice(&b),
	    SLICE_LIT("correct horse battery")), ERR_OK);
	assert_memory_equal(got_public, public_key, 32);
	assert_memory_equal(got, secret_key, 64);
	assert_int_equal(xzibit_open(got_public, got, buf_slice(&b),
	    SLICE_LIT("correct horse batterx")), ERR_CORRUPT);
	assert_int_equal(xzibit_open(got_public, got, slice_head(buf_slice(&b), 155),
	    SLICE_LIT("correct horse battery")), ERR_SYNTAX);
	buf_data(&b)[3] = 2;
	assert_int_equal(xzibit_open(got_public, got, buf_slice(&b),
	    SLICE_LIT("correct horse battery")), ERR_VERSION);
	buf_data(&b)[3] = 1;
	buf_data(&b)[43] = 0x71;	/* the length */
	assert_int_equal(xzibit_open(got_public, got, buf_slice(&b),
	    SLICE_LIT("correct horse battery")), ERR_SYNTAX);
	buf_fini(&b);
}

static void
test_letter(void **state)
{
	struct cmtp_letter l;
	struct buf b, again;

	(void)state;
	buf_init(&again, 1000);
	vector_get(&b, "body_plaintext", 0);
	cmtp_letter_read(&l, buf_slice(&b));
	assert_false(l.is_bare);
	assert_int_equal(l.time_s, 0x5775b280);
	assert_slice(l.subject, "Hello");
	assert_slice(l.reply_to, "bob@peer.test");
	assert_int_equal(l.cc_count, 1);
	assert_slice(l.cc[0], "carol@example.test");
	assert_slice(l.text, "Hi Alice.\n");
	assert_int_equal(cmtp_letter_put(&again, &l), ERR_OK);
	is_vector(buf_slice(&again), "body_plaintext", 0);
	buf_fini(&b);

	vector_get(&b, "body_plaintext", 1);
	cmtp_letter_read(&l, buf_slice(&b));
	assert_false(l.is_bare);
	assert_slice(l.subject, "No copies");
	assert_int_equal(l.reply_to.n, 0);
	assert_int_equal(l.cc_count, 0);
	assert_slice(l.text, "text");
	buf_reset(&again);
	assert_int_equal(cmtp_letter_put(&again, &l), ERR_OK);
	is_vector(buf_slice(&again), "body_plaintext", 1);
	buf_fini(&b);
	buf_fini(&again);
}

/* What a parser says of the MAIL vector, given in pieces of so many bytes. */
static void
parse_mail(struct slice in, size_t step, struct buf *body, struct buf *attachment)
{
	struct cmtp_parser p;
	struct slice piece = SLICE_NONE;
	enum cmtp_event ev;
	unsigned parts = 0;

	cmtp_parser_init(&p, &limits);
	assert_true(cmtp_parser_is_idle(&p));
	while ((ev = cmtp_parser_next(&p, &piece)) != CMTP_EV_END) {
		assert_int_not_equal(ev, CMTP_EV_FAULT);
		if (ev == CMTP_EV_MORE) {
			assert_true(in.n > 0);
			piece = slice_head(in, step);
			in = slice_from(in, piece.n);
		} else if (ev == CMTP_EV_MAIL) {
			assert_slice(p.param[CMTP_TO_USER], "alice");
			assert_slice(p.param[CMTP_TO_DOMAIN], "example.test");
			assert_slice(p.param[CMTP_FROM_USER], "bob");
			assert_slice(p.param[CMTP_FROM_DOMAIN], "peer.test");
			assert_int_equal(p.log.n, 16);
			assert_slice(slice_head(p.log, 15), "sent by shore.1");
			assert_int_equal(p.mail.attachments, 1);
		} else if (ev == CMTP_EV_PART) {
			assert_int_equal(p.part_bytes, parts == 0 ? p.mail.body_bytes : 66);
			parts++;
		} else if (ev == CMTP_EV_DATA) {
			buf_put_slice(parts == 1 ? body : attachment, p.piece);
		}
	}
	assert_int_equal(piece.n + in.n, 0);
	assert_int_equal(parts, 2);
	assert_true(cmtp_parser_is_idle(&p));
	cmtp_parser_fini(&p);
}

static void
open_box(struct slice sealed, unsigned char *out)
{
	unsigned char public_key[32], secret_key[64], box_public[32], box_secret[32];

	key_of("user_seed", public_key, secret_key);
	assert_int_equal(cry_ed_box_public(box_public, public_key), ERR_OK);
	cry_ed_box_secret(box_secret, secret_key);
	assert_int_equal(cry_box_open(out, sealed, box_public, box_secret), ERR_OK);
}

static void
test_mail(void **state)
{
	struct buf b, body, attachment;
	struct slice name, data;
	unsigned char plain[200];

	(void)state;
	vector_get(&b, "request_MAIL", 0);
	for (size_t step = 1; step <= b.n; step++) {
		buf_init(&body, 1000);
		buf_init(&attachment, 1000);
		parse_mail(buf_slice(&b), step, &body, &attachment);
		if (step == b.n) {
			open_box(buf_slice(&body), plain);
			is_vector(slice_of(plain, body.n - CMTP_BOX_EXTRA), "body_plaintext", 0);
			open_box(buf_slice(&attachment), plain);
			assert_int_equal(cmtp_attachment_read(slice_of(plain,
			    attachment.n - CMTP_BOX_EXTRA), &name, &data), ERR_OK);
			assert_true(name.n > 0);
			assert_true(data.n > 0);
		}
		buf_fini(&body);
		buf_fini(&attachment);
	}
	buf_fini(&b);
}

/* The same command, made by a client. */
static void
test_put_mail(void **state)
{
	const struct slice params[] = { SLICE_LIT("alice"), SLICE_LIT("example.test"),
	    SLICE_LIT("bob"), SLICE_LIT("peer.test") };
	struct cmtp_mail m = { false, 1, 16, 0 };
	struct buf want, got, body, attachment;

	(void)state;
	vector_get(&want, "request_MAIL", 0);
	buf_init(&body, 1000);
	buf_init(&attachment, 1000);
	parse_mail(buf_slice(&want), 1000, &body, &attachment);
	buf_init(&got, 1000);
	m.body_bytes = body.n;
	assert_int_equal(cmtp_put_mail(&got, &m, params, slice_of("sent by shore.1", 16)), ERR_OK);
	buf_put_slice(&got, buf_slice(&body));
	cmtp_put_length(&got, attachment.n);
	buf_put_slice(&got, buf_slice(&attachment));
	assert_int_equal(got.n, want.n);
	assert_memory_equal(buf_data(&got), buf_data(&want), want.n);
	buf_fini(&want);
	buf_fini(&got);
	buf_fini(&body);
	buf_fini(&attachment);
}

static int
setup(void **state)
{
	(void)state;
	cry_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_replies_of_a_server),
		cmocka_unit_test(test_replies_to_a_client),
		cmocka_unit_test(test_xzibit),
		cmocka_unit_test(test_letter),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_put_mail),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
