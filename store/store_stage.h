/* SPDX-License-Identifier: ISC */
/*
 * Messages that wait under a handle for the last one of their MULTIAPPEND (RFC
 * 3502).  Their bodies are in the segments already, held there but named by
 * nothing: when the row is given up, the session ends or the store stops, they
 * are dead bytes.  At most STORE_MULTI_MAX messages and STAGE_BYTES_MAX of what
 * goes with them for one handle, STAGE_TOTAL_MAX for all.
 */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/ipc/ipc_peer.h"
#include "store/blob.h"
#include "store/store_core.h"

#define STAGE_BYTES_MAX	(2u << 20)
#define STAGE_TOTAL_MAX	(64u << 20)

struct stage_item {
	struct list		 link;
	struct ipc_store_append	 m;		/* points into bytes, or into the request */
	struct buf		 bytes;
	struct blob_ref		 body;
	struct blob_ref		 summary;	/* segment 0: inline or none */
	uint64_t		 content_end;	/* of its reservation */
};

/*
 * Puts body and long summary into the segments; fd_bytes: of the request's
 * descriptor; mailbox and name: where the message goes, for the body's note.
 */
enum err	 stage_put_blobs(struct store *, struct stage_item *, struct ipc_in *,
		    uint64_t fd_bytes, uint32_t mailbox, struct slice name) MUST_USE;
/*
 * Keeps the item, with copies of what it points to, and its blobs.  ERR_LIMIT,
 * ERR_BUSY: the item stays the caller's.
 */
enum err	 stage_keep(struct store_session *, struct stage_item *) MUST_USE;
/* Room for another message? */
enum err	 stage_check(const struct store_session *) MUST_USE;
/* Forgets all: they are in a submitted transaction (used), or given up. */
void		 stage_drop(struct store_session *, bool used);

void		 store_on_append_cancel(struct ipc_peer *, const void *, struct ipc_in *);

#endif
