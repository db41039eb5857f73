/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "delivery/dlv_line.h"
#include "lib/base/cc.h"
#include "lib/sys/fd.h"

static void
test_delays(void **state)
{
	static const struct {
		struct dlv_delays d;
		const char	*text;
	} rows[] = {
		{ { 0, 0, 0, 0 }, "0/0/0/0" },
		{ { 84, 0, 0, 3 }, "0.08/0/0/0.003" },
		{ { 1000, 1, 10, 9 }, "1.00/0.001/0.01/0.009" },
		{ { 12345, 0, 0, 10 }, "12.34/0/0/0.01" },
		{ { 3600000, 99, 100, 999 }, "3600.00/0.09/0.10/0.99" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		dlv_delays_put(&b, &rows[i].d);
		assert_slice(buf_slice(&b), rows[i].text);
	}
	buf_fini(&b);
}

static void
expect_line(const struct dlv_about *about, const char *want)
{
	static const struct dlv_delays delays = { .before_ms = 84, .send_ms = 3 };
	char text[1000];
	struct dlv_line line;
	ssize_t n;
	int fd;

	assert_int_equal(fd_memfd_make("line-test", &fd), ERR_OK);
	log_to_fd(fd);
	dlv_line_begin(&line, about);
	dlv_line_put(&line, log_str("relay", "local"));
	dlv_line_put_delays(&line, &delays);
	dlv_line_end(&line, LOG_sent);
	log_to_fd(2);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

/* Whose it is comes first; what the sender wrote only where it is another. */
static void
test_subject(void **state)
{
	struct dlv_about about = { .session = 1, .msg = 2, .to = SLICE_LIT("a@b.example") };

	(void)state;
	expect_line(&about, "sent s=000001 m=0000000000002 to=<a@b.example> relay=local "
	    "delays=0.08/0/0/0.003\n");
	about.original = SLICE_LIT("A@b.EXAMPLE");
	expect_line(&about, "sent s=000001 m=0000000000002 to=<a@b.example> relay=local "
	    "delays=0.08/0/0/0.003\n");
	about.original = SLICE_LIT("root");
	about.session = 0;
	expect_line(&about, "sent m=0000000000002 to=<a@b.example> orig_to=<root> relay=local "
	    "delays=0.08/0/0/0.003\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delays), cmocka_unit_test(test_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
