/* SPDX-License-Identifier: ISC */
#include "lib/sys/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/slice.h"

#define PATH_BYTES	4096

static int
open_beneath(int dir, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	if (fd >= 0 || errno != ENOSYS)
		return (int)fd;
	if (strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
		errno = EACCES;
		return -1;
	}
	return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

enum err
path_open(int dir, const char *name, int flags, mode_t mode, int *fd)
{
	*fd = open_beneath(dir, name, flags, mode);
	return *fd < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err
path_open_dir(int dir, const char *name, int *fd)
{
	return path_open(dir, name, O_PATH | O_DIRECTORY, 0, fd);
}

enum err
path_make_dir(int dir, const char *name, mode_t mode)
{
	struct stat st;

	if (mkdirat(dir, name, mode) == 0)
		return ERR_OK;
	if (errno != EEXIST)
		return err_from_errno(errno);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_from_errno(errno);
	return S_ISDIR(st.st_mode) ? ERR_OK : ERR_EXISTS;
}

enum err
path_sync_dir(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0)
		return err_from_errno(errno);
	if (fsync(fd) != 0)
		e = err_from_errno(errno);
	(void)close(fd);
	return e;
}

enum err
path_make_all(const char *path, mode_t mode)
{
	char part[PATH_BYTES];
	enum err e;
	size_t i;

	if (!slice_to_cstr(slice_str(path), part, sizeof(part)))
		return ERR_TOOBIG;
	for (i = 1; part[0] != '\0' && part[i] != '\0'; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		e = path_make_dir(AT_FDCWD, part, mode);
		/* A parent may be a link to a directory. */
		if (e != ERR_OK && e != ERR_EXISTS)
			return e;
		part[i] = '/';
	}
	return path_make_dir(AT_FDCWD, path, mode);
}
