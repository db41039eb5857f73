/* SPDX-License-Identifier: ISC */
/*
 * Sessions and mailboxes: store_login to store_watch.
 */
#ifndef STORE_MAILBOXES_H
#define STORE_MAILBOXES_H

#include "lib/ipc/ipc_peer.h"

void	 store_on_login(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_logout(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_list(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_create(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_delete(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_rename(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_subscribe(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_uids(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_status(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_select(struct ipc_peer *, const void *, struct ipc_in *);

/* A session has taken all messages of a mailbox as its \Recent ones. */
struct store;
void	 store_claim_recent(struct store *, uint64_t account, uint32_t mailbox);

#endif
