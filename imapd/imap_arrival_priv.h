/* SPDX-License-Identifier: ISC */
/*
 * What the two files of imap_arrivals.h share: the state of the command, and what one
 * half asks of the other.  imap_arrivals.c finds a message and hands over what came
 * of it; imap_arrival_open.c reads and opens it.
 */
#ifndef IMAP_ARRIVAL_PRIV_H
#define IMAP_ARRIVAL_PRIV_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_deposit.h"
#include "imapd/imap_source.h"
#include "lib/cmtp/letter_open.h"

#define ARRIVAL_ID_MAX	300

enum imap_arrival_stage {
	ARRIVAL_ASKING,		/* what is there */
	ARRIVAL_FINDING,	/* the next one */
	ARRIVAL_READING,	/* its header */
	ARRIVAL_OPENING,	/* its boxes, the first time */
	ARRIVAL_GRANTING,	/* an epoch */
	ARRIVAL_FEEDING,	/* the mail to the sealer */
	ARRIVAL_MAKING_FILE,	/* of the store's; then after */
	ARRIVAL_SEALED,
	ARRIVAL_APPENDING,
	ARRIVAL_MOVING		/* it does not open */
};
enum { ARRIVAL_HEADER, ARRIVAL_BOXES, ARRIVAL_ITEMS };

struct imap_arrival {
	enum imap_arrival_stage	 stage, after;
	bool			 waiting;
	unsigned		 left;		/* that may still be handled */
	uint64_t		 until_ms;	/* 0: no matter */
	struct imap_walk_at	 at;
	uint32_t		 uid;		/* the one at hand, or the last */
	unsigned		 skipped;	/* that wait for a key */
	bool			 is_found;	/* one, since it was asked what is there */
	/* one message */
	struct imap_source	 source;
	struct imap_item	 items[ARRIVAL_ITEMS];
	uint32_t		 path[1];
	uint64_t		 internal_s;
	struct buf		 header;
	char			 id[ARRIVAL_ID_MAX];
	struct letter_open	 open;
	bool			 is_open;	/* open is in use */
	struct buf		 piece;		/* of the boxes */
	struct slice		 in;		/* of piece: still to be fed */
	bool			 ended;		/* no more pieces */
	bool			 has_key;	/* what waited for it comes before more */
	struct buf		 out;
	struct slice		 pending;	/* of out: for the sealer */
	struct imap_deposit	 deposit;
	/* the keys that it may be sealed to */
	uint32_t		 newest, generation;	/* 0: the account's present one */
	unsigned		 tries;
	bool			 is_closed;	/* one of them is not at hand */
};

/* ---- imap_arrivals.c: what becomes of it */
/* The command ends; nobody is told. */
void	 imap_arrival_give_up(struct imap_cmd *);
void	 imap_arrival_ask(struct imap_cmd *, enum ipc_role, enum ipc_type, const void *m,
	    imap_reply_fn *);
void	 imap_arrival_move(struct imap_cmd *);	/* to INBOX as it is: it does not open */
void	 imap_arrival_wait(struct imap_cmd *);	/* it stays, for another session */

/* ---- imap_arrival_open.c: the stages of that name; false: wait for an answer */
bool	 imap_arrival_read(struct imap_cmd *);
bool	 imap_arrival_open(struct imap_cmd *);
bool	 imap_arrival_grant(struct imap_cmd *);
bool	 imap_arrival_feed(struct imap_cmd *);
/* Ask the store for one; then that stage. */
void	 imap_arrival_file(struct imap_cmd *, enum imap_arrival_stage after);
void	 imap_arrival_close(struct imap_arrival *);	/* the letter, if any */

#endif
