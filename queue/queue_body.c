/* SPDX-License-Identifier: ISC */
#include "queue/queue_body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"

#define ALL_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* F_GET_SEALS fails on all that is no memfd, so the order is the check. */
enum err
queue_body_check_memfd(int fd, uint64_t size)
{
	struct stat st;
	int seals;

	if (size > QUEUE_MEMFD_MAX)
		return ERR_VIOLATION;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & ALL_SEALS) != ALL_SEALS)
		return ERR_VIOLATION;
	if (fstat(fd, &st) == -1 || (uint64_t)st.st_size != size)
		return ERR_VIOLATION;
	return ERR_OK;
}

enum err
queue_body_check_file(int fd, const struct queue_file_id *id, uint64_t plain_bytes)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_dev != id->dev || (uint64_t)st.st_ino != id->ino ||
	    (uint64_t)st.st_size != chunkfile_bytes(plain_bytes))
		return ERR_VIOLATION;
	return ERR_OK;
}

enum err
queue_body_make_memfd(struct slice s, int *out)
{
	int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n;

	if (fd == -1)
		return err_from_errno(errno);
	while (s.n > 0) {
		n = write(fd, s.p, s.n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			goto fail;
		s = slice_from(s, (size_t)n);
	}
	if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) == -1)
		goto fail;
	*out = fd;
	return ERR_OK;
fail:
	(void)close(fd);
	return ERR_IO;
}

enum err
queue_body_make_file(int dir, int *out, struct queue_file_id *id)
{
	struct stat st;
	int fd;

	fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_from_errno(errno);
	if (fstat(fd, &st) == -1) {
		(void)close(fd);
		return ERR_IO;
	}
	id->dev = (uint64_t)st.st_dev;
	id->ino = (uint64_t)st.st_ino;
	*out = fd;
	return ERR_OK;
}

static enum err
read_file(const struct queue_body *b, void *dst, size_t n)
{
	struct chunkfile_reader *r;
	enum err e;

	if ((e = chunkfile_reader_new(&r, b->fd, b->key, b->size)) != ERR_OK)
		return e;
	e = chunkfile_reader_get(r, 0, dst, n);
	chunkfile_reader_free(&r);
	return e;
}

enum err
queue_body_read_start(const struct queue_body *b, void *dst, size_t n, size_t *got)
{
	size_t done = 0;
	ssize_t r;

	if (n > b->size)
		n = (size_t)b->size;
	*got = n;
	if (n == 0)
		return ERR_OK;
	if (b->form == QUEUE_FORM_FILE)
		return read_file(b, dst, n);
	for (; done < n; done += (size_t)r) {
		r = pread(b->fd, (char *)dst + done, n - done, (off_t)done);
		if (r == -1 && errno == EINTR)
			r = 0;
		else if (r <= 0)
			return ERR_IO;
	}
	return ERR_OK;
}

uint64_t
queue_body_free_bytes(int dir)
{
	struct statvfs st;
	uint64_t n = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (fstatvfs(fd, &st) == 0)
		n = (uint64_t)st.f_bavail * (uint64_t)st.f_frsize;
	(void)close(fd);
	return n;
}
