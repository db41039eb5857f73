/* SPDX-License-Identifier: ISC */
/*
 * gwstore repair: nothing may run; see store_salvage.h and store_repair.h for
 * what it does.  The index files are read in a child of its own, confined
 * before it opens one.
 */
#ifndef GWSTORE_REPAIR_H
#define GWSTORE_REPAIR_H

/* Returns the exit code; tells on standard output and error. */
int	 gwstore_repair(const char *config_dir);

#endif
