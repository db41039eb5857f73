/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into daemons by the power tests: writes down what they do to
 * files, with the data, in one log that all of them share.
 *
 * The log is the file $GODWIT_RECORD, mapped before the jail is shut; noting
 * something is a copy into that mapping and no system call, so that it works
 * inside every sandbox.  tests/powerdisk.py reads it.
 *
 * Order: an act is noted when it is done, before its caller knows; a sync is
 * noted at both ends.  So what a sync promises is what was noted before it
 * began, and what a program relies on stands in the log before what it did
 * because of it.  Who kills a process for the record's sake stops it first, and
 * lets it go on if there is an act that may be done and is not noted.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX		65536
#define EXPORT		__attribute__((visibility("default")))
#define ALIAS(of)	__attribute__((visibility("default"), alias(of)))

enum op {
	OP_OPEN = 1, OP_CLOSE, OP_WRITE, OP_SIZE, OP_ALLOC, OP_RENAME, OP_UNLINK,
	OP_MKDIR, OP_LINK, OP_SYNC, OP_SYNCED, OP_MAP, OP_CHROOT, OP_START,
	OP_SEEK
};

struct head {
	_Atomic uint64_t	used;
	uint64_t		bytes;
	_Atomic uint64_t	busy;		/* acts that may be done and are not noted */
	uint64_t		unused;
};

struct note {
	_Atomic uint32_t	bytes;		/* of all, 0 until it is whole */
	uint32_t		op;
	int32_t			pid;
	int32_t			fd;
	int32_t			dir;
	uint32_t		flags;
	int64_t			at;
	uint64_t		data_bytes;
};

static struct head	*log_head;
static _Atomic bool	 is_ours[FDS_MAX];	/* descriptors that open made */

#define REAL(type, name, ...)	static type (*real_##name)(__VA_ARGS__)
REAL(int, open, const char *, int, ...);
REAL(int, openat, int, const char *, int, ...);
REAL(int, close, int);
REAL(int, closedir, DIR *);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
REAL(off_t, lseek, int, off_t, int);
REAL(int, ftruncate, int, off_t);
REAL(int, fallocate, int, int, off_t, off_t);
REAL(int, renameat, int, const char *, int, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, mkdirat, int, const char *, mode_t);
REAL(int, linkat, int, const char *, int, const char *, int);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, chroot, const char *);
REAL(long, syscall, long, ...);
REAL(void *, mmap, void *, size_t, int, int, int, off_t);

static void
find_real(void)
{
#define FIND(name)	*(void **)&real_##name = dlsym(RTLD_NEXT, #name)
	FIND(open);
	FIND(openat);
	FIND(close);
	FIND(closedir);
	FIND(write);
	FIND(writev);
	FIND(pwrite);
	FIND(pwritev);
	FIND(lseek);
	FIND(ftruncate);
	FIND(fallocate);
	FIND(renameat);
	FIND(unlinkat);
	FIND(mkdirat);
	FIND(linkat);
	FIND(fsync);
	FIND(fdatasync);
	FIND(chroot);
	FIND(syscall);
	FIND(mmap);
#undef FIND
}

/* A preloaded function may be called before its library's own beginning. */
#define NEED(name)	do { if (real_##name == NULL) find_real(); } while (0)

/* ---- the log ---- */

static uint64_t
iov_bytes(const struct iovec *iov, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* At most data_bytes of the pieces. */
static void
note(struct note n, const struct iovec *iov, int pieces)
{
	uint64_t all = (sizeof(n) + n.data_bytes + 7) / 8 * 8, at, left = n.data_bytes;
	struct note *to;
	size_t part;
	char *p;

	at = atomic_fetch_add(&log_head->used, all);
	if (at + all > log_head->bytes || all > UINT32_MAX)
		abort();		/* a hole in the record proves nothing */
	to = (struct note *)((char *)log_head + at);
	p = (char *)(to + 1);
	for (int i = 0; i < pieces && left > 0; i++, p += part, left -= part) {
		part = iov[i].iov_len < left ? iov[i].iov_len : (size_t)left;
		memcpy(p, iov[i].iov_base, part);
	}
	to->op = n.op;
	to->pid = getpid();
	to->fd = n.fd;
	to->dir = n.dir;
	to->flags = n.flags;
	to->at = n.at;
	to->data_bytes = n.data_bytes;
	atomic_store_explicit(&to->bytes, (uint32_t)all, memory_order_release);
}

static void
note_names(enum op op, int fd, int dir, int flags, const char *a, const char *b)
{
	struct iovec iov[2] = {
		{ (void *)(uintptr_t)a, strlen(a) + 1 },
		{ (void *)(uintptr_t)b, b != NULL ? strlen(b) + 1 : 0 },
	};

	if (log_head != NULL)
		note((struct note){ .op = op, .fd = fd, .dir = dir, .flags = (uint32_t)flags,
		    .data_bytes = iov_bytes(iov, 2) }, iov, 2);
}

static bool
is_noted(int fd)
{
	return log_head != NULL && fd >= 0 && fd < FDS_MAX && is_ours[fd];
}

static void
note_fd(enum op op, int fd, int flags, int64_t at, uint64_t len)
{
	struct iovec iov = { &len, sizeof(len) };

	if (is_noted(fd))
		note((struct note){ .op = op, .fd = fd, .flags = (uint32_t)flags, .at = at,
		    .data_bytes = sizeof(len) }, &iov, 1);
}

static void
note_write(int fd, const struct iovec *iov, int n, int64_t at, ssize_t done)
{
	if (done > 0 && is_noted(fd))
		note((struct note){ .op = OP_WRITE, .fd = fd, .at = at,
		    .data_bytes = (uint64_t)done }, iov, n);
}

static int
opened(int fd, int dir, const char *name, int flags)
{
	int e = errno;

	if (fd >= 0 && fd < FDS_MAX && log_head != NULL) {
		is_ours[fd] = true;
		note_names(OP_OPEN, fd, dir, flags, name, NULL);
	}
	errno = e;
	return fd;
}

static bool
is_recorded(const char *title)
{
	static const char *const names[] = { "queue", "store", "keyd" };
	static const char front[] = "godwit: ";

	if (strncmp(title, front, sizeof(front) - 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(title + sizeof(front) - 1, names[i]) == 0)
			return true;
	return false;
}

__attribute__((constructor)) static void
begin(int argc, char *argv[])
{
	const char *path = getenv("GODWIT_RECORD");
	struct stat st;
	void *map;
	int fd;

	find_real();
	if (path == NULL || argc < 1 || !is_recorded(argv[0]))
		return;
	if ((fd = real_open(path, O_RDWR | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1)
		abort();
	map = real_mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	(void)real_close(fd);
	log_head = map;
	note_names(OP_START, 0, 0, 0, argv[0] + strlen("godwit: "), NULL);
}

static void
act_begin(void)
{
	if (log_head != NULL)
		atomic_fetch_add(&log_head->busy, 1);
}

static void
act_end(void)
{
	if (log_head != NULL)
		atomic_fetch_sub(&log_head->busy, 1);
}

/* ---- opening and closing ---- */

EXPORT int
openat(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;
	int fd;

	NEED(openat);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	act_begin();
	fd = opened(real_openat(dir, name, flags, mode), dir, name, flags);
	act_end();
	return fd;
}

EXPORT int
open(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;
	int fd;

	NEED(open);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	act_begin();
	fd = opened(real_open(name, flags, mode), AT_FDCWD, name, flags);
	act_end();
	return fd;
}

int open64(const char *name, int flags, ...) ALIAS("open");
int openat64(int dir, const char *name, int flags, ...) ALIAS("openat");
int __open_2(const char *name, int flags);
int __openat_2(int dir, const char *name, int flags);

EXPORT int
__open_2(const char *name, int flags)
{
	return open(name, flags);
}

EXPORT int
__openat_2(int dir, const char *name, int flags)
{
	return openat(dir, name, flags);
}

int __open64_2(const char *name, int flags) ALIAS("__open_2");
int __openat64_2(int dir, const char *name, int flags) ALIAS("__openat_2");

/* openat2 has no function of its own. */
EXPORT long
syscall(long number, ...)
{
	const struct open_how *how;
	long a[6], rc;
	va_list ap;

	NEED(syscall);
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number != SYS_openat2)
		return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	act_begin();
	rc = real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	how = (const struct open_how *)a[2];
	(void)opened((int)rc, (int)a[0], (const char *)a[1], (int)how->flags);
	act_end();
	return rc;
}

static void
forget(int fd)
{
	note_fd(OP_CLOSE, fd, 0, 0, 0);
	if (fd >= 0 && fd < FDS_MAX)
		is_ours[fd] = false;
}

EXPORT int
close(int fd)
{
	NEED(close);
	forget(fd);
	return real_close(fd);
}

EXPORT int
closedir(DIR *dir)
{
	NEED(closedir);
	forget(dirfd(dir));
	return real_closedir(dir);
}

EXPORT int
chroot(const char *path)
{
	int rc;

	NEED(chroot);
	if ((rc = real_chroot(path)) == 0)
		note_names(OP_CHROOT, 0, 0, 0, path, NULL);
	return rc;
}

/* ---- data ---- */

EXPORT ssize_t
write(int fd, const void *p, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)p, n };
	ssize_t done;

	NEED(write);
	act_begin();
	done = real_write(fd, p, n);
	note_write(fd, &iov, 1, -1, done);
	act_end();
	return done;
}

EXPORT ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	ssize_t done;

	NEED(writev);
	act_begin();
	done = real_writev(fd, iov, n);
	note_write(fd, iov, n, -1, done);
	act_end();
	return done;
}

EXPORT ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct iovec iov = { (void *)(uintptr_t)p, n };
	ssize_t done;

	NEED(pwrite);
	act_begin();
	done = real_pwrite(fd, p, n, at);
	note_write(fd, &iov, 1, at, done);
	act_end();
	return done;
}

EXPORT ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t done;

	NEED(pwritev);
	act_begin();
	done = real_pwritev(fd, iov, n, at);
	note_write(fd, iov, n, at, done);
	act_end();
	return done;
}

/* LMDB writes several pages with lseek and writev. */
EXPORT off_t
lseek(int fd, off_t at, int whence)
{
	off_t to;

	NEED(lseek);
	act_begin();
	if ((to = real_lseek(fd, at, whence)) >= 0)
		note_fd(OP_SEEK, fd, 0, to, 0);
	act_end();
	return to;
}

EXPORT int
ftruncate(int fd, off_t bytes)
{
	int rc;

	NEED(ftruncate);
	act_begin();
	if ((rc = real_ftruncate(fd, bytes)) == 0)
		note_fd(OP_SIZE, fd, 0, bytes, 0);
	act_end();
	return rc;
}

EXPORT int
fallocate(int fd, int mode, off_t at, off_t len)
{
	int rc;

	NEED(fallocate);
	act_begin();
	if ((rc = real_fallocate(fd, mode, at, len)) == 0)
		note_fd(OP_ALLOC, fd, mode, at, (uint64_t)len);
	act_end();
	return rc;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at) ALIAS("pwrite");
ssize_t pwritev64(int fd, const struct iovec *iov, int n, off_t at) ALIAS("pwritev");
off_t lseek64(int fd, off_t at, int whence) ALIAS("lseek");
int ftruncate64(int fd, off_t bytes) ALIAS("ftruncate");
int fallocate64(int fd, int mode, off_t at, off_t len) ALIAS("fallocate");

/* Stores through a mapping are not seen: the log tells that there was one. */
EXPORT void *
mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	void *map;

	NEED(mmap);
	map = real_mmap(p, n, prot, flags, fd, at);
	if (map != MAP_FAILED && (flags & MAP_SHARED) != 0 && (prot & PROT_WRITE) != 0)
		note_fd(OP_MAP, fd, prot, at, n);
	return map;
}

void *mmap64(void *p, size_t n, int prot, int flags, int fd, off_t at) ALIAS("mmap");

/* ---- names ---- */

EXPORT int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc;

	NEED(renameat);
	act_begin();
	if ((rc = real_renameat(from_dir, from, to_dir, to)) == 0)
		note_names(OP_RENAME, to_dir, from_dir, 0, from, to);
	act_end();
	return rc;
}

EXPORT int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int
unlinkat(int dir, const char *name, int flags)
{
	int rc;

	NEED(unlinkat);
	act_begin();
	if ((rc = real_unlinkat(dir, name, flags)) == 0)
		note_names(OP_UNLINK, 0, dir, flags, name, NULL);
	act_end();
	return rc;
}

EXPORT int
unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

EXPORT int
mkdirat(int dir, const char *name, mode_t mode)
{
	int rc;

	NEED(mkdirat);
	act_begin();
	if ((rc = real_mkdirat(dir, name, mode)) == 0)
		note_names(OP_MKDIR, 0, dir, 0, name, NULL);
	act_end();
	return rc;
}

EXPORT int
mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

EXPORT int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	int rc;

	NEED(linkat);
	act_begin();
	if ((rc = real_linkat(from_dir, from, to_dir, to, flags)) == 0)
		note_names(OP_LINK, to_dir, from_dir, flags, from, to);
	act_end();
	return rc;
}

/* ---- flushing ---- */

static int
sync_with(int (*real)(int), int fd, int is_data)
{
	int rc;

	note_fd(OP_SYNC, fd, is_data, 0, 0);
	if ((rc = real(fd)) == 0)
		note_fd(OP_SYNCED, fd, is_data, 0, 0);
	return rc;
}

EXPORT int
fsync(int fd)
{
	NEED(fsync);
	return sync_with(real_fsync, fd, 0);
}

EXPORT int
fdatasync(int fd)
{
	NEED(fdatasync);
	return sync_with(real_fdatasync, fd, 1);
}
