/* SPDX-License-Identifier: ISC */
/*
 * Searches that a client follows: UPDATE (RFC 5267 s4.3).  Pure.  Kept of each
 * are its tag, the text of the search as it came, what "$" and sequence numbers
 * meant then, and which messages the client has in its result: nothing else
 * tells whether one that changed or went was there.  At most IMAP_CONTEXTS_MAX in
 * a session and IMAP_CONTEXT_BYTES_MAX for all together; what a session without
 * UPDATE keeps is a NULL.  They belong to the view and go with it.
 *
 * imap_update.h finds out what changed and makes these calls.
 */
#ifndef IMAP_CONTEXT_H
#define IMAP_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_found.h"
#include "imapd/imap_parser.h"
#include "imapd/imap_results.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define IMAP_CONTEXTS_MAX	4
#define IMAP_CONTEXT_BYTES_MAX	32768u

struct imap_context {
	struct imap_context	*next;
	char			 tag[IMAP_TAG_MAX];
	size_t			 tag_bytes;
	bool			 uid;		/* UIDs are told, not sequence numbers */
	struct slice		 text;		/* own: what stood behind RETURN (...) */
	struct slice		 saved;		/* own: "$", pairs of UIDs */
	struct slice		 where;		/* own: more correlators of ESEARCH */
	struct slice		 fetch;		/* own: what is told of messages that come; or empty */
	uint32_t		 uidnext;	/* those from here came since it was looked at */
	uint64_t		 seen;		/* changes up to this modseq were looked at */
	struct imap_results	 results;	/* its sorted: by SORT */
};

/* What is to be followed. */
struct imap_context_new {
	struct slice		 tag, text, saved, where, fetch;
	bool			 uid, sorted;
	uint64_t		 seen;
	uint32_t		 uidnext;	/* of the view */
};

/* ---- the list ---- */

struct imap_context	*imap_context_find(struct imap_context *, struct slice tag);
/* LIMIT: too many, or too much. */
enum err		 imap_context_add(struct imap_context **, const struct imap_context_new *,
			    const struct imap_found *) MUST_USE;
/* false: there is none with this tag. */
bool			 imap_context_cancel(struct imap_context **, struct slice tag);
void			 imap_context_free_all(struct imap_context **);
/* The results grew: is all together more than may be? */
bool			 imap_context_is_over(const struct imap_context *);

/* ---- changes: each puts its response, if there is something to tell ---- */

/* UIDs that left the view: pairs (UID, sequence number when those before it in
   the list are gone, too), ascending. */
void			 imap_context_expunged(struct imap_context *, struct slice pairs,
			    struct buf *out);
/* Those that came to match or no longer do; in the order of the view.  In of a
   sorted one is not looked at: imap_context_order tells it. */
void			 imap_context_change(struct imap_context *, const struct imap_found *in,
			    const struct imap_found *gone, struct buf *out);
/* The answer as it is now, sorted; false: nobody can say how it became so. */
bool			 imap_context_order(struct imap_context *, const struct imap_found *now,
			    struct buf *out) MUST_USE;

/* "* NO [NOUPDATE "x"] why" (RFC 5267 s4.3.1). */
void			 imap_context_put_refusal(struct buf *, struct slice tag, const char *why);
static inline struct slice
imap_context_tag(const struct imap_context *x)
{
	return slice_of(x->tag, x->tag_bytes);
}

#endif
