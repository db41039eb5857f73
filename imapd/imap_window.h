/* SPDX-License-Identifier: ISC */
/*
 * The read window of one wire to the store (store_proto.h): store_read is answered
 * in a slot of it, and heard as store_data whose bytes stand there.  They are copied
 * by who hears it, and looked at only then: the store could change them.
 *
 * A slot belongs to its request until the answer was heard or the request was
 * cancelled.  When all are taken, the answer comes through the wire.
 */
#ifndef IMAP_WINDOW_H
#define IMAP_WINDOW_H

#include "imapd/imap_session.h"
#include "lib/base/list.h"
#include "lib/ipc/ipc_peer.h"

struct imap_window;

/*
 * A store_window came from there.  ERR_VIOLATION: it is none, or the second one;
 * after other errors the wire is as good without.  fd stays the caller's.
 */
enum err	 imap_window_add(struct list *windows, const struct ipc_peer *, int fd)
		    MUST_USE;
/* After its wire, with no request under way. */
void		 imap_window_free(struct imap_window **);
/* The one of that wire, or NULL. */
struct imap_window *imap_window_find(const struct list *windows, uint32_t instance);

/* ipc_call of a store_read; w may be NULL. */
enum err	 imap_window_read(struct imap_window *w, struct ipc_peer *,
		    const struct ipc_store_read *, uint64_t deadline_ms, ipc_reply_fn *,
		    void *arg, struct imap_ticket *) MUST_USE;
/* The request was cancelled; without a slot nothing happens. */
void		 imap_window_cancel(struct imap_window *, const struct imap_ticket *);

#endif
