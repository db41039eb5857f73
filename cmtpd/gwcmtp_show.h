/* SPDX-License-Identifier: ISC */
/*
 * A message as text for a terminal.  Whoever wrote it is a stranger: nothing
 * that comes out moves a cursor or turns the direction of writing, and a file
 * name is that of a file in one directory.  Pure.
 */
#ifndef GWCMTP_SHOW_H
#define GWCMTP_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"
#include "lib/mail/mime.h"

#define GWCMTP_SHOW_NAME_MAX	200	/* bytes of a file name */

/* UTF-8; is_line: line ends become spaces.  CR goes. */
void		 gwcmtp_show_text(struct buf *, struct slice, bool is_line);
/* The value of the header's first field of that name, decoded, as a line. */
void		 gwcmtp_show_field(struct buf *, struct charset_set *, struct slice header,
		    const char *name);
/* Main fields, the text, and a line for each other part. */
void		 gwcmtp_show_message(struct buf *, struct charset_set *, const struct mime *,
		    struct slice message);

/* ---- parts */
/* The next part behind that one that is text to show, or may be a file; false: none. */
bool		 gwcmtp_show_next_part(const struct mime *, uint32_t *part, bool *is_shown);
/* The name of a part's file, never empty. */
void		 gwcmtp_show_name(struct buf *, struct charset_set *, const struct mime *,
		    struct slice message, uint32_t part);
/* Its bytes, decoded: never more than it has in the message. */
void		 gwcmtp_show_bytes(struct buf *, const struct mime *, struct slice message,
		    uint32_t part);

#endif
