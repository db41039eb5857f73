/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "smtpd/smtp_header.h"

struct row {
	const char		*line;
	enum smtp_header_line	 result;
	uint32_t		 fields;
};

static void
test_lines(void **state)
{
	static const struct row rows[] = {
		{ "Subject: x\r\n", HEADER_FIELD, 1 },
		{ " folded\r\n", HEADER_FIELD, 1 },
		{ "\tfolded: more\r\n", HEADER_FIELD, 1 },
		{ "X:\r\n", HEADER_FIELD, 2 },
		{ "Old \t: y\r\n", HEADER_FIELD, 3 },
		{ "no colon\r\n", HEADER_BODY, 3 },
		{ ":\r\n", HEADER_BODY, 3 },
		{ "two words: x\r\n", HEADER_BODY, 3 },
		{ "\xc3\xa9: x\r\n", HEADER_BODY, 3 },
		{ "From x@y Fri Nov 20\r\n", HEADER_BODY, 3 },
		{ "\r\n", HEADER_END, 3 },
	};
	struct smtp_header h;

	(void)state;
	smtp_header_init(&h);
	for (size_t i = 0; i < lengthof(rows); i++) {
		assert_int_equal(smtp_header_take(&h, slice_str(rows[i].line)), rows[i].result);
		assert_int_equal(h.field_count, rows[i].fields);
	}
	smtp_header_fini(&h);
}

static void
test_first_line_folded(void **state)
{
	struct smtp_header h;

	(void)state;
	smtp_header_init(&h);
	assert_int_equal(smtp_header_take(&h, slice_str(" x: y\r\n")), HEADER_BODY);
	smtp_header_fini(&h);
}

static void
test_known_fields(void **state)
{
	struct smtp_header h;

	(void)state;
	smtp_header_init(&h);
	assert_int_equal(smtp_header_take(&h, slice_str("DATE: x\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("Resent-Date: x\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("received: x\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("X-Received: x\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("message-ID:\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("\t<a@b>\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str("Message-ID: <second@b>\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_take(&h, slice_str(" more\r\n")), HEADER_FIELD);
	assert_true(h.has_date);
	assert_int_equal(h.received_count, 1);
	assert_slice(smtp_header_message_id(&h), "<a@b>");
	smtp_header_fini(&h);
}

static void
test_long_message_id(void **state)
{
	char line[1200];
	struct smtp_header h;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "Message-ID: ", 12);
	smtp_header_init(&h);
	assert_int_equal(smtp_header_take(&h, slice_of(line, 12 + SMTP_MESSAGE_ID_MAX)), HEADER_FIELD);
	assert_int_equal(smtp_header_message_id(&h).n, SMTP_MESSAGE_ID_MAX);
	assert_int_equal(smtp_header_take(&h, slice_str(" y\r\n")), HEADER_FIELD);
	assert_int_equal(smtp_header_message_id(&h).n, 0);
	assert_true(h.has_message_id);
	smtp_header_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_first_line_folded),
		cmocka_unit_test(test_known_fields),
		cmocka_unit_test(test_long_message_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
