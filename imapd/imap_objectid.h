/* SPDX-License-Identifier: ISC */
/*
 * Object identifiers on the wire (RFC 8474 s4): a letter for the kind and 13
 * digits of Crockford base32, in capitals, of the store's u64.
 */
#ifndef IMAP_OBJECTID_H
#define IMAP_OBJECTID_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum imap_objectid {
	IMAP_EMAILID = 'M',		/* a content id */
	IMAP_THREADID = 'T',
	IMAP_MAILBOXID = 'F'
};

void	 imap_objectid_put(struct buf *, enum imap_objectid, uint64_t id);
void	 imap_objectid_put_mailbox(struct buf *, uint64_t id);	/* "MAILBOXID (F..)" */
/* false: well-formed or not, there is no such object. */
bool	 imap_objectid_get(struct slice, enum imap_objectid, uint64_t *id);
/* RFC 8474 s7: 1*255(ALPHA / DIGIT / "_" / "-"). */
bool	 imap_objectid_is_legal(struct slice);

#endif
