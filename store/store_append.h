/* SPDX-License-Identifier: ISC */
/*
 * Bringing mail: store_epoch, store_file, store_append, store_forget.
 */
#ifndef STORE_APPEND_H
#define STORE_APPEND_H

#include "lib/ipc/ipc_peer.h"

void	 store_on_epoch(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_file(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_append(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_forget(struct ipc_peer *, const void *, struct ipc_in *);

#endif
