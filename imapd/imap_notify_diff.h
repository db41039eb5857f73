/* SPDX-License-Identifier: ISC */
/*
 * What became of the names of an account's mailboxes between two looks (RFC
 * 5465 s5.4, s5.5, s5.9): which names are to be told to a client, and as what.
 * Pure.
 */
#ifndef IMAP_NOTIFY_DIFF_H
#define IMAP_NOTIFY_DIFF_H

#include "imapd/imap_boxes.h"
#include "imapd/imap_notify_spec.h"

struct imap_notify_name {
	struct slice		 name;
	struct slice		 old_name;	/* of a renamed mailbox; empty: none */
	const struct imap_box	*box;		/* NULL: the name is gone */
};
typedef void imap_notify_name_fn(void *arg, const struct imap_notify_name *);

/*
 * Tells each name once, those that are gone first.  now gets the events that
 * are watched, and from old what the client was told; a mailbox that is new,
 * or new to this client, is dirty.  own: NUL-terminated names that the client
 * itself changed, which are not told.
 */
void	 imap_notify_diff(const struct imap_notify_spec *, const struct imap_boxes *old,
	    struct imap_boxes *now, struct slice own, imap_notify_name_fn *, void *arg);
/* The first look: only the events. */
void	 imap_notify_look(const struct imap_notify_spec *, struct imap_boxes *now);

#endif
