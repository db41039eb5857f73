/* SPDX-License-Identifier: ISC */
/*
 * A directory for one test, and files in it by name.  Everything fails the
 * test when it fails.
 */
#ifndef SPOOL_DIR_H
#define SPOOL_DIR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct spool_dir {
	char	path[64];
	int	fd;
};

void	 spool_dir_make(struct spool_dir *);
void	 spool_dir_open(struct spool_dir *, const char *path);	/* it is there */
void	 spool_dir_remove(struct spool_dir *);	/* and all in it */
void	 spool_dir_empty(struct spool_dir *);
unsigned spool_dir_count(struct spool_dir *, const char *prefix);
void	 spool_dir_read(struct spool_dir *, const char *name, struct buf *);
void	 spool_dir_write(struct spool_dir *, const char *name, const void *, size_t);

#endif
