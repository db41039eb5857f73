/* SPDX-License-Identifier: ISC */
/*
 * GETQUOTA and GETQUOTAROOT (RFC 9208 s4.1): the roots of an account are the
 * same for all its mailboxes: its own, and its domain's where that is limited.
 * Limits are the operator's to set (gwuser): there is no SETQUOTA.
 */
#ifndef IMAP_QUOTA_H
#define IMAP_QUOTA_H

#include "imapd/imap_cmd.h"

/* "* QUOTA" for each root; with a mailbox "* QUOTAROOT" before them. */
void	 imap_quota_put_all(struct imap_session *, const struct ipc_store_quota_reply *,
	    struct slice mailbox);
/* For one root; false: there is no such root. */
bool	 imap_quota_put_one(struct imap_session *, const struct ipc_store_quota_reply *,
	    struct slice root);

/*
 * The root is another account's: looked at or set as how says, by keyd's leave;
 * told, then done.  Or refused.
 */
void	 imap_quota_of_other(struct imap_cmd *, struct slice root, const struct ipc_set_quota *how,
	    void (*done)(struct imap_cmd *), void (*refused)(struct imap_cmd *, enum err));
/* NO; who may not know of it is told that it is not there. */
void	 imap_quota_no_root(struct imap_cmd *, enum err);

#endif
