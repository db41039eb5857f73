/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ipc/ipc_frame.h"
#include "lib/ipc/ipc_peer.h"

/* Fill every byte of a decoded struct from a body of pattern bytes: encoding
 * it again must give the same body. */
static void
test_every_type_round_trips(void **state)
{
	const struct ipc_type_row *row;
	struct ipc_reader r;
	union ipc_any m, again;
	struct buf b, c;

	(void)state;
	buf_init(&b, IPC_FRAME_MAX);
	buf_init(&c, IPC_FRAME_MAX);
	for (size_t i = 0; i < ipc_types_count; i++) {
		row = &ipc_types[i];
		memset(&m, 0, sizeof(m));
		buf_reset(&b);
		row->put(&b, &m);	/* zeros, empty strings */
		assert_int_equal(buf_err(&b), ERR_OK);
		r = ipc_reader_of(buf_slice(&b));
		memset(&again, 0xff, sizeof(again));
		row->get(&r, &again);
		assert_int_equal(ipc_reader_done(&r), ERR_OK);
		buf_reset(&c);
		row->put(&c, &again);
		assert_int_equal(b.n, c.n);
		assert_memory_equal(buf_data(&b), buf_data(&c), b.n);
		/* every shorter body and one longer are refused */
		for (size_t n = 0; n < b.n; n++) {
			r = ipc_reader_of(slice_of(buf_data(&b), n));
			row->get(&r, &again);
			assert_int_equal(ipc_reader_done(&r), ERR_VIOLATION);
		}
		buf_put_char(&b, 0);
		r = ipc_reader_of(buf_slice(&b));
		row->get(&r, &again);
		assert_int_equal(ipc_reader_done(&r), ERR_VIOLATION);
		assert_true(row->struct_bytes <= sizeof(union ipc_any));
		assert_ptr_equal(ipc_type_find(row->type), row);
	}
	assert_null(ipc_type_find(0));
	assert_null(ipc_type_find(0xffff));
	buf_fini(&b);
	buf_fini(&c);
}

static void
test_caps(void **state)
{
	char big[321] = { 0 };
	struct ipc_fact_account m = { .account = 1, .address = slice_of(big, 320) };
	struct ipc_fact_account got;
	struct ipc_reader r;
	struct buf b;

	(void)state;
	memset(big, 'x', sizeof(big));
	buf_init(&b, IPC_FRAME_MAX);
	ipc_fact_account_put(&b, &m);
	assert_int_equal(buf_err(&b), ERR_OK);
	r = ipc_reader_of(buf_slice(&b));
	ipc_fact_account_get(&r, &got);
	assert_int_equal(ipc_reader_done(&r), ERR_OK);
	assert_int_equal(got.address.n, 320);
	m.address.n = 321;		/* limit + 1 is not even encoded */
	buf_reset(&b);
	ipc_fact_account_put(&b, &m);
	assert_int_equal(buf_err(&b), ERR_FULL);
	/* and not decoded when it comes */
	buf_reset(&b);
	ipc_put_u64(&b, 1);
	ipc_put_var(&b, slice_of(big, 321), 1000);
	r = ipc_reader_of(buf_slice(&b));
	ipc_fact_account_get(&r, &got);
	assert_int_equal(ipc_reader_done(&r), ERR_VIOLATION);
	buf_fini(&b);
}

static void
test_bad_values(void **state)
{
	struct ipc_reader r;

	(void)state;
	r = ipc_reader_of(slice_of("\x02", 1));
	(void)ipc_get_bool(&r);
	assert_true(r.bad);
	r = ipc_reader_of(slice_of("\x7f", 1));
	assert_int_equal(ipc_get_err(&r), ERR_VIOLATION);
	assert_true(r.bad);
	r = ipc_reader_of(slice_of("\x02", 1));
	assert_int_equal(ipc_get_err(&r), ERR_IO);
	assert_false(r.bad);
}

static void
test_print_hides_secrets(void **state)
{
	struct ipc_login m = { .user = SLICE_LIT("alice"),
	    .password = SLICE_LIT("opensesame") };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	ipc_login_print(&b, &m);
	assert_true(slice_search(buf_slice(&b), slice_str("opensesame")) == b.n);
	assert_true(slice_search(buf_slice(&b), slice_str("user=\"alice\" password=***")) < b.n);
	assert_true(ipc_type_find(IPC_MSG_login)->has_secret);
	assert_false(ipc_type_find(IPC_MSG_store_list)->has_secret);
	buf_fini(&b);
}

static void
test_frames(void **state)
{
	struct ipc_store_ok m = { .modseq = 9, .uidvalidity = 3 };
	const struct ipc_type_row *row = ipc_type_find(IPC_MSG_store_ok);
	struct ipc_frame f;
	union ipc_any got;
	uint64_t deadline;
	const char *reason;
	struct buf b;

	(void)state;
	buf_init(&b, IPC_OUT_MAX);
	assert_int_equal(ipc_frame_put(&b, row, 5 | IPC_REPLY_BIT, 0, &m, 0), ERR_OK);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(ipc_frame_get(slice_of(buf_data(&b), n), &f), ERR_SHORT);
	assert_int_equal(ipc_frame_get(buf_slice(&b), &f), ERR_OK);
	assert_int_equal(f.bytes, b.n);
	assert_int_equal(ipc_frame_decode(&f, IPC_STORE, &got, &deadline, &reason), ERR_OK);
	assert_int_equal(got.store_ok.modseq, 9);
	assert_int_equal(ipc_frame_decode(&f, IPC_IMAPD, &got, &deadline, &reason), ERR_VIOLATION);
	assert_string_equal(reason, "sender not permitted");
	f.fd_count = 1;
	assert_int_equal(ipc_frame_decode(&f, IPC_STORE, &got, &deadline, &reason), ERR_VIOLATION);
	/* lengths that lie */
	assert_int_equal(ipc_frame_get(slice_of("\xff\xff\xff\xff", 4), &f), ERR_VIOLATION);
	assert_int_equal(ipc_frame_get(slice_of("\x01\x00\x00\x00", 4), &f), ERR_VIOLATION);
	buf_fini(&b);
}

/* Of one length only: a record with another is bad, and nothing of it is taken. */
static void
test_fixed(void **state)
{
	static const unsigned char key[4] = { 1, 2, 3, 4 };
	unsigned char got[5] = { 0 };

	(void)state;
	for (size_t n = 3; n <= 5; n++) {
		struct ipc_reader r;
		struct buf b;

		buf_init(&b, 64);
		ipc_put_fixed(&b, key, sizeof(key));
		r = ipc_reader_of(buf_slice(&b));
		memset(got, 0, sizeof(got));
		ipc_get_fixed(&r, got, n);
		assert_int_equal(ipc_reader_done(&r) == ERR_OK, n == sizeof(key));
		assert_int_equal(got[0], n == sizeof(key) ? 1 : 0);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_round_trips),
		cmocka_unit_test(test_caps), cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_print_hides_secrets),
		cmocka_unit_test(test_fixed), cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
