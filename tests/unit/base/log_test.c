/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"

static char line[8192];

static const char *
take_line(int fd)
{
	ssize_t n = read(fd, line, sizeof(line) - 1);

	assert_true(n > 0);
	line[n] = '\0';
	return line;
}

static void
test_line(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_to_fd(fds[1]);
	log_event(LOG_queued, log_session(7), log_id("m", 42),
	    log_addr("from", slice_str("a@b.example")), log_num("nrcpt", 2),
	    log_str("message-id", "<a b>\r\n\"\xff"));
	assert_string_equal(take_line(fds[0]),
	    "queued s=000007 m=000000000001A from=<a@b.example> nrcpt=2 "
	    "message-id=\"<a b>\\x0D\\x0A\\\"\\xFF\"\n");
	log_event(LOG_sent, log_ms("delays", 3), log_str("reason", ""));
	assert_string_equal(take_line(fds[0]), "sent delays=0.003 reason=\"\"\n");
	(void)close(fds[0]);
	(void)close(fds[1]);
	log_to_fd(2);
}

/* Neither a long value nor many of them make a line over the limit. */
static void
test_line_limit(void **state)
{
	char big[5000];
	int fds[2];

	(void)state;
	memset(big, 1, sizeof(big));	/* escaped: four bytes each */
	assert_int_equal(pipe(fds), 0);
	log_to_fd(fds[1]);
	log_event(LOG_reject, log_text("reason", slice_of(big, sizeof(big))),
	    log_text("verb", slice_of(big, sizeof(big))));
	(void)take_line(fds[0]);
	assert_true(strlen(line) <= LOG_LINE_MAX + 1);
	assert_int_equal(line[strlen(line) - 1], '\n');
	(void)close(fds[0]);
	(void)close(fds[1]);
	log_to_fd(2);
}

static void
test_rows(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_EVENT_COUNT; i++) {
		assert_true(strlen(log_rows[i].sentence) > 10);
		assert_int_equal(log_rows[i].sentence[strlen(log_rows[i].sentence) - 1], '.');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line), cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
