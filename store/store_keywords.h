/* SPDX-License-Identifier: ISC */
/*
 * The keywords of a mailbox: their names, NUL-terminated, in the order of
 * their numbers, never removed while the mailbox lives.  At most
 * STORE_KEYWORDS_MAX names and STORE_KEYWORD_BYTES_MAX bytes; the bytes are cut
 * into records of KEYWORDS_PART_BYTES, so that most mailboxes have one.
 */
#ifndef STORE_KEYWORDS_H
#define STORE_KEYWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/store_proto.h"
#include "store/store_op.h"
#include "store/store_wide.h"

#define KEYWORDS_PART_BYTES	1900
#define KEYWORDS_GIVEN_MAX	200	/* names in one request */
#define KEYWORD_MAX		100

/* Names as they came: atoms of at most KEYWORD_MAX bytes.  ERR_VIOLATION, ERR_LIMIT. */
enum err	 keywords_check(struct slice names) MUST_USE;
/* The names of a mailbox; empty when there are none. */
enum err	 keywords_load(struct op *, uint32_t mailbox, struct buf *) MUST_USE;
/* The names but the first n. */
struct slice	 keywords_from(struct slice all, uint32_t n);

/* The names of a mailbox, to find numbers and to add some. */
struct keywords {
	uint32_t	 mailbox;
	unsigned	 count;
	struct buf	 names;
	size_t		 saved;		/* bytes that are in the index */
};
/* To be closed even when it fails. */
enum err	 keywords_open(struct op *, uint32_t mailbox, struct keywords *) MUST_USE;
void		 keywords_close(struct keywords *);
/*
 * Joins the names into f; unknown ones are added or left out.  ERR_LIMIT when
 * there is no place left.
 */
enum err	 keywords_join(struct keywords *, struct slice names, bool add,
		    struct flagset *f) MUST_USE;
/* Write transactions: what was added. */
void		 keywords_save(struct op *, struct keywords *);
/* The three in one: f gets the names' flags. */
enum err	 keywords_flags(struct op *, uint32_t mailbox, struct slice names, bool add,
		    struct flagset *f) MUST_USE;

/* The flags of one mailbox as those of another; flags that are not used stay unknown. */
struct keywords_map {
	uint16_t	 to[STORE_KEYWORDS_MAX];	/* number + 1; 0: left behind */
};
/* used: of the rows to come.  A keyword that finds no place is left behind. */
enum err	 keywords_map_make(struct op *, uint32_t from, uint32_t to,
		    const struct flagset *used, struct keywords_map *) MUST_USE;
struct flagset	 keywords_map_flags(const struct keywords_map *, const struct flagset *);

#endif
