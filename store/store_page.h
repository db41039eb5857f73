/* SPDX-License-Identifier: ISC */
/*
 * The index pages of a mailbox: pure code between byte arrays (kv values) and
 * structs.  A message has one row in a hot page (what changes) and one in a
 * cold page (what does not); a directory page has one row for each hot page.
 * Rows ascend by UID and are only ever appended or removed, so a page keeps
 * the key it got from its first UID, and pages never split.
 *
 * Stored bytes may be damaged: a read gives ERR_CORRUPT for any page whose
 * length, counts or order are wrong, and never reads past the value.
 */
#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/store_proto.h"

#define PAGE_BYTES_MAX	2000
#define PAGE_DIR_ROWS	120
#define PAGE_HOT_ROWS	160
#define PAGE_COLD_ROWS	40
#define PAGE_GONE_ROWS	36

struct page_bytes {
	size_t		 n;
	unsigned char	 b[PAGE_BYTES_MAX];
};
struct slice	 page_slice(const struct page_bytes *);

struct page_hot_row {
	uint32_t	 uid;
	uint32_t	 flags;		/* 0-7 system, 8-31 keywords of the mailbox */
	uint64_t	 modseq;
};
struct page_hot {
	uint16_t		 n;
	uint16_t		 wide;	/* columns beside the page, see store_wide.h */
	struct page_hot_row	 rows[PAGE_HOT_ROWS];
};

struct page_cold_row {
	uint32_t	 uid;
	uint32_t	 size;
	uint64_t	 content;
	uint64_t	 thread;
	uint64_t	 internal_s;
	uint64_t	 saved_s;
	uint64_t	 created;	/* modseq */
};
struct page_cold {
	uint16_t		 n;
	struct page_cold_row	 rows[PAGE_COLD_ROWS];
};

struct page_dir_row {
	uint32_t	 first;		/* key of the hot page: no lower UID is in it */
	uint16_t	 count;
	uint16_t	 unseen;
	uint64_t	 max_modseq;
};
struct page_dir {
	uint16_t		 n;
	struct page_dir_row	 rows[PAGE_DIR_ROWS];
};
/* The sums that stand in front of a directory page. */
struct page_dir_sum {
	uint32_t	 count;
	uint32_t	 unseen;
	uint64_t	 max_modseq;
};

/* Messages that one transaction removed.  Marks stand among their flags. */
enum page_gone_mark {
	PAGE_GONE_MOVED = 32,		/* it is elsewhere now */
	PAGE_GONE_RESTORED = 64,	/* brought back already */
	PAGE_GONE_MARKS = 96
};
struct page_gone_row {
	struct page_cold_row	 cold;
	uint32_t		 flags;
};
struct page_gone_more {			/* keywords from 24 on */
	uint8_t			 n;
	unsigned char		 b[STORE_MORE_BYTES];
};
struct page_gone {
	uint16_t		 n;
	bool			 is_wide;	/* some row has more */
	uint64_t		 gone_s;	/* when */
	struct page_gone_row	 rows[PAGE_GONE_ROWS];
	struct page_gone_more	 more[PAGE_GONE_ROWS];	/* only when is_wide */
};

enum err	 page_hot_read(struct page_hot *, struct slice) MUST_USE;
void		 page_hot_put(const struct page_hot *, struct page_bytes *);
enum err	 page_cold_read(struct page_cold *, struct slice) MUST_USE;
void		 page_cold_put(const struct page_cold *, struct page_bytes *);
enum err	 page_dir_read(struct page_dir *, struct slice) MUST_USE;
enum err	 page_dir_read_sum(struct page_dir_sum *, struct slice) MUST_USE;
void		 page_dir_put(const struct page_dir *, struct page_bytes *);
enum err	 page_gone_read(struct page_gone *, struct slice) MUST_USE;
void		 page_gone_put(const struct page_gone *, struct page_bytes *);

/* Index of the first row with this UID or a higher one; n: none. */
unsigned	 page_hot_at(const struct page_hot *, uint32_t uid);
unsigned	 page_cold_at(const struct page_cold *, uint32_t uid);
/* Index of the directory row whose page may hold the UID; n when it is below all. */
unsigned	 page_dir_at(const struct page_dir *, uint32_t uid);

/* False when the page is full or the UID does not ascend. */
bool		 page_hot_append(struct page_hot *, const struct page_hot_row *);
bool		 page_cold_append(struct page_cold *, const struct page_cold_row *);
bool		 page_dir_append(struct page_dir *, const struct page_dir_row *);
/* False when the page has no room for it. */
bool		 page_gone_append(struct page_gone *, const struct page_gone_row *,
		    struct slice more);
struct slice	 page_gone_more(const struct page_gone *, unsigned idx);
void		 page_hot_remove(struct page_hot *, unsigned idx);
void		 page_cold_remove(struct page_cold *, unsigned idx);
void		 page_dir_remove(struct page_dir *, unsigned idx);

/* What a directory row says of its page. */
void		 page_dir_row_of(struct page_dir_row *, uint32_t first, const struct page_hot *);
void		 page_dir_sum(const struct page_dir *, struct page_dir_sum *);

#endif
