/* SPDX-License-Identifier: ISC */
/*
 * Keywords beyond the 24 that a row of a hot page holds: pure code.  A wide
 * page has one column for each such keyword that any of its rows has, a bit
 * for each row; a narrow page has none and costs nothing.  Columns stand in
 * records of their own beside the page (WIDE_PART_COLUMNS in each) and are
 * written only when they change.
 *
 * struct flagset is one row's flags: system bits and keywords 0-23, and the
 * keywords from 24 on as bytes, as short as they can be (lib/ipc/store.msg).
 */
#ifndef STORE_WIDE_H
#define STORE_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/store_proto.h"
#include "store/store_page.h"

#define WIDE_PART_COLUMNS	90
#define WIDE_COLUMNS_MAX	(STORE_KEYWORDS_MAX - STORE_KEYWORD_COUNT)

struct flagset {
	uint32_t	 bits;
	uint8_t		 n;
	unsigned char	 more[STORE_MORE_BYTES];
};
struct flagset	 flagset_of(uint32_t bits, struct slice more);
struct slice	 flagset_more(const struct flagset *);
/* keyword: from 0 on, below STORE_KEYWORDS_MAX. */
void		 flagset_add(struct flagset *, unsigned keyword);
bool		 flagset_has(const struct flagset *, unsigned keyword);
bool		 flagset_eq(const struct flagset *, const struct flagset *);
void		 flagset_join(struct flagset *, const struct flagset *);
void		 flagset_drop(struct flagset *, const struct flagset *);

struct wide_column {
	uint16_t	 keyword;	/* from 24 on */
	unsigned char	 rows[PAGE_HOT_ROWS / 8];
};
struct wide {
	struct wide_column	*v;	/* by keyword */
	unsigned		 n;
	unsigned		 cap;
};

void		 wide_fini(struct wide *);
unsigned	 wide_part_count(unsigned columns);
/* Adds the columns of the next part; rows: of the page.  ERR_CORRUPT. */
enum err	 wide_read(struct wide *, struct slice part, unsigned rows) MUST_USE;
void		 wide_put(const struct wide *, unsigned part, struct page_bytes *);

/* A row's keywords from 24 on; returns how many bytes of out. */
unsigned	 wide_row(const struct wide *, unsigned row, unsigned char out[STORE_MORE_BYTES]);
/* True when that changed something. */
bool		 wide_set_row(struct wide *, unsigned row, struct slice more);
/* The row goes, those behind it move up. */
void		 wide_remove_row(struct wide *, unsigned row);

#endif
