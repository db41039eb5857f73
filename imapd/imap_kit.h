/* SPDX-License-Identifier: ISC */
/*
 * What a message needs on its way into a mailbox, from its first byte until it was
 * handed to the store: the parser of its structure, the sealer's part, the sealed
 * bytes.  Some kits that nobody uses are kept for the process (imap_shared.kits),
 * with the memory that they have: making all of it anew was a tenth of what a short
 * APPEND costs here.  One that a long message used, over IMAP_KIT_BYTES, is not kept.
 */
#ifndef IMAP_KIT_H
#define IMAP_KIT_H

#include "imapd/imap_session.h"
#include "lib/base/buf.h"
#include "lib/mail/mime.h"
#include "lib/seal/sealer.h"

#define IMAP_KIT_BYTES	(64u << 10)

struct imap_kit {
	struct sealer_message	 message;
	struct mime		 mime;
	struct buf		 sealed;
};

/* Ready for a message. */
struct imap_kit	*imap_kit_take(struct imap_shared *);
/* NULL is legal.  Keys are wiped. */
void		 imap_kit_give(struct imap_shared *, struct imap_kit **);
/* Those that are kept. */
void		 imap_kits_free(struct imap_shared *);

#endif
