/* SPDX-License-Identifier: ISC */
/*
 * Looks for bytes above 127 in the header fields of a message that comes in
 * pieces: a client that did not say ENABLE UTF8=ACCEPT may not bring one (RFC
 * 9755 s4).  The header ends with its first empty line.
 */
#ifndef IMAP_HEADER8_H
#define IMAP_HEADER8_H

#include <stdbool.h>

#include "lib/base/slice.h"

/* All zero to start with. */
struct imap_header8 {
	bool	 in_line;	/* something stands in this line */
	bool	 over;		/* the rest is the body */
	bool	 found;
};

void	 imap_header8_feed(struct imap_header8 *, struct slice);

#endif
