/* SPDX-License-Identifier: ISC */
/*
 * Reads what can be read of a damaged file that db.h made, without LMDB,
 * which trusts what it maps: here every page number, offset and length is
 * checked, nothing is written, and no file can bring down the reader.  The
 * file must not be in use.
 *
 * Entries come from the newest tree that the file names; what hangs on a page
 * that is damaged is left out.  A file without faults is whole: both headers,
 * every page of both trees, the order of the keys, the number of entries, and
 * no page is free and in use at the same time.  (A bit that flipped inside a
 * value cannot be seen here: LMDB has no checksums.)  Layout: LMDB 0.9, data
 * version 1, of the machine that runs this.
 */
#ifndef DB_SALVAGE_H
#define DB_SALVAGE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct db_salvage {
	uint64_t	 entries;
	uint64_t	 pages;		/* read */
	uint64_t	 faults;
};

/* Keys of 1 to DB_KEY_MAX bytes; borrowed for the call. */
typedef void db_salvage_fn(void *arg, struct slice key, struct slice value);

/* ERR_NOTFOUND: no file; ERR_CORRUPT: no tree at all; else look at the faults. */
enum err	 db_salvage(const char *path, db_salvage_fn *, void *arg,
		    struct db_salvage *) MUST_USE;

#endif
