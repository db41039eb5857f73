/* SPDX-License-Identifier: ISC */
/*
 * A lookup table on disk: an LMDB file that is written once, under a
 * temporary name, and never changed; at its end stand 64 bytes: magic,
 * format, kind, count of rows, bytes before them, BLAKE2b-256 of everything.
 * A reader checks that first, so damage is found before LMDB meets it.
 * Blocking; for the pool, one thread at a time for each file.
 *
 * A crash leaves the old file or the new one whole, and maybe a temporary
 * one, which queue_map_file_clean removes.  Limits: ERR_LIMIT.
 */
#ifndef QUEUE_MAP_FILE_H
#define QUEUE_MAP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define QUEUE_MAP_KEY_MAX	400u
#define QUEUE_MAP_VALUE_MAX	49152u
#define QUEUE_MAP_ROWS_MAX	1000000u
#define QUEUE_MAP_BYTES_MAX	(256u << 20)

struct db;

/* What the keys and values were read as. */
enum queue_map_kind { QUEUE_MAP_TABLE = 1, QUEUE_MAP_ALIASES = 2 };

/* Where tables are: a descriptor, and its path for LMDB. */
struct queue_map_dir {
	int		 fd;
	const char	*path;
};

struct queue_map_limits {
	uint64_t	 rows;
	uint64_t	 bytes;
};
extern const struct queue_map_limits queue_map_limits_default;

struct queue_map_head {
	enum queue_map_kind kind;
	uint64_t	 rows;
};

/* ---- a table that is being made ---- */
struct queue_map_new;
/* file: its final name.  ERR_FULL, ERR_IO. */
enum err	 queue_map_new_open(struct queue_map_new **, const struct queue_map_dir *,
		    const char *file, enum queue_map_kind,
		    const struct queue_map_limits *) MUST_USE;
/* All rows of another. */
enum err	 queue_map_new_copy(struct queue_map_new *, struct db *from) MUST_USE;
/*
 * Keys and values in turn, each with a NUL behind it.  A key that is there
 * keeps its value unless replace is set; the position of such a row is
 * appended to dups ("3 ").  ERR_SYNTAX: not rows.
 */
enum err	 queue_map_new_put(struct queue_map_new *, struct slice rows, bool replace,
		    struct buf *dups) MUST_USE;
/* Keys; how many there were. */
enum err	 queue_map_new_del(struct queue_map_new *, struct slice keys,
		    uint64_t *count) MUST_USE;
/* Complete and on disk, under its temporary name; nothing more goes in. */
enum err	 queue_map_new_finish(struct queue_map_new *, struct queue_map_head *) MUST_USE;
/* Takes the place of the old one, on disk when this returns. */
enum err	 queue_map_new_name(struct queue_map_new *) MUST_USE;
/* What has no name yet is removed. */
void		 queue_map_new_free(struct queue_map_new **);

/* ---- a finished one ---- */
/*
 * ERR_NOTFOUND; ERR_CORRUPT; ERR_VERSION: of a later version.  checks: read
 * all of it, else only its end.
 */
enum err	 queue_map_file_open(struct db **, const struct queue_map_dir *,
		    const char *file, bool checks, struct queue_map_head *) MUST_USE;
/* The lock file goes with it. */
void		 queue_map_file_close(struct db **, const struct queue_map_dir *,
		    const char *file);

/* Remove what a crash left. */
void		 queue_map_file_clean(const struct queue_map_dir *);

#endif
