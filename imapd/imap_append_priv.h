/* SPDX-License-Identifier: ISC */
/*
 * APPEND and REPLACE in pieces: imap_append.c is the machine and does what the
 * text says, imap_append_take.c gets the messages from the client,
 * imap_append_hand.c hands them over to the store.  struct imap_append is the
 * command's own (imap_cmd.priv) and ends with it.
 */
#ifndef IMAP_APPEND_PRIV_H
#define IMAP_APPEND_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_append_text.h"
#include "imapd/imap_catenate.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_column_writer.h"
#include "imapd/imap_deposit.h"
#include "imapd/imap_fresh.h"
#include "imapd/imap_header8.h"
#include "imapd/imap_place.h"

enum imap_append_stage {
	IMAP_STAGE_CHECKING,	/* the mailbox */
	IMAP_STAGE_FINDING,	/* what is replaced */
	IMAP_STAGE_SCANNING,	/* nothing is waited for: see the text */
	IMAP_STAGE_URL,		/* a part is read */
	IMAP_STAGE_GRANTING,	/* an epoch */
	IMAP_STAGE_RECEIVING,	/* a literal */
	IMAP_STAGE_FEEDING,	/* the draft to the sealer */
	IMAP_STAGE_MAKING_FILE,	/* of the store's; then after */
	IMAP_STAGE_SEALED,
	IMAP_STAGE_APPENDING
};

struct imap_append {
	uint32_t	 replaced_uid;
	uint64_t	 size_sum;	/* of all */
	struct imap_append_text text;
	enum imap_append_stage stage, after;
	uint64_t	 size;
	struct imap_header8 header8;
	struct imap_place place;	/* of the mailbox */
	struct imap_deposit deposit;
	struct imap_catenate *catenate;	/* NULL: no message was put together */
	struct imap_column_writer *columns;	/* NULL: nothing for blocks, see imap_fresh.h */
	uint32_t	 messages;	/* begun */
	bool		 waiting;
	bool		 made;		/* deposit is in use */
	bool		 streams;	/* a literal, or the line behind it, is to come */
	bool		 goes_on;	/* another message follows */
};

/* Kept as long as the command; false: answered. */
bool	 imap_append_keep_text(struct imap_cmd *, struct slice, struct slice *kept);
/* Refused while the literal or the rest of the line is still to come. */
void	 imap_append_stop(struct imap_cmd *);
void	 imap_append_stop_with(struct imap_cmd *, enum err);

void	 imap_append_take_init(struct imap_cmd *);
/* The literal that is announced, to the sealer or the draft. */
void	 imap_append_take_literal(struct imap_cmd *);
/* Bytes of the message, in order; false: refused. */
bool	 imap_append_take_bytes(struct imap_cmd *, struct slice);

/* The message is complete: then, with a file where it needs one, over it goes. */
void	 imap_append_hand_end(struct imap_cmd *);
void	 imap_append_hand_over(struct imap_cmd *);
/* What no longer fits in a request, or in memory, needs a file. */
void	 imap_append_hand_file(struct imap_cmd *, enum imap_append_stage after);

#endif
