/* SPDX-License-Identifier: ISC */
/*
 * Sets of sequence numbers and UIDs (RFC 3501 s9, sequence-set) in the form
 * that the store takes: sorted, merged u32 pairs (first, last), little-endian,
 * "*" as STORE_STAR.  At most STORE_SET_MAX pairs after merging.
 */
#ifndef IMAP_SEQSET_H
#define IMAP_SEQSET_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct imap_range { uint32_t first, last; };

/* SYNTAX: not a set; LIMIT: too many ranges.  *pairs lies in the arena. */
enum err	 imap_seqset_parse(struct slice text, struct arena *, struct slice *pairs) MUST_USE;
/*
 * sequence-set of the grammar, or "$" (RFC 5182 s2.4): then pairs are UIDs, and
 * the parser's took_saved is set.
 */
void		 imap_seqset_read(struct imap_parser *, struct slice *pairs);
/* One range, or nothing when it ends before it begins. */
struct slice	 imap_seqset_range(struct imap_parser *, uint32_t first, uint32_t last);
/* No number but "*" is above exists: RFC 3501 s9, seq-number. */
bool		 imap_seqset_fits(struct slice pairs, uint32_t exists);
/*
 * The ranges of pairs with "*" standing for top: n:* counts down when n is
 * above top (RFC 3501 s9, seq-range).
 */
bool		 imap_seqset_has(struct slice pairs, uint32_t n, uint32_t top);
/* Largest number named; STORE_STAR for "*"; 0 when empty. */
uint32_t	 imap_seqset_max(struct slice pairs);
/* One more range at the end, whatever is there. */
void		 imap_seqset_put_pair(struct buf *pairs, uint32_t first, uint32_t last);
/* Grow pairs by a number above all that are in. */
void		 imap_seqset_add(struct buf *pairs, uint32_t n);
/* "1:3,5" of pairs that hold no "*". */
void		 imap_seqset_put(struct buf *, struct slice pairs);
/* Grow a list of numbers given in ascending order: "1:3,5". */
struct imap_run { uint32_t first, last; bool any; };
void		 imap_seqset_run_add(struct buf *, struct imap_run *, uint32_t n);
void		 imap_seqset_run_end(struct buf *, struct imap_run *);

#endif
