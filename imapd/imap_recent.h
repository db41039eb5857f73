/* SPDX-License-Identifier: ISC */
/*
 * The UIDs that are \Recent in one session (RFC 3501 s2.3.2): a few ranges
 * in ascending order.  Over IMAP_RECENT_MAX ranges the last two merge, which
 * may show a message as recent in two sessions: the RFC allows it.
 */
#ifndef IMAP_RECENT_H
#define IMAP_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#define IMAP_RECENT_MAX	32

struct imap_recent {
	uint32_t	*pairs;		/* first, last */
	uint32_t	 pair_count;
	uint32_t	 count;		/* messages, as the client was told */
};

void	 imap_recent_fini(struct imap_recent *);
void	 imap_recent_add(struct imap_recent *, uint32_t first, uint32_t last);
bool	 imap_recent_has(const struct imap_recent *, uint32_t uid);

#endif
