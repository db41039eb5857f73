/* SPDX-License-Identifier: ISC */
/*
 * Names below a directory descriptor.  Nothing here follows a symbolic link
 * or leaves the directory (openat2 RESOLVE_BENEATH; on kernels without it
 * names with a slash are refused).
 */
#ifndef PATH_H
#define PATH_H

#include <sys/types.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

/* flags and mode as open(2); close-on-exec is added. */
enum err	 path_open(int dir, const char *name, int flags, mode_t mode,
		    int *fd) MUST_USE;
/* A directory, for use as dir: O_PATH. */
enum err	 path_open_dir(int dir, const char *name, int *fd) MUST_USE;
/* Make it unless it exists. */
enum err	 path_make_dir(int dir, const char *name, mode_t mode) MUST_USE;
/* Make the names in it durable; works on O_PATH descriptors. */
enum err	 path_sync_dir(int dir) MUST_USE;
/* Every directory of an absolute path that is not there yet. */
enum err	 path_make_all(const char *path, mode_t mode) MUST_USE;

#endif
