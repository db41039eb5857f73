/* SPDX-License-Identifier: ISC */
/*
 * Files below a directory descriptor, for the sources.  Symbolic links are
 * not followed.
 */
#ifndef FILE_READ_H
#define FILE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define FILE_READ_HEADER_MAX	65536	/* where a Message-ID is looked for */

/* What is no regular file is ERR_UNSUPPORTED. */
enum err	 file_read_open(int dir, const char *path, int *fd, uint64_t *bytes,
		    int64_t *mtime_s) MUST_USE;
/* All of it, up to the cap of the buf. */
enum err	 file_read_all(int dir, const char *path, struct buf *) MUST_USE;
enum err	 file_read_bytes(int fd, uint64_t *bytes) MUST_USE;	/* its length now */
bool		 file_read_is_dir(int dir, const char *path);

/* The names in a directory but "." and "..", in no order. */
typedef enum err file_read_name_fn(void *arg, const char *name);
enum err	 file_read_names(int dir, const char *path, file_read_name_fn *, void *arg) MUST_USE;

#endif
