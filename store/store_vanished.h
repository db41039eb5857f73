/* SPDX-License-Identifier: ISC */
/*
 * store_vanished: which UIDs left a mailbox while a client was away (QRESYNC,
 * RFC 7162 s3.2.5.1).  Exact from the vanished rows as far back as the undelete
 * window keeps them; before that, whatever of the set is not there.
 */
#ifndef STORE_VANISHED_H
#define STORE_VANISHED_H

#include "lib/ipc/ipc_peer.h"

#define VANISHED_RANGES_MAX	6250	/* in one answer */

void	 store_on_vanished(struct ipc_peer *, const void *, struct ipc_in *);

#endif
