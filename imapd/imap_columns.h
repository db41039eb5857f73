/* SPDX-License-Identifier: ISC */
/*
 * Reads the column blocks of the selected mailbox in order: which are wanted
 * is told ahead, so that the store and keyd work while earlier ones are looked
 * at.  At most IMAP_COLUMNS_PAGES answers are in memory.  Blocks are a cache:
 * whatever goes wrong with them is as if they did not exist.
 *
 * Owned by one command, level-triggered like imap_walk.
 */
#ifndef IMAP_COLUMNS_H
#define IMAP_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_column.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_walk.h"
#include "lib/base/list.h"

#define IMAP_COLUMNS_PAGES	4

struct imap_columns {
	struct imap_cmd		*c;
	struct imap_walk_at	 at;
	enum imap_column_kind	 kind;
	struct seal_reader	*reader;
	struct list		 pages;
	unsigned		 page_count;
	struct buf		 runs;		/* u32 pairs: blocks wanted, not yet asked for */
	uint32_t		 run_last;	/* of the request under way */
	uint32_t		 answered;	/* of wanted blocks below this all is known */
	bool			 asked;
	bool			 is_broken;	/* nothing more can be had */
	bool			 has_block;	/* plain is that of block */
	uint32_t		 block;
	struct buf		 plain;
	struct imap_column	 column;
};

void		 imap_columns_init(struct imap_columns *, struct imap_cmd *,
			    const struct imap_walk_at *, enum imap_column_kind);
void		 imap_columns_fini(struct imap_columns *);
/* Messages will be looked for; UIDs rise from call to call. */
void		 imap_columns_want(struct imap_columns *, uint32_t uid);
void		 imap_columns_ask(struct imap_columns *);	/* after some of these */
/*
 * What is known of a message that was wanted; UIDs rise.  ERR_AGAIN: wait.
 * ERR_NOTFOUND: no entry.  The entry is valid until the next call.
 */
enum err	 imap_columns_find(struct imap_columns *, uint32_t uid, struct slice *) MUST_USE;
enum err	 imap_columns_entry(struct imap_columns *, uint32_t uid,
		    struct imap_entry *) MUST_USE;
/* Nothing more is looked for; answers under way may still come. */
void		 imap_columns_close(struct imap_columns *);
/* The plain block that the last UID looked for lies in; empty: none. */
struct slice	 imap_columns_plain(const struct imap_columns *);

#endif
