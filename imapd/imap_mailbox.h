/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names.  On the wire they are modified UTF-7, or UTF-8 for clients
 * that switched on IMAP4rev2 or UTF8=ACCEPT; the store has them in UTF-8 (NFC)
 * with "INBOX" in capitals and "/" between levels.
 *
 * "user/", an address, and a name that its owner has are a mailbox of another
 * user (RFC 2342, Other Users' Namespace): "user/ann@a.test/INBOX".  The word is
 * reserved only before an address: "user" and "user/notes" are one's own.
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
#define IMAP_OWNER_MAX		320
#define IMAP_OTHERS_PREFIX	"user/"
#define IMAP_NAME_MAX		(5 + IMAP_OWNER_MAX + 1 + IMAP_MAILBOX_MAX)

/*
 * A name that could exist: well-formed, no empty level, no control
 * characters, no wildcards.  SYNTAX, LIMIT.  *name lies in the arena.
 */
enum err	 imap_mailbox_name(struct slice wire, bool utf8, struct arena *,
		    struct slice *name) MUST_USE;
/* A reference or pattern of LIST: decoded, and composed like the names. */
enum err	 imap_mailbox_pattern(struct slice wire, bool utf8, struct arena *,
		    struct slice *) MUST_USE;
/*
 * false: of one's own.  rest: behind the "/" that ends the address; empty for
 * the owner himself, who is no mailbox.
 */
bool		 imap_mailbox_owner(struct slice name, struct slice *address,
		    struct slice *rest);
/*
 * mailbox of the grammar, read already or not; a name that cannot be is not a
 * syntax error: *e.  The parser notes the owner.
 */
struct slice	 imap_mailbox_take(struct imap_parser *, struct slice wire, enum err *e);
struct slice	 imap_mailbox_parse(struct imap_parser *, enum err *e);

/* RFC 3501 s6.3.8: "*" matches all, "%" all but the separator. */
bool		 imap_mailbox_match(struct slice pattern, struct slice name);

/* The level matches, or some name below it may. */
bool		 imap_mailbox_reaches(struct slice pattern, struct slice level);

/* As an astring on the wire, always quoted. */
void		 imap_mailbox_put(const struct imap_session *, struct buf *, struct slice name);
/*
 * "* LIST () "/" name", with the name that the client knows it by when that is
 * another (RFC 9051 s6.3.9.7).
 */
void		 imap_mailbox_put_renamed(const struct imap_session *, struct buf *,
		    struct slice name, struct slice old);

#endif
