/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names.  On the wire they are modified UTF-7, or UTF-8 for clients
 * that switched on IMAP4rev2 or UTF8=ACCEPT; the store has them in UTF-8 (NFC)
 * with "INBOX" in capitals and "/" between levels.
 */
#ifndef IMAP_MAILBOX_H
#define IMAP_MAILBOX_H

#include <stdbool.h>

#include "imapd/imap_parser.h"
#include "imapd/imap_session.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define IMAP_MAILBOX_MAX	255	/* bytes of UTF-8 */

/*
 * A name that could exist: well-formed, no empty level, no control
 * characters, no wildcards.  SYNTAX, LIMIT.  *name lies in the arena.
 */
enum err	 imap_mailbox_name(struct slice wire, bool utf8, struct arena *,
		    struct slice *name) MUST_USE;
/* A reference or pattern of LIST: decoded, and composed like the names. */
enum err	 imap_mailbox_pattern(struct slice wire, bool utf8, struct arena *,
		    struct slice *) MUST_USE;
/* mailbox of the grammar; a name that cannot be is not a syntax error: *e. */
struct slice	 imap_mailbox_parse(struct imap_parser *, enum err *e);

/* RFC 3501 s6.3.8: "*" matches all, "%" all but the separator. */
bool		 imap_mailbox_match(struct slice pattern, struct slice name);

/* As an astring on the wire, always quoted. */
void		 imap_mailbox_put(const struct imap_session *, struct buf *, struct slice name);
/*
 * "* LIST () "/" name", with the name that the client knows it by when that is
 * another (RFC 9051 s6.3.9.7).
 */
void		 imap_mailbox_put_renamed(const struct imap_session *, struct buf *,
		    struct slice name, struct slice old);

#endif
