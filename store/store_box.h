/* SPDX-License-Identifier: ISC */
/*
 * One mailbox's index within one kv transaction: finds messages by UID and by
 * position through the directory, appends, changes and removes rows, and
 * keeps the mailbox record's counters in step.  One page of each kind is held
 * at a time and written when another one is needed or at box_flush.
 *
 * ERR_CORRUPT when pages contradict each other; nothing in them is trusted.
 */
#ifndef STORE_BOX_H
#define STORE_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/kv.h"
#include "store/store_page.h"
#include "store/store_record.h"
#include "store/store_wide.h"

#define BOX_GONE_GROUP	1900	/* removed UIDs under one modseq: fit one store_changes */

struct box_dir {
	uint32_t		 first;		/* key of the directory page */
	uint32_t		 before;	/* messages in earlier pages */
	struct page_dir_sum	 sum;
};

struct box {
	struct kv_txn		*txn;
	uint64_t		 account;
	uint32_t		 id;
	bool			 is_dirty;	/* rec */
	struct record_mailbox	 rec;
	struct box_dir		*dirs;
	unsigned		 dir_n;
	unsigned		 dir_cap;
	bool			 has_dirs;
	/* held pages; -1 and 0: none */
	int			 dir_at;
	bool			 dir_dirty;
	struct page_dir		 dir;
	uint32_t		 hot_first;
	bool			 hot_dirty;
	struct page_hot		 hot;
	bool			 is_due;	/* sums of due_row, and of dir, are behind hot */
	unsigned		 due_row;
	struct wide		 wide;		/* of the hot page */
	bool			 wide_dirty;
	unsigned		 wide_parts;	/* records that it has in the index */
	uint32_t		 cold_first;
	bool			 cold_dirty;
	bool			 cold_is_tail;	/* no later page */
	struct page_cold	 cold;
	unsigned		 reads;		/* pages read: what an operation costs */
	/* removed rows on their way to 'Z' records */
	uint64_t		 gone_modseq;
	uint32_t		 gone_count;	/* under gone_modseq */
	uint16_t		 gone_part;
	struct page_gone	 gone;
};

/* A live message, or the end. */
struct box_pos {
	unsigned		 dir;
	unsigned		 row;
	unsigned		 idx;
	uint32_t		 before;	/* live messages before it */
	bool			 is_end;
	struct page_hot_row	 hot;
};

enum err	 box_open(struct box *, struct kv_txn *, uint64_t account, uint32_t id) MUST_USE;
/* A mailbox that was just made; rec is filled by the caller. */
void		 box_make(struct box *, struct kv_txn *, uint64_t account, uint32_t id);
void		 box_close(struct box *);
enum err	 box_flush(struct box *) MUST_USE;	/* write all that changed */

/* The first message with this UID or a higher one. */
enum err	 box_seek_uid(struct box *, uint32_t uid, struct box_pos *) MUST_USE;
/* The message with this many live ones before it. */
enum err	 box_seek_rank(struct box *, uint32_t before, struct box_pos *) MUST_USE;
enum err	 box_next(struct box *, struct box_pos *) MUST_USE;
/* Move on to the first page, from here on, that has a modseq above since. */
enum err	 box_skip_older(struct box *, struct box_pos *, uint64_t since) MUST_USE;
/* Live messages with a UID up to and including uid. */
enum err	 box_rank(struct box *, uint32_t uid, uint32_t *rank) MUST_USE;
/* Live messages before the first without \Seen; ERR_NOTFOUND. */
enum err	 box_first_unseen(struct box *, uint32_t *before) MUST_USE;
/* Sizes of those with \Deleted: goes through the hot pages. */
enum err	 box_deleted_bytes(struct box *, uint64_t *bytes) MUST_USE;
enum err	 box_cold(struct box *, uint32_t uid, struct page_cold_row *) MUST_USE;
/* Keywords from 24 on of a position just reached; returns how many bytes. */
unsigned	 box_more(const struct box *, const struct box_pos *,
		    unsigned char out[STORE_MORE_BYTES]);
uint32_t	 box_live(const struct box *);	/* rec.exists */

/* Write transactions only. */
enum err	 box_append(struct box *, const struct page_hot_row *, struct slice more,
		    const struct page_cold_row *) MUST_USE;
/* The position stays good. */
enum err	 box_set_flags(struct box *, struct box_pos *, const struct flagset *,
		    uint64_t modseq) MUST_USE;
/*
 * Removes a live message and keeps its row as vanished at modseq.  UIDs must
 * ascend within one modseq.  mark: enum page_gone_mark, or 0.  Positions are
 * void afterwards.
 */
enum err	 box_remove(struct box *, uint32_t uid, uint64_t modseq, uint64_t now_s,
		    uint32_t mark) MUST_USE;

#endif
