/* SPDX-License-Identifier: ISC */
/*
 * SORT (RFC 5256, RFC 5957): the criteria, and an order made from keys.  The
 * key of a message is a byte string that compares like all criteria together;
 * the sequence number decides what they leave open.  Pure.  Keys of one
 * command take at most max_bytes, beyond that is_full and it is refused.
 */
#ifndef IMAP_SORT_H
#define IMAP_SORT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_entry.h"
#include "imapd/imap_found.h"
#include "imapd/imap_judge.h"
#include "imapd/imap_parser.h"

#define IMAP_SORT_CRITERIA_MAX	20
#define IMAP_SORT_BYTES_MAX	(64u << 20)	/* of keys, of one command */

enum imap_sort_key {
	IMAP_SORT_ARRIVAL, IMAP_SORT_CC, IMAP_SORT_DATE, IMAP_SORT_DISPLAYFROM,
	IMAP_SORT_DISPLAYTO, IMAP_SORT_FROM, IMAP_SORT_SIZE, IMAP_SORT_SUBJECT,
	IMAP_SORT_TO
};

struct imap_sort_criterion { enum imap_sort_key key; bool reverse; };

struct imap_sort {
	struct imap_sort_criterion v[IMAP_SORT_CRITERIA_MAX];
	unsigned	 count;
	bool		 wants_entry;	/* some criterion needs the header */
};

/* "(" sort-criterion *(SP sort-criterion) ")" */
void	 imap_sort_parse(struct imap_parser *, struct imap_sort *);

struct imap_sort_item { uint64_t head; uint32_t off, bytes, uid, seq; };
struct imap_sorter {
	const struct imap_sort	*by;
	struct imap_sort_item	*v;
	uint32_t		 count, cap;
	struct buf		 keys;
	bool			 is_full;
};

void	 imap_sorter_init(struct imap_sorter *, const struct imap_sort *, size_t max_bytes);
void	 imap_sorter_fini(struct imap_sorter *);
/* entry may be NULL unless wants_entry. */
void	 imap_sorter_add(struct imap_sorter *, const struct imap_search_facts *,
	    const struct imap_entry *);
/* In order into found; the keys are no longer needed. */
void	 imap_sorter_end(struct imap_sorter *, struct imap_found *);

#endif
