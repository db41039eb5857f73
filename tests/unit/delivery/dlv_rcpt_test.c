/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "delivery/dlv_rcpt.h"
#include "lib/base/cc.h"

static void
test_prefix(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, DLV_PREFIX_MAX);
	dlv_rcpt_put_prefix(&b, SLICE_LIT("a@x.example"), SLICE_LIT("b@y.example"));
	assert_slice(buf_slice(&b),
	    "Return-Path: <a@x.example>\r\nDelivered-To: b@y.example\r\n");
	buf_reset(&b);
	dlv_rcpt_put_prefix(&b, SLICE_NONE, SLICE_LIT("b@y.example\r\nX: y\x7f"));
	assert_slice(buf_slice(&b), "Return-Path: <>\r\nDelivered-To: b@y.exampleX: y\r\n");
	buf_fini(&b);
}

/* The longest sender and address fit. */
static void
test_prefix_limit(void **state)
{
	char mem[320];
	struct buf b;

	(void)state;
	memset(mem, 'a', sizeof(mem));
	buf_init(&b, DLV_PREFIX_MAX);
	dlv_rcpt_put_prefix(&b, slice_of(mem, 320), slice_of(mem, 320));
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
}

static void
test_loop(void **state)
{
	struct slice h = SLICE_LIT("Return-Path: <x@x.example>\r\n"
	    "delivered-to:  Bob@Y.example \r\nX-Delivered-To: c@y.example\r\n\r\n"
	    "Delivered-To: d@y.example\r\n");

	(void)state;
	assert_true(dlv_rcpt_is_loop(h, SLICE_LIT("bob@y.example")));
	assert_false(dlv_rcpt_is_loop(h, SLICE_LIT("c@y.example")));
	assert_false(dlv_rcpt_is_loop(h, SLICE_LIT("d@y.example")));
	assert_false(dlv_rcpt_is_loop(h, SLICE_LIT("ob@y.example")));
}

static void
test_outcomes(void **state)
{
	static const struct {
		enum err	 error;
		enum err	 result;
		const char	*dsn;
	} rows[] = {
		{ ERR_QUOTA, ERR_QUOTA, "5.2.2" },
		{ ERR_DISABLED, ERR_DISABLED, "5.2.1" },
		{ ERR_TOOBIG, ERR_TOOBIG, "5.3.4" },
		{ ERR_FULL, ERR_FULL, "4.3.1" },
		{ ERR_TIMEOUT, ERR_TIMEOUT, "4.3.0" },
		{ ERR_GONE, ERR_GONE, "4.3.0" },
		{ ERR_BUSY, ERR_BUSY, "4.3.2" },
		{ ERR_CRYPTO, ERR_CRYPTO, "4.3.5" },
		/* permanent by class, but not the mailbox's fault */
		{ ERR_NOTFOUND, ERR_SYS, "4.3.0" },
		{ ERR_DENIED, ERR_SYS, "4.3.0" },
		{ ERR_VIOLATION, ERR_SYS, "4.3.0" },
		{ ERR_STATE, ERR_SYS, "4.3.0" },
	};
	struct dlv_rcpt full = { 0 };

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct dlv_rcpt r = { 0 };

		dlv_rcpt_fail(&r, rows[i].error);
		assert_true(r.done);
		assert_int_equal(r.error, rows[i].result);
		assert_string_equal(r.dsn, rows[i].dsn);
		assert_int_equal(err_class(r.error) == ERR_CLASS_PERM, r.dsn[0] == '5');
	}
	dlv_rcpt_fail_full(&full);
	assert_true(full.done && err_class(full.error) == ERR_CLASS_TEMP);
	assert_string_equal(full.dsn, "4.2.2");
}

static void
test_read(void **state)
{
	unsigned char key[32] = { 1 };
	struct ipc_deliver_rcpt m = { .idx = 7, .account = 9, .generation = 2,
		.address = SLICE_LIT("a@x.example"), .public_key = slice_of(key, 32) };
	struct dlv_rcpt r;

	(void)state;
	assert_int_equal(dlv_rcpt_read(&r, &m), ERR_OK);
	assert_slice(r.mailbox, "INBOX");
	assert_int_equal(r.owner.account, 9);
	m.public_key.n = 31;
	assert_int_equal(dlv_rcpt_read(&r, &m), ERR_VIOLATION);
	m.public_key.n = 32;
	m.account = 0;
	assert_int_equal(dlv_rcpt_read(&r, &m), ERR_VIOLATION);
	m.account = 9;
	m.address = SLICE_NONE;
	assert_int_equal(dlv_rcpt_read(&r, &m), ERR_VIOLATION);
	assert_int_equal(r.idx, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_limit),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
