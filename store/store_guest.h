/* SPDX-License-Identifier: ISC */
/*
 * Sessions in the accounts of others: store_open, store_owners, store_grant.  A
 * guest's handle hangs on the handle of his own session and ends with it; at
 * most GUEST_HANDLES_MAX of one session.  Rights are looked up at each request
 * (store_acl.h), so that what an owner takes back is gone at once.
 *
 * The grant lets keyd open contents of the owner for the guest: lib/crypto's
 * grant.h.  It is given only where sealing lets others read at all.
 */
#ifndef STORE_GUEST_H
#define STORE_GUEST_H

#include "lib/ipc/ipc_peer.h"

#define GUEST_HANDLES_MAX	16
#define GUEST_OWNERS_MAX	1000	/* looked at for one user */

void	 store_on_open(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_owners(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_grant(struct ipc_peer *, const void *, struct ipc_in *);
/* From keyd. */
void	 store_on_grant_key(struct ipc_peer *, const void *, struct ipc_in *);

#endif
