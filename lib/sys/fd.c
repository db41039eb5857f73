/* SPDX-License-Identifier: ISC */
#include "lib/sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

enum err
fd_set_cloexec(int fd, bool on)
{
	if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) != 0)
		return err_from_errno(errno);
	return ERR_OK;
}

enum err
fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_from_errno(errno);
	return ERR_OK;
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Older kernels lack close_range: then one by one, up to the limit. */
void
fd_close_from(int lowest)
{
	long fd, max;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)lowest, ~0u, 0u) == 0)
		return;
#endif
	max = sysconf(_SC_OPEN_MAX);
	for (fd = lowest; fd < max; fd++)
		(void)close((int)fd);
}

enum err
fd_put_null(int fd)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return err_from_errno(errno);
	if (null == fd)
		return ERR_OK;
	if (dup2(null, fd) < 0) {
		enum err e = err_from_errno(errno);

		(void)close(null);
		return e;
	}
	(void)close(null);
	return ERR_OK;
}

enum err
fd_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return err_from_errno(errno);
	return ERR_OK;
}

enum err
fd_memfd_make(const char *name, int *fd)
{
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return *fd < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err
fd_memfd_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return err_from_errno(errno);
	return ERR_OK;
}

enum err
fd_memfd_check(int fd, uint64_t max, uint64_t *bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	/* Only memfds and their kind have seals at all. */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return ERR_VIOLATION;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return ERR_VIOLATION;
	if ((uint64_t)st.st_size > max)
		return ERR_TOOBIG;
	*bytes = (uint64_t)st.st_size;
	return ERR_OK;
}

enum err
fd_tmpfile(int dir, int *fd)
{
	*fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	return *fd < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err
fd_write_all(int fd, const void *src, size_t n)
{
	const char *p = src;
	ssize_t done;

	while (n > 0) {
		done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? ERR_FULL : err_from_errno(errno);
		p += done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

enum err
fd_pwrite_all(int fd, const void *src, size_t n, uint64_t at)
{
	const char *p = src;
	ssize_t done;

	while (n > 0) {
		done = pwrite(fd, p, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? ERR_FULL : err_from_errno(errno);
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return ERR_OK;
}

enum err
fd_pread_all(int fd, void *dst, size_t n, uint64_t at)
{
	char *p = dst;
	ssize_t done;

	while (n > 0) {
		done = pread(fd, p, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? ERR_END : err_from_errno(errno);
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return ERR_OK;
}

enum err
fd_unix_listen(const char *dir, const char *name, mode_t mode, int backlog, int *fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;
	mode_t old;
	int n;

	*fd = -1;
	if (dir_fd < 0)
		return err_from_errno(errno);
	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n < 0 || n >= (int)sizeof(sa.sun_path) || *fd < 0)
		e = ERR_SYS;
	if (e == ERR_OK) {
		(void)unlinkat(dir_fd, name, 0);
		old = umask(~mode & 0777);
		if (bind(*fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
		    listen(*fd, backlog) != 0)
			e = err_from_errno(errno);
		umask(old);
	}
	if (e != ERR_OK)
		fd_close(fd);
	close(dir_fd);
	return e;
}

enum err
fd_pread_some(int fd, void *dst, size_t max, uint64_t at, size_t *n)
{
	ssize_t got = 1;

	*n = 0;
	while (got > 0 && *n < max) {
		got = pread(fd, (char *)dst + *n, max - *n, (off_t)(at + *n));
		if (got > 0)
			*n += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	return got < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err
fd_pread_file(int fd, void *dst, size_t max, size_t *n)
{
	return fd_pread_some(fd, dst, max, 0, n);
}
