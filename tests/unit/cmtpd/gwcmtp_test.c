/* SPDX-License-Identifier: ISC */
/*
 * What gwcmtp sends is what a server reads and its recipient opens; the file
 * of keys, at its limits.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmtpd/gwcmtp_mail.h"
#include "cmtpd/gwcmtp_pins.h"
#include "lib/crypto/cry_ed.h"

static const struct cmtp_limits limits = { .message_bytes = 100000 };

/* ---- mail ---- */

/* The parts that the parser gives, opened. */
static unsigned
read_mail(struct slice in, const unsigned char secret_key[CRY_ED_SECRET_BYTES],
    const unsigned char public_key[CMTP_KEY_BYTES], struct buf parts[3])
{
	unsigned char box_public[CRY_KEY_BYTES], box_secret[CRY_KEY_BYTES];
	struct cmtp_parser p;
	enum cmtp_event ev;
	struct buf sealed[3];
	unsigned n = 0;

	cry_ed_box_secret(box_secret, secret_key);
	assert_int_equal(cry_ed_box_public(box_public, public_key), ERR_OK);
	cmtp_parser_init(&p, &limits);
	for (unsigned i = 0; i < 3; i++)
		buf_init(&sealed[i], 100000);
	while ((ev = cmtp_parser_next(&p, &in)) != CMTP_EV_END) {
		assert_true(ev == CMTP_EV_MAIL || ev == CMTP_EV_PART || ev == CMTP_EV_DATA);
		if (ev == CMTP_EV_MAIL) {
			assert_true(slice_eq_str(p.param[CMTP_TO_USER], "alice"));
			assert_true(slice_eq_str(p.param[CMTP_FROM_DOMAIN], "peer.example"));
		}
		n += ev == CMTP_EV_PART;
		if (ev == CMTP_EV_DATA)
			buf_put_slice(&sealed[n - 1], p.piece);
	}
	assert_int_equal(in.n, 0);
	for (unsigned i = 0; i < n; i++) {
		char *at = buf_reserve(&parts[i], sealed[i].n);

		assert_int_equal(cry_box_open((unsigned char *)at, buf_slice(&sealed[i]), box_public,
		    box_secret), ERR_OK);
		buf_commit(&parts[i], sealed[i].n - CRY_SEAL_BYTES);
	}
	for (unsigned i = 0; i < 3; i++)
		buf_fini(&sealed[i]);
	cmtp_parser_fini(&p);
	return n;
}

static const struct slice params[CMTP_PARAMS_MAX] = { { "alice", 5 }, { "example.test", 12 },
    { "bob", 3 }, { "peer.example", 12 } };

static void
test_mail(void **state)
{
	const struct cmtp_letter letter = { .time_s = 7, .subject = SLICE_LIT("subject"),
	    .text = SLICE_LIT("the text") };
	unsigned char public_key[CMTP_KEY_BYTES], secret_key[CRY_ED_SECRET_BYTES], seed[32] = { 5 };
	struct cmtp_letter got;
	struct slice name, data;
	struct buf b, parts[3];

	(void)state;
	cry_ed_pair(public_key, secret_key, seed);
	buf_init(&b, 100000);
	assert_int_equal(gwcmtp_mail_put(&b, params, public_key, &letter, 2), ERR_OK);
	assert_int_equal(gwcmtp_mail_put_attachment(&b, public_key, SLICE_LIT("a.txt"),
	    SLICE_LIT("data")), ERR_OK);
	assert_int_equal(gwcmtp_mail_put_attachment(&b, public_key, SLICE_LIT("empty"), SLICE_NONE),
	    ERR_OK);
	for (unsigned i = 0; i < 3; i++)
		buf_init(&parts[i], 100000);
	assert_int_equal(read_mail(slice_from(buf_slice(&b), 0), secret_key, public_key, parts), 3);
	cmtp_letter_read(&got, buf_slice(&parts[0]));
	assert_false(got.is_bare);
	assert_int_equal(got.time_s, 7);
	assert_true(slice_eq_str(got.subject, "subject") && slice_eq_str(got.text, "the text"));
	assert_int_equal(cmtp_attachment_read(buf_slice(&parts[1]), &name, &data), ERR_OK);
	assert_true(slice_eq_str(name, "a.txt") && slice_eq_str(data, "data"));
	assert_int_equal(cmtp_attachment_read(buf_slice(&parts[2]), &name, &data), ERR_OK);
	assert_true(slice_eq_str(name, "empty") && data.n == 0);
	for (unsigned i = 0; i < 3; i++)
		buf_fini(&parts[i]);
	buf_fini(&b);
}

static void
test_mail_that_cannot_be(void **state)
{
	unsigned char public_key[CMTP_KEY_BYTES], secret_key[CRY_ED_SECRET_BYTES], seed[32] = { 5 };
	struct cmtp_letter letter = { .text = SLICE_LIT("x") };
	char long_name[CMTP_FILE_NAME_MAX + 1];
	struct buf b;

	(void)state;
	memset(long_name, 'n', sizeof(long_name));
	cry_ed_pair(public_key, secret_key, seed);
	buf_init(&b, 1000);
	letter.subject = SLICE_LIT("a\0b");
	assert_int_equal(gwcmtp_mail_put(&b, params, public_key, &letter, 0), ERR_SYNTAX);
	letter.subject = SLICE_NONE;
	letter.text = slice_of(long_name, GWCMTP_MAIL_MAX + 1u);	/* not looked at */
	assert_int_equal(gwcmtp_mail_put(&b, params, public_key, &letter, 0), ERR_TOOBIG);
	assert_int_equal(gwcmtp_mail_put_attachment(&b, public_key, SLICE_LIT("a"), letter.text),
	    ERR_TOOBIG);
	assert_int_equal(gwcmtp_mail_put_attachment(&b, public_key,
	    slice_of(long_name, sizeof(long_name)), SLICE_NONE), ERR_SYNTAX);
	letter.text = SLICE_LIT("x");
	buf_reset(&b);
	memset(public_key, 2, sizeof(public_key));	/* no point of the curve */
	assert_int_equal(gwcmtp_mail_put(&b, params, public_key, &letter, 0), ERR_CORRUPT);
	buf_fini(&b);
}

/* ---- keys ---- */

static char dir[] = "/tmp/godwit-gwcmtp.XXXXXX", pins_dir[sizeof(dir) + 5];

static int
setup(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(pins_dir, sizeof(pins_dir), "%s/pins", dir);
	return 0;
}

static int
teardown(void **state)
{
	char path[sizeof(pins_dir) + 10];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/keys", pins_dir);
	(void)unlink(path);
	(void)rmdir(pins_dir);
	return rmdir(dir);
}

static void
test_pins(void **state)
{
	const unsigned char one[CMTP_KEY_BYTES] = { 1 }, two[CMTP_KEY_BYTES] = { 2 };
	struct gwcmtp_pins p;

	(void)state;
	assert_int_equal(gwcmtp_pins_load(&p, pins_dir), ERR_OK);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("a@b"), one), GWCMTP_PIN_NEW);
	assert_int_equal(gwcmtp_pins_put(&p, SLICE_LIT("a@b"), one), ERR_OK);
	assert_int_equal(gwcmtp_pins_put(&p, SLICE_LIT("@b"), two), ERR_OK);
	gwcmtp_pins_fini(&p);
	assert_int_equal(gwcmtp_pins_load(&p, pins_dir), ERR_OK);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("A@b"), one), GWCMTP_PIN_SAME);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("a@b"), two), GWCMTP_PIN_OTHER);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("@b"), two), GWCMTP_PIN_SAME);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("b"), two), GWCMTP_PIN_NEW);
	assert_int_equal(gwcmtp_pins_put(&p, SLICE_LIT("a@b"), two), ERR_OK);
	gwcmtp_pins_fini(&p);
	assert_int_equal(gwcmtp_pins_load(&p, pins_dir), ERR_OK);
	assert_int_equal(gwcmtp_pins_judge(&p, SLICE_LIT("a@b"), two), GWCMTP_PIN_SAME);
	gwcmtp_pins_fini(&p);
}

/* One key more than the file may hold: what is there stays. */
static void
test_pins_limit(void **state)
{
	const unsigned char key[CMTP_KEY_BYTES] = { 1 };
	struct gwcmtp_pins p;
	char line[100];
	size_t before;

	(void)state;
	assert_int_equal(gwcmtp_pins_load(&p, pins_dir), ERR_OK);
	assert_int_equal(gwcmtp_pins_put(&p, SLICE_LIT("a@b"), key), ERR_OK);
	before = p.lines.text.n;
	assert_true(before < sizeof(line));
	memcpy(line, buf_data(&p.lines.text), before);
	while (p.lines.text.n + before <= GWCMTP_LINES_BYTES_MAX)
		buf_put(&p.lines.text, line, before);
	assert_int_equal(gwcmtp_pins_put(&p, SLICE_LIT("c@longer.example"), key), ERR_LIMIT);
	gwcmtp_pins_fini(&p);
	assert_int_equal(gwcmtp_pins_load(&p, pins_dir), ERR_OK);
	assert_int_equal(p.lines.text.n, before);
	gwcmtp_pins_fini(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail), cmocka_unit_test(test_mail_that_cannot_be),
		cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pins_limit, setup, teardown),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
