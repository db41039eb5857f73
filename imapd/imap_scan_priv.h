/* SPDX-License-Identifier: ISC */
/*
 * A scan in pieces: imap_scan.c walks the mailbox and is the machine,
 * imap_scan_look.c looks at one message, phase by phase.
 */
#ifndef IMAP_SCAN_PRIV_H
#define IMAP_SCAN_PRIV_H

#include "imapd/imap_column_writer.h"
#include "imapd/imap_columns.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_found.h"
#include "imapd/imap_match.h"
#include "imapd/imap_message.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_walk.h"

#define IMAP_SCAN_HEADER_MAX	(1u << 20)

enum imap_phase {
	IMAP_PHASE_TOP,		/* the largest UID is asked for */
	IMAP_PHASE_NEXT,	/* another message: its row */
	IMAP_PHASE_COLUMN,
	IMAP_PHASE_SUMMARY,
	IMAP_PHASE_OPEN,
	IMAP_PHASE_HEADER,
	IMAP_PHASE_TEXT,
	IMAP_PHASE_REST,	/* columns that were made go to the store */
	IMAP_PHASE_DONE
};

struct imap_scan {
	struct imap_cmd		*c;
	const struct imap_search *program;
	const struct imap_view	*view;
	struct imap_scan_want	 want;
	struct imap_walk	 walk;
	struct imap_message	 message;
	struct imap_match	 match;
	struct imap_search_facts facts;
	enum imap_phase		 phase;
	enum imap_verdict	 verdict;	/* on the message, so far */
	unsigned		 cost;		/* of this turn */
	bool			 waiting;
	bool			 wants_entry;	/* by the program or the caller */
	bool			 by_columns;	/* the first pass */
	bool			 has_header;	/* header is this message's */
	struct imap_columns	 columns;
	struct imap_column_writer writer;
	struct imap_found	 left;		/* for the second pass */
	struct buf		 left_pairs;
	struct imap_entry_maker	 maker;
	struct imap_entry	 entry;
	struct buf		 entry_bytes;
	struct buf		 header;	/* and what came with it */
	size_t			 header_bytes;
	struct buf		 piece;
};

void	 imap_scan_look_init(struct imap_scan *);
/* Of imap_walk: which messages will be looked for in column blocks, those that
 * their rows leave open. */
void	 imap_scan_look_rows(struct imap_walk *, struct ipc_reader, void *arg);
/* The message that the walk came to. */
void	 imap_scan_look_begin(struct imap_scan *);
/* What more there is of it, one phase each; true to go on at once. */
bool	 imap_scan_look_columns(struct imap_scan *);
bool	 imap_scan_look_summary(struct imap_scan *);
bool	 imap_scan_look_open(struct imap_scan *);
bool	 imap_scan_look_header(struct imap_scan *);
bool	 imap_scan_look_text(struct imap_scan *);

#endif
