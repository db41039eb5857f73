/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_read.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 65536 };

static bool
is_too_big(const struct buf *b, int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (at = lseek(fd, 0, SEEK_CUR)) < 0)
		return false;
	return st.st_size > at && (uint64_t)(st.st_size - at) > b->max - b->n;
}

/* Behind the last byte that fits: is that the end? */
static enum err
expect_end(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 0 ? ERR_OK : n > 0 ? ERR_TOOBIG : err_from_errno(errno);
}

enum err
sendmail_read(struct buf *b, int fd)
{
	if (is_too_big(b, fd))
		return ERR_TOOBIG;
	while (b->n < b->max) {
		size_t room = b->max - b->n < PIECE ? b->max - b->n : PIECE;
		ssize_t n = read(fd, buf_reserve(b, room), room);

		if (n == 0)
			return ERR_OK;
		if (n > 0)
			buf_commit(b, (size_t)n);
		else if (errno != EINTR)
			return err_from_errno(errno);
	}
	return expect_end(fd);
}
