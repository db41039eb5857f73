/* SPDX-License-Identifier: ISC */
/*
 * store_forget: queue has noted the completion of these, so that their
 * delivered records may go.
 */
#ifndef STORE_FORGET_H
#define STORE_FORGET_H

#include "lib/ipc/ipc_peer.h"

void	 store_on_forget(struct ipc_peer *, const void *, struct ipc_in *);

#endif
