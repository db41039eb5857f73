/* SPDX-License-Identifier: ISC */
#include "lib/sys/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/fd.h"

#define SIZE_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW)
/* What is mapped writable before stays so; no other mapping, nor write(2). */
#define SEALS		(SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static enum err
map(int fd, size_t bytes, int access, void **mem)
{
	*mem = mmap(NULL, bytes, access, MAP_SHARED, fd, 0);
	if (*mem != MAP_FAILED)
		return ERR_OK;
	*mem = NULL;
	return err_from_errno(errno);
}

enum err
window_make(const char *name, size_t bytes, int *fd, unsigned char **mem)
{
	void *at = NULL;
	enum err e = fd_memfd_make(name, fd);

	*mem = NULL;
	if (e != ERR_OK)
		return e;
	if (ftruncate(*fd, (off_t)bytes) != 0 || fcntl(*fd, F_ADD_SEALS, SIZE_SEALS) != 0)
		e = err_from_errno(errno);
	if (e == ERR_OK)
		e = map(*fd, bytes, PROT_READ | PROT_WRITE, &at);
	if (e == ERR_OK && fcntl(*fd, F_ADD_SEALS, SEALS) != 0) {
		e = err_from_errno(errno);
		(void)munmap(at, bytes);
		at = NULL;
	}
	if (e != ERR_OK)
		fd_close(fd);
	*mem = at;
	return e;
}

enum err
window_open(int fd, size_t bytes, const unsigned char **mem)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;
	enum err e;

	*mem = NULL;
	/* Only memfds and their kind have seals at all. */
	if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS)
		return ERR_VIOLATION;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
		return ERR_VIOLATION;
	e = map(fd, bytes, PROT_READ, &at);
	*mem = at;
	return e;
}

void
window_close(const unsigned char **mem, size_t bytes)
{
	if (*mem != NULL)
		(void)munmap((void *)(uintptr_t)*mem, bytes);
	*mem = NULL;
}
