/* SPDX-License-Identifier: ISC */
/*
 * Transactions of smtpd (queue.msg): begun, given recipients, maybe a file,
 * then committed or aborted.  A transaction belongs to the peer that began
 * it; what names another's, or does not exist, is a violation.  A peer that
 * goes takes its open transactions with it; what it committed lives on.
 *
 * A peer has at most QUEUE_TXNS_MAX transactions, QUEUE_FILES_MAX files and
 * QUEUE_ENVELOPES_MAX bytes of envelopes: a peer taken over cannot take the
 * queue down.
 */
#ifndef QUEUE_TXN_H
#define QUEUE_TXN_H

#include "queue/queue_core.h"

#define QUEUE_TXNS_MAX		4096u
#define QUEUE_FILES_MAX		256u
#define QUEUE_ENVELOPES_MAX	(256u << 20)

struct queue_client;

/* The peer is there, and gone. */
void	 queue_txn_join(struct queue *, struct ipc_peer *);
void	 queue_txn_leave(struct queue *, struct ipc_peer *);

/* The messages, as from ipc_handler. */
void	 queue_txn_on_open(struct queue *, struct ipc_peer *,
	    const struct ipc_queue_open *, struct ipc_in *);
void	 queue_txn_on_rcpt(struct queue *, struct ipc_peer *,
	    const struct ipc_queue_rcpt *, struct ipc_in *);
void	 queue_txn_on_file(struct queue *, struct ipc_peer *,
	    const struct ipc_queue_file *, struct ipc_in *);
void	 queue_txn_on_commit(struct queue *, struct ipc_peer *,
	    const struct ipc_queue_commit *, struct ipc_in *);
void	 queue_txn_on_abort(struct queue *, struct ipc_peer *,
	    const struct ipc_queue_abort *, struct ipc_in *);

unsigned queue_txn_count(const struct queue *);

#endif
