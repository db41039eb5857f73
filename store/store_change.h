/* SPDX-License-Identifier: ISC */
/*
 * Changing mail: store_flags, store_expunge, store_copy.  STORE and EXPUNGE
 * run in slices, each a transaction with its own modseq; COPY and MOVE are
 * one transaction.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include "lib/ipc/ipc_peer.h"

#define CHANGE_PAGES_MAX	256	/* hot pages in one slice */
#define CHANGE_QUIET_PAGES_MAX	128	/* of a quiet store_flags: some ms */
#define CHANGE_COPY_MAX		8192

void	 store_on_flags(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_expunge(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_copy(struct ipc_peer *, const void *, struct ipc_in *);

#endif
