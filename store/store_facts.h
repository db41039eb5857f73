/* SPDX-License-Identifier: ISC */
/*
 * What keyd tells: accounts, revocations, epoch keys in their new form.
 */
#ifndef STORE_FACTS_H
#define STORE_FACTS_H

#include "lib/ipc/ipc_peer.h"

struct store;

void	 store_on_fact_ignored(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_fact_account(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_fact_account_gone(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_token_key(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_token_revoke(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_facts_heard(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_epoch_rewrap(struct ipc_peer *, const void *, struct ipc_in *);

/* Facts that found no room: tried again by a timer; dropped at the end. */
void	 store_facts_late(void *store);
void	 store_facts_drop(struct store *);

#endif
