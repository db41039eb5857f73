/* SPDX-License-Identifier: ISC */
/*
 * The hidden mailbox of mail that waits to be made readable (STORE_ARRIVALS):
 * made when the first of it comes, in no list, and not counted among those that an
 * account may have.  It is a mailbox like any other for check, repair, compaction
 * and rekey; what leaves it is elsewhere by the same transaction.
 *
 * One session at a time works on it, so that two do not do the same: whose turn
 * it is stands in memory alone, and what is done twice all the same fails at the
 * second one's transaction.
 */
#ifndef STORE_ARRIVALS_H
#define STORE_ARRIVALS_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_core.h"
#include "store/store_names.h"
#include "store/store_op.h"

void	 store_on_arrivals(struct ipc_peer *, const void *, struct ipc_in *);

/* ERR_NOTFOUND: nothing ever came. */
enum err arrivals_find(struct op *, struct name *) MUST_USE;
/* The same, made when missing. */
enum err arrivals_need(struct op *, struct name *) MUST_USE;
/* Does something wait? */
bool	 arrivals_wait(struct op *);
/* The session ends: another one may go on. */
void	 arrivals_left(struct store_session *);

#endif
