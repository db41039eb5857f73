/* SPDX-License-Identifier: ISC */
#include "transfer/file_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "lib/sys/path.h"

enum err
file_read_open(int dir, const char *path, int *fd, uint64_t *bytes, int64_t *mtime_s)
{
	struct stat st;
	enum err e;

	/* A FIFO must not hold us up. */
	if ((e = path_open(dir, path, O_RDONLY | O_NONBLOCK, 0, fd)) != ERR_OK)
		return e;
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fd_close(fd);
		return ERR_UNSUPPORTED;
	}
	*bytes = (uint64_t)st.st_size;
	*mtime_s = st.st_mtime;
	return ERR_OK;
}

enum err
file_read_all(int dir, const char *path, struct buf *b)
{
	uint64_t bytes;
	int64_t mtime_s;
	size_t n = 0;
	char *room;
	int fd;
	enum err e = file_read_open(dir, path, &fd, &bytes, &mtime_s);

	if (e != ERR_OK)
		return e;
	room = bytes < b->max - b->n ? buf_reserve(b, (size_t)bytes) : NULL;
	e = room == NULL ? ERR_TOOBIG : fd_pread_file(fd, room, (size_t)bytes, &n);
	if (e == ERR_OK)
		buf_commit(b, n);
	fd_close(&fd);
	return e;
}

enum err
file_read_bytes(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	*bytes = (uint64_t)st.st_size;
	return ERR_OK;
}

bool
file_read_is_dir(int dir, const char *path)
{
	int fd;

	if (path_open(dir, path, O_RDONLY | O_DIRECTORY, 0, &fd) != ERR_OK)
		return false;
	fd_close(&fd);
	return true;
}

enum err
file_read_names(int dir, const char *path, file_read_name_fn *fn, void *arg)
{
	struct dirent *entry;
	enum err e;
	DIR *d;
	int fd;

	if ((e = path_open(dir, path, O_RDONLY | O_DIRECTORY, 0, &fd)) != ERR_OK)
		return e;
	if ((d = fdopendir(fd)) == NULL) {
		fd_close(&fd);
		return ERR_SYS;
	}
	do {
		errno = 0;
		entry = readdir(d);
		if (entry == NULL)
			e = errno != 0 ? err_from_errno(errno) : ERR_OK;
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = fn(arg, entry->d_name);
	} while (entry != NULL && e == ERR_OK);
	(void)closedir(d);
	return e;
}
