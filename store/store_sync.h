/* SPDX-License-Identifier: ISC */
/*
 * store_sync: what changed for a view.
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include "lib/ipc/ipc_peer.h"

void	 store_on_sync(struct ipc_peer *, const void *, struct ipc_in *);

#endif
