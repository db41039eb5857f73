/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "lib/sys/path.h"

static enum err
read_all(struct buf *b, int fd)
{
	struct stat st;
	size_t n = 0, most = b->max - b->n;
	enum err e;
	char *at;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	if (!S_ISREG(st.st_mode))
		return ERR_SYNTAX;
	/* One byte more tells that it has grown. */
	if ((uint64_t)st.st_size >= most || (at = buf_reserve(b, (size_t)st.st_size + 1)) == NULL)
		return ERR_LIMIT;
	if ((e = fd_pread_file(fd, at, (size_t)st.st_size + 1, &n)) != ERR_OK)
		return e;
	if (n > (size_t)st.st_size)
		return ERR_AGAIN;
	buf_commit(b, n);
	return ERR_OK;
}

enum err
gwcmtp_file_read(const char *dir, const char *name, struct buf *b)
{
	int fd, at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e;

	if (at < 0)
		return errno == ENOENT ? ERR_NOTFOUND : err_from_errno(errno);
	fd = openat(at, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	e = fd >= 0 ? read_all(b, fd) : errno == ENOENT ? ERR_NOTFOUND : err_from_errno(errno);
	fd_close(&fd);
	fd_close(&at);
	return e;
}

static enum err
replace(int dir, const char *name, struct slice bytes)
{
	char fresh[GWCMTP_FILE_NAME_MAX + 5];
	enum err e;
	int fd;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_from_errno(errno);
	e = fd_write_all(fd, bytes.p, bytes.n);
	if (e == ERR_OK && fsync(fd) != 0)
		e = err_from_errno(errno);
	fd_close(&fd);
	if (e == ERR_OK && renameat(dir, fresh, dir, name) != 0)
		e = err_from_errno(errno);
	return e == ERR_OK ? path_sync_dir(dir) : e;
}

enum err
gwcmtp_file_write(const char *dir, const char *name, struct slice bytes)
{
	enum err e;
	int at;

	if (slice_str(name).n > GWCMTP_FILE_NAME_MAX)
		return ERR_TOOBIG;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_from_errno(errno);
	if ((at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	e = replace(at, name, bytes);
	fd_close(&at);
	return e;
}
