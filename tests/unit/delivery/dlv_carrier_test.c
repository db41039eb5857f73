/* SPDX-License-Identifier: ISC */
/*
 * What carries a message of CMTP 1: its form, every range of it, lengths around
 * the ends of lines and groups of lines, and what may not get into its header.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "delivery/dlv_carrier.h"
#include "lib/base/enc.h"
#include "lib/ipc/queue_proto.h"

#define TRACE	"Received: from x\r\nAuthentication-Results: mx; cmtp=none (CMTP 1)\r\n"

static struct dlv_source
source_of(struct slice trace, size_t raw)
{
	struct dlv_source s;
	int fd = memfd_create("message", MFD_CLOEXEC);
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_put_slice(&b, trace);
	for (size_t i = 0; i < raw; i++)
		buf_put_char(&b, (char)(i * 7 + i / 256));
	assert_int_equal(write(fd, buf_data(&b), b.n), b.n);
	assert_int_equal(dlv_source_open(&s, fd, QUEUE_FORM_MEMFD, b.n, SLICE_NONE), ERR_OK);
	buf_fini(&b);
	return s;
}

static enum err
begin(struct dlv_carrier *c, struct dlv_source *s, struct slice sender)
{
	const struct dlv_carrier_facts f = { 77, 1700000000, sender };

	dlv_carrier_init(c);
	return dlv_carrier_begin(c, s, &f);
}

/* All of it at once. */
static void
whole(const struct dlv_carrier *c, struct dlv_source *s, struct buf *b)
{
	size_t n = (size_t)dlv_carrier_bytes(c);
	char *p = buf_reserve(b, n);

	assert_non_null(p);
	assert_int_equal(dlv_carrier_read(c, s, 0, p, n), ERR_OK);
	buf_commit(b, n);
}

static void
test_form(void **state)
{
	struct dlv_source s = source_of(SLICE_LIT(TRACE "\r\n"), 100);
	struct dlv_carrier c;
	struct slice text, part;
	struct buf b, raw;

	(void)state;
	buf_init(&b, 100000);
	buf_init(&raw, 1000);
	assert_int_equal(begin(&c, &s, SLICE_LIT("bob@peer.example")), ERR_OK);
	whole(&c, &s, &b);
	text = buf_slice(&b);
	assert_true(slice_starts(text, TRACE "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "From: \"...\" <sealed@godwit.invalid>\r\n"));
	assert_true(slice_search(text, SLICE_LIT("from <bob@peer.example>; nobody")) < text.n);
	part = slice_from(text, slice_search(text, SLICE_LIT("Encoding: base64\r\n\r\n")) + 20);
	for (struct slice line; part.p[0] != '-'; part = slice_from(part, line.n + 2)) {
		line = slice_head(part, slice_find(part, '\r'));
		assert_true(line.n <= 76);
		assert_int_equal(enc_get_base64(&raw, line), ERR_OK);
	}
	assert_slice(part, "--=_cmtp1--\r\n");
	assert_int_equal(raw.n, 100);
	assert_memory_equal(buf_data(&raw), "\x00\x07\x0e", 3);
	dlv_carrier_fini(&c);
	dlv_source_close(&s);
	buf_fini(&b);
	buf_fini(&raw);
}

/* Every range is what it is of the whole. */
static void
test_ranges(void **state)
{
	struct dlv_source s = source_of(SLICE_LIT(TRACE "\r\n"), 200);
	struct dlv_carrier c;
	char part[4000];
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	assert_int_equal(begin(&c, &s, SLICE_NONE), ERR_OK);
	whole(&c, &s, &b);
	for (size_t off = 0; off <= b.n; off++) {
		for (size_t n = 0; off + n <= b.n; n += 1 + n / 5) {
			assert_int_equal(dlv_carrier_read(&c, &s, off, part, n), ERR_OK);
			assert_memory_equal(part, buf_data(&b) + off, n);
		}
		assert_int_equal(dlv_carrier_read(&c, &s, off, part, b.n - off + 1), ERR_END);
	}
	dlv_carrier_fini(&c);
	dlv_source_close(&s);
	buf_fini(&b);
}

/* Ends of lines, and of the groups that are read at once. */
static void
test_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 56, 57, 58, 114, 512 * 57 - 1, 512 * 57,
		512 * 57 + 1, 1024 * 57 + 3 };

	(void)state;
	for (size_t i = 0; i < lengthof(lengths); i++) {
		struct dlv_source s = source_of(SLICE_LIT("\r\n\r\n"), lengths[i]);
		struct dlv_carrier c;
		struct buf b, pieces;

		buf_init(&b, 1u << 20);
		buf_init(&pieces, 1u << 20);
		assert_int_equal(begin(&c, &s, SLICE_NONE), ERR_OK);
		whole(&c, &s, &b);
		assert_int_equal(b.n, dlv_carrier_bytes(&c));
		assert_true(slice_ends(buf_slice(&b), "\r\n--=_cmtp1--\r\n"));
		for (size_t n; pieces.n < b.n; buf_commit(&pieces, n)) {
			n = b.n - pieces.n < 10007 ? b.n - pieces.n : 10007;
			assert_int_equal(dlv_carrier_read(&c, &s, pieces.n,
			    buf_reserve(&pieces, n), n), ERR_OK);
		}
		assert_memory_equal(buf_data(&pieces), buf_data(&b), b.n);
		dlv_carrier_fini(&c);
		dlv_source_close(&s);
		buf_fini(&b);
		buf_fini(&pieces);
	}
}

/* What queue would never write. */
static void
test_no_trace(void **state)
{
	char long_trace[DLV_CARRIER_TRACE_MAX + 1];
	struct dlv_carrier c;
	struct dlv_source s;

	(void)state;
	memset(long_trace, 'x', sizeof(long_trace));
	for (size_t n = 0; n <= sizeof(long_trace); n += sizeof(long_trace)) {
		s = source_of(slice_of(long_trace, n), 0);
		assert_int_equal(begin(&c, &s, SLICE_NONE), ERR_CORRUPT);
		dlv_carrier_fini(&c);
		dlv_source_close(&s);
	}
	/* The empty line at the limit, and one byte behind it. */
	for (size_t more = 0; more < 2; more++) {
		struct buf b;

		buf_init(&b, 20000);
		buf_put(&b, long_trace, DLV_CARRIER_TRACE_MAX - 4 + more);
		buf_put_str(&b, "\r\n\r\n");
		s = source_of(buf_slice(&b), 10);
		assert_int_equal(begin(&c, &s, SLICE_NONE), more == 0 ? ERR_OK : ERR_CORRUPT);
		dlv_carrier_fini(&c);
		dlv_source_close(&s);
		buf_fini(&b);
	}
}

static void
test_hostile_sender(void **state)
{
	struct dlv_source s = source_of(SLICE_LIT(TRACE "\r\n"), 10);
	struct dlv_carrier c;
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	assert_int_equal(begin(&c, &s, SLICE_LIT("a\r\n--=_cmtp1\r\nX: y\0@x")), ERR_OK);
	whole(&c, &s, &b);
	assert_true(slice_search(buf_slice(&b), SLICE_LIT("<a--=_cmtp1X: y@x>")) < b.n);
	dlv_carrier_fini(&c);
	dlv_source_close(&s);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_no_trace),
		cmocka_unit_test(test_hostile_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
