/* SPDX-License-Identifier: ISC */
/*
 * Descriptors: every one made here is close-on-exec.  A message that fits in
 * memory travels as a sealed memfd: after fd_memfd_seal nobody can change,
 * grow or shrink it, and fd_memfd_check is how the receiver knows.
 */
#ifndef FD_H
#define FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

enum err	 fd_set_cloexec(int fd, bool on) MUST_USE;
enum err	 fd_set_nonblock(int fd) MUST_USE;
void		 fd_close(int *fd);		/* -1 is legal; becomes -1 */
void		 fd_close_from(int lowest);	/* all of them, whatever they are */
/* Open /dev/null on this very number. */
enum err	 fd_put_null(int fd) MUST_USE;
/* A connected pair of UNIX stream sockets. */
enum err	 fd_pair(int fds[2]) MUST_USE;

enum err	 fd_memfd_make(const char *name, int *fd) MUST_USE;
enum err	 fd_memfd_seal(int fd) MUST_USE;
/* ERR_VIOLATION unless fully sealed; ERR_TOOBIG over max. */
enum err	 fd_memfd_check(int fd, uint64_t max, uint64_t *bytes) MUST_USE;

/* A file without a name in that directory. */
enum err	 fd_tmpfile(int dir, int *fd) MUST_USE;

/* All or nothing, across EINTR and short counts. */
enum err	 fd_write_all(int fd, const void *, size_t) MUST_USE;
enum err	 fd_pwrite_all(int fd, const void *, size_t, uint64_t at) MUST_USE;
/* ERR_END when the file is shorter. */
enum err	 fd_pread_all(int fd, void *, size_t, uint64_t at) MUST_USE;
/* Up to its end or max bytes: *n of them; from the start. */
enum err	 fd_pread_some(int fd, void *, size_t max, uint64_t at, size_t *n) MUST_USE;
enum err	 fd_pread_file(int fd, void *, size_t max, size_t *n) MUST_USE;

/*
 * A listening UNIX stream socket dir/name with this mode; one that lies there
 * is replaced.  Through the directory, since the path may be longer than a
 * socket address.
 */
enum err	 fd_unix_listen(const char *dir, const char *name, mode_t mode, int backlog,
		    int *fd) MUST_USE;

#endif
