/* SPDX-License-Identifier: ISC */
/*
 * The first part of gwstore repair: index files that are missing or damaged
 * are made again with what can be read of them (lib/db/db_salvage.h), in the
 * current directory.  What was there is kept beside as index.N.damaged-K and
 * never changed.  A file that was made again has a mark (store_check.h) until
 * repair is through (store_repair.h); the store does not start with one.
 *
 * The journal has what the last checkpoint did not bring into the files, and
 * what it brought lately: a file that was made again notes the batch in front
 * of all these, so that the next opening plays them again.
 */
#ifndef STORE_SALVAGE_H
#define STORE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/kv.h"

struct salvage {
	unsigned	 default_shards;	/* when no file says how many there were */
	struct buf	*out;			/* a line for each file that is made again */
	unsigned	 shards;		/* of this store */
	unsigned	 made;			/* files made again */
	uint64_t	 entries;		/* brought over */
};

/* ERR_NOTFOUND: there is no store at all.  why gets a sentence. */
enum err	 salvage_run(struct salvage *, struct buf *why) MUST_USE;

#endif
