/* SPDX-License-Identifier: ISC */
/*
 * i;unicode-casemap (RFC 5051): the comparison of SEARCH, SORT and THREAD
 * (RFC 5255 s4.2, I18NLEVEL=1).  Two texts are equal, ordered, or one in the
 * other, when that holds byte by byte for what imap_casemap makes of them.
 * Pure.  At most IMAP_CASEMAP_GROWTH bytes come of one.
 */
#ifndef IMAP_CASEMAP_H
#define IMAP_CASEMAP_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define IMAP_CASEMAP_GROWTH	12u	/* U+FDFA: 3 bytes become 33 */

/* Appends the titlecased canonicalized form; bytes that are no UTF-8 as they are. */
void	 imap_casemap(struct buf *, struct slice utf8);

#endif
