/* SPDX-License-Identifier: ISC */
/*
 * Our own imapd as the sink, in a session of the control socket (XUIDS).
 *
 * UIDs are kept where the source has them and the folder here never held
 * anything, or holds what came from there before: then what is below UIDNEXT
 * is there.  Else a message is there when one with its mail_key is, each
 * counted once.
 */
#ifndef IMAP_SINK_H
#define IMAP_SINK_H

#include "lib/imap/imap_client.h"
#include "transfer/mail_source.h"

struct imap_sink_options {
	bool		 dry;		/* change nothing */
	bool		 new_uids;	/* do not keep any */
	struct slice	 into;		/* folder above all others; empty: none */
};

/* The client has logged in and stays the caller's; options are borrowed. */
enum err	 imap_sink_new(struct mail_report *, struct imap_client *,
		    const struct imap_sink_options *, struct mail_sink **) MUST_USE;

#endif
