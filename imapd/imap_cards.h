/* SPDX-License-Identifier: ISC */
/*
 * FETCH of ENVELOPE and BODYSTRUCTURE of many messages in two walks.  The first
 * is of bare rows: what there is in card blocks (imap_card.h) is told from them,
 * 64 messages for one key.  The second opens the summaries of the rest, and
 * makes the blocks that were missing; so messages that lack theirs come last.
 *
 * For who opens his own mail, and sets of IMAP_CARDS_MIN messages: fewer are as
 * quickly opened themselves.  Owned by one command, beside its walk.
 */
#ifndef IMAP_CARDS_H
#define IMAP_CARDS_H

#include "imapd/imap_column_writer.h"
#include "imapd/imap_columns.h"
#include "imapd/imap_found.h"
#include "imapd/imap_message.h"

#define IMAP_CARDS_MIN	64u

enum imap_cards_phase { IMAP_CARDS_NONE, IMAP_CARDS_READING, IMAP_CARDS_MAKING };

struct imap_cards {
	struct imap_cmd		*c;
	struct imap_walk	*walk;
	enum imap_cards_phase	 phase;
	uint8_t			 want;		/* of the second walk */
	struct imap_columns	 columns;
	struct imap_column_writer writer;
	struct imap_memo_text	 text;		/* of the current message */
	struct imap_found	 left;
	struct buf		 left_pairs;
	struct buf		 card;
};

/* May so many be in the set?  An upper bound is enough. */
bool		 imap_cards_are_worth(const struct imap_session *, struct slice set, bool by_uid);
/*
 * The walk was set up for summaries and started: it becomes the first one, of rows
 * with want.
 */
void		 imap_cards_start(struct imap_cards *, struct imap_walk *, uint8_t want);
void		 imap_cards_fini(struct imap_cards *);
/*
 * READING, of the walk's message: its text becomes the walk's kept one.
 * ERR_AGAIN: wait.  ERR_NOTFOUND: it is left for the second walk.
 */
enum err	 imap_cards_find(struct imap_cards *) MUST_USE;
/* READING, at the end of the walk: the second one began; ERR_END: none was left. */
enum err	 imap_cards_again(struct imap_cards *) MUST_USE;
/* MAKING: of the walk's message, which is ready. */
void		 imap_cards_make(struct imap_cards *, struct imap_message *);
/* MAKING, at the end of the walk: all was handed to the store. */
bool		 imap_cards_end(struct imap_cards *);

#endif
