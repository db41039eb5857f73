/* SPDX-License-Identifier: ISC */
/*
 * Reading mail: store_fetch, store_read, store_put_summary; and the coding of
 * rows, shared with what else answers with them.
 */
#ifndef STORE_FETCH_H
#define STORE_FETCH_H

#include "lib/base/buf.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_walk.h"

#define FETCH_ROWS_BYTES	49900	/* of rows in one answer */
#define FETCH_ROW_BYTES		22	/* and keywords from 24 on */

void	 store_on_fetch(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_url(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_read(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_put_summary(struct ipc_peer *, const void *, struct ipc_in *);

/* REC row of an item; false: no room. */
bool	 fetch_put_row(struct buf *, size_t max, const struct walk_item *);

#endif
