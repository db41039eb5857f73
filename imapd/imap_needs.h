/* SPDX-License-Identifier: ISC */
/*
 * What the items of a FETCH need of each message before they can be told:
 * the summary alone, or the message itself, and how much of it.
 */
#ifndef IMAP_NEEDS_H
#define IMAP_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_items.h"
#include "imapd/imap_message.h"

/* enum imap_need bits. */
unsigned	 imap_needs_of(struct imap_message *, const struct imap_items *);
/* The fields of a HEADER.FIELDS item, if all stand in the summary. */
bool		 imap_needs_fields(struct imap_message *, const struct imap_item *,
		    struct slice *header);
/* How much of each body to have sent ahead; 0: none. */
uint32_t	 imap_needs_first_bytes(const struct imap_items *);

#endif
