/* SPDX-License-Identifier: ISC */
/*
 * Column blocks: what imapd keeps of 64 messages together, sealed (store.msg,
 * columns).  A record (account, 'O', mailbox, kind, block) names a blob and
 * how its key is wrapped.  They are a cache: a block goes with its mailbox and
 * when the undelete window of one of its messages ends, so that nothing of
 * deleted mail outlives it; what is damaged is as if it were not there.
 */
#ifndef STORE_COLUMNS_H
#define STORE_COLUMNS_H

#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_op.h"
#include "store/store_page.h"

#define COLUMNS_UIDS	64u

void	 store_on_columns(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_put_columns(struct ipc_peer *, const void *, struct ipc_in *);

/* The blob of a record that goes. */
void	 columns_free(struct store *, struct slice value);
/* The blocks of these messages go. */
void	 columns_drop(struct op *, uint32_t mailbox, const struct page_gone *);

#endif
