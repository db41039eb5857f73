/* SPDX-License-Identifier: ISC */
/*
 * UPDATE (RFC 5267 s4.3): keeps what a searching command found, and at the end
 * of each imap_sync looks at the messages that changed since, by an inner
 * command that runs the search again on these alone.  A change of order
 * cannot be told from one message: when something came into a sorted result
 * the whole of it is sorted anew.  With fetch-atts (RFC 5465 s7) each message
 * that comes and matches is told by a FETCH response, before the ESEARCH that
 * adds it; one that a change of flags brings in is not.
 *
 * What cannot be followed is answered all the same, with NOUPDATE; so is a
 * result that outgrew its room, and then it is followed no longer.
 */
#ifndef IMAP_UPDATE_H
#define IMAP_UPDATE_H

#include <stdbool.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_found.h"
#include "imapd/imap_return.h"
#include "lib/base/cc.h"

/* ---- the searching command ---- */

struct imap_update_ask {
	bool		 wanted;	/* UPDATE was said */
	bool		 sorted;
	bool		 uid;		/* tell UIDs */
	struct slice	 where;		/* ESEARCH: more correlators */
	struct slice		 text;		/* behind RETURN (...), to the end */
	struct slice	 fetch;		/* fetch-atts for messages that come */
	struct slice	 saved;		/* what its "$" stood for */
	bool		 has_numbers;	/* sequence numbers */
};
/* Before and behind the parsing of its search program. */
void	 imap_update_parse(struct imap_cmd *, struct imap_parser *, const struct imap_return *,
	    struct imap_update_ask *);
void	 imap_update_parsed(struct imap_parser *, struct imap_update_ask *);
/* Follow what was found from now on, if that is wanted. */
void	 imap_update_keep(struct imap_cmd *, const struct imap_update_ask *,
	    const struct imap_found *);

/* ---- changes ---- */

/* Tell of these before their EXPUNGE: pairs as store_changes has them. */
void	 imap_update_expunged(struct imap_session *, struct slice pairs);
/* An inner command begins; ended is called when it is through.  false: nothing to do. */
bool	 imap_update_start(struct imap_session *, void (*ended)(struct imap_session *));

#endif
