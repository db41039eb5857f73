/* SPDX-License-Identifier: ISC */
/* The special uses of mailboxes (RFC 6154 s2) by name. */
#ifndef IMAP_SPECIAL_H
#define IMAP_SPECIAL_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* enum store_special; 0: none of ours.  name is without its backslash. */
uint32_t	 imap_special_find(struct slice name);
/* " \\Sent \\Trash" */
void		 imap_special_put(struct buf *, uint32_t special);

#endif
