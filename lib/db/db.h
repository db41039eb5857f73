/* SPDX-License-Identifier: ISC */
/*
 * An ordered key-value file with transactions, over LMDB.  One environment is
 * one file pair (path and path-lock) owned by one process: open it after exec
 * and after confinement, never across fork.  Reads may run in any thread
 * beside one writer; a transaction stays in the thread that began it.
 *
 * What a read gives is borrowed until its transaction ends (in a write
 * transaction: until the next change).  A read transaction must not outlive
 * one bounded piece of work: it keeps the file from reusing pages.
 * Keys are 1 to DB_KEY_MAX bytes.  Values above 2,000 bytes cost a page of
 * their own.  No LMDB code escapes: ERR_FULL, ERR_NOTFOUND, ERR_CORRUPT,
 * ERR_VERSION, ERR_IO.  After a failed commit the caller must end the
 * process: what is on disk is then unknown.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define DB_KEY_MAX	511

struct db;
struct db_txn;

/* make */
/*
 * A new file is whole on disk before it has its name; that the name is on disk
 * too is the caller's: sync the directory before a commit is relied on.
 */
/* map_bytes 0: as large as the address space likes (1 TiB; 256 MiB on 32 bits). */
enum err	 db_open(struct db **, const char *path, size_t map_bytes) MUST_USE;
void		 db_close(struct db **);

/* transactions: end with commit or abort, both clear the pointer */
enum err	 db_begin(struct db *, bool write, struct db_txn **) MUST_USE;
enum err	 db_commit(struct db_txn **) MUST_USE;
void		 db_abort(struct db_txn **);
/* Park a read transaction (nothing borrowed survives) and take a new snapshot. */
void		 db_park(struct db_txn *);
enum err	 db_renew(struct db_txn *) MUST_USE;

/* use */
enum err	 db_get(struct db_txn *, struct slice key, struct slice *value) MUST_USE;
enum err	 db_put(struct db_txn *, struct slice key, struct slice value) MUST_USE;
enum err	 db_del(struct db_txn *, struct slice key) MUST_USE;	/* absent is OK */
enum db_dir { DB_CEIL, DB_FLOOR };
/* The nearest entry at or above (CEIL) or at or below (FLOOR) the key. */
enum err	 db_find(struct db_txn *, enum db_dir, struct slice key,
		    struct slice *found, struct slice *value) MUST_USE;
/* The neighbour of what the last db_find or db_step gave; ERR_NOTFOUND at the end. */
enum err	 db_step(struct db_txn *, enum db_dir, struct slice *found,
		    struct slice *value) MUST_USE;
/*
 * A page of [from, to): calls fn for at most max entries until it returns
 * false.  *resume (may be NULL) gets the first key not visited, with n 0 at
 * the end; it points into store, of DB_KEY_MAX bytes.
 */
typedef bool db_range_fn(void *arg, struct slice key, struct slice value);
enum err	 db_range(struct db_txn *, struct slice from, struct slice to, size_t max,
		    db_range_fn *, void *arg, char *store, struct slice *resume) MUST_USE;

/* upkeep */
void		 db_reader_check(struct db *);	/* at start and every minute */
struct db_stat {
	uint64_t	 entries;
	uint64_t	 used_bytes;	/* pages in use, free ones included */
	uint64_t	 free_bytes;	/* of these: pages that are used again */
	uint64_t	 map_bytes;
};
enum err	 db_stat(struct db *, struct db_stat *) MUST_USE;
/* Double the map; only between transactions of this process (32 bits). */
enum err	 db_grow(struct db *) MUST_USE;

#endif
