/* SPDX-License-Identifier: ISC */
/*
 * What a client wants to hear of the messages found: result options of SEARCH
 * and SORT (RFC 4731, RFC 5182, RFC 5267, RFC 9394) and the response made
 * from them: ESEARCH, or SEARCH and SORT in their old form.  Pure.
 */
#ifndef IMAP_RETURN_H
#define IMAP_RETURN_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_found.h"
#include "imapd/imap_parser.h"
#include "lib/base/buf.h"

enum imap_return_opt {
	IMAP_RETURN_MIN = 1, IMAP_RETURN_MAX = 2, IMAP_RETURN_ALL = 4,
	IMAP_RETURN_COUNT = 8, IMAP_RETURN_SAVE = 16, IMAP_RETURN_PARTIAL = 32,
	/* RFC 5267 s4.2, a hint that nothing is made of; s4.3, imap_follow.h */
	IMAP_RETURN_CONTEXT = 64, IMAP_RETURN_UPDATE = 128
};

/* partial-range of RFC 9394 s4: "1:100", or "-1:-100" counted from the end. */
struct imap_window { uint32_t first, last; bool from_end; };

struct imap_return {
	bool			 is_given;	/* RETURN (...) */
	unsigned		 opts;		/* enum imap_return_opt bits */
	struct imap_window	 window;
	struct slice		 fetch;		/* of UPDATE: "(" fetch-att ... ")"; borrowed */
	bool			 fetch_is_rev1;	/* with RFC822 or the like */
};

/* parse */
/* After SP: ["RETURN" SP "(" [option *(SP option)] ")" SP] */
void	 imap_return_parse(struct imap_parser *, struct imap_return *);
void	 imap_window_parse(struct imap_parser *, struct imap_window *);
/* Which of count messages lie in the window: [*from, *to). */
void	 imap_window_cut(const struct imap_window *, uint32_t count, uint32_t *from,
	    uint32_t *to);

/* answer */
struct imap_asked {
	struct slice		 tag;
	bool			 uid;		/* UIDs, not sequence numbers */
	bool			 sorted;	/* SORT: the order means something */
	bool			 has_modseq;	/* RFC 7162 s3.1.5: it was searched for */
	bool			 extended;	/* ESEARCH although there was no RETURN */
	struct slice		 where;		/* more correlators (RFC 7377 s2.1), behind a space */
};
/* The whole untagged response, or nothing when only SAVE is wanted. */
void	 imap_return_put(struct buf *, const struct imap_return *, const struct imap_asked *,
	    const struct imap_found *);
/* RFC 5182 s2.4, RFC 9394 s3.2: what SAVE keeps, as pairs of UIDs. */
void	 imap_return_put_saved(struct buf *, const struct imap_return *,
	    const struct imap_found *);

#endif
