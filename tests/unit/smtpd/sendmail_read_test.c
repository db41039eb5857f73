/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "smtpd/sendmail_read.h"

enum { CAP = 100000 };

/* n bytes through a file or a pipe whose writer is a child. */
static enum err
read_from(struct buf *b, bool is_file, size_t n)
{
	char *bytes = calloc(1, n + 1);
	int fds[2];
	enum err e;

	memset(bytes, 'x', n);
	if (is_file) {
		assert_int_equal(fd_memfd_make("read-test", &fds[0]), ERR_OK);
		assert_int_equal(fd_write_all(fds[0], bytes, n), ERR_OK);
		assert_int_equal(lseek(fds[0], 0, SEEK_SET), 0);
	} else {
		assert_int_equal(pipe(fds), 0);
		if (fork() == 0)
			_exit(close(fds[0]) == 0 && fd_write_all(fds[1], bytes, n) == ERR_OK ? 0 : 1);
		close(fds[1]);
	}
	e = sendmail_read(b, fds[0]);
	close(fds[0]);
	free(bytes);
	return e;
}

static void
test_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 65536, CAP - 1, CAP };
	struct buf b;

	(void)state;
	for (int is_file = 0; is_file < 2; is_file++) {
		buf_init(&b, CAP);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			buf_reset(&b);
			assert_int_equal(read_from(&b, is_file, sizes[i]), ERR_OK);
			assert_int_equal(b.n, sizes[i]);
			assert_int_equal(buf_err(&b), ERR_OK);
		}
		buf_release(&b);
		assert_int_equal(read_from(&b, is_file, CAP + 1), ERR_TOOBIG);
		/* Of a file it is known beforehand. */
		assert_int_equal(b.n, is_file ? 0 : CAP);
		buf_fini(&b);
	}
}

static void
test_errors(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, CAP);
	assert_int_equal(sendmail_read(&b, -1), err_from_errno(EBADF));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit), cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
