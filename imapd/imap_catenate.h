/* SPDX-License-Identifier: ISC */
/*
 * The parts of a message that is put together (RFC 4469): texts of the client,
 * and what URLs name in the mailboxes of its session, gathered in a draft.
 *
 * Of other users' mailboxes a URL reaches those of an owner whose account the
 * command has open: of the selected mailbox, or of the one that it appends to.
 *
 * Deviates: a URL with authorization (RFC 4467) or with a server in it is
 * BADURL, as RFC 4469 s3 has it for who goes no further.
 */
#ifndef IMAP_CATENATE_H
#define IMAP_CATENATE_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_draft.h"
#include "imapd/imap_place.h"
#include "imapd/imap_source.h"
#include "lib/mail/imap_url.h"

struct imap_catenate {
	struct imap_cmd		*c;
	struct imap_draft	 draft;
	struct imap_source	 source;
	struct buf		 piece;
	/* of the URL under way */
	uint8_t			 stage;
	bool			 waiting;
	struct slice		 text;
	struct imap_url		 url;
	struct imap_item	 item;
	struct imap_place	 place;		/* of its mailbox */
};

void	 imap_catenate_init(struct imap_catenate *, struct imap_cmd *);
void	 imap_catenate_fini(struct imap_catenate *);
/* Another message: the draft is empty. */
void	 imap_catenate_begin(struct imap_catenate *);
/* Bytes that are about to be added; false: too many, answered TOOBIG. */
bool	 imap_catenate_fits(struct imap_catenate *, uint64_t bytes);
/* The text of a URL, kept as long as the command. */
void	 imap_catenate_url(struct imap_catenate *, struct slice text);
/*
 * ERR_OK: all of it is in the draft.  ERR_AGAIN: wait, or the draft needs a
 * file.  Else: answered.
 */
enum err imap_catenate_step(struct imap_catenate *) MUST_USE;

#endif
