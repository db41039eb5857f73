/* SPDX-License-Identifier: ISC */
/*
 * What keyd gives: facts for the resolver, the key and revocations of tokens,
 * and the spool keys, which are asked for when keyd comes.
 */
#ifndef QUEUE_KEYD_H
#define QUEUE_KEYD_H

#include "queue/queue_core.h"

void	 queue_keyd_join(struct queue *, struct ipc_peer *);
void	 queue_keyd_leave(struct queue *, struct ipc_peer *);

/* The timer's function: ask again for keys that did not come. */
void	 queue_keyd_due(void *q);

/* The messages, as from ipc_handler. */
void	 queue_keyd_on_begin(struct queue *, struct ipc_peer *,
	    const struct ipc_fact_begin *, struct ipc_in *);
void	 queue_keyd_on_account(struct queue *, struct ipc_peer *,
	    const struct ipc_fact_account *, struct ipc_in *);
void	 queue_keyd_on_gone(struct queue *, struct ipc_peer *,
	    const struct ipc_fact_account_gone *, struct ipc_in *);
void	 queue_keyd_on_alias(struct queue *, struct ipc_peer *,
	    const struct ipc_fact_alias *, struct ipc_in *);
void	 queue_keyd_on_end(struct queue *, struct ipc_peer *,
	    const struct ipc_fact_end *, struct ipc_in *);
void	 queue_keyd_on_token_key(struct queue *, struct ipc_peer *,
	    const struct ipc_token_key *, struct ipc_in *);
void	 queue_keyd_on_heard(struct queue *, struct ipc_peer *, const struct ipc_facts_heard *,
	    struct ipc_in *);
void	 queue_keyd_on_token_revoke(struct queue *, struct ipc_peer *,
	    const struct ipc_token_revoke *, struct ipc_in *);

#endif
