/* SPDX-License-Identifier: ISC */
/*
 * Bringing back what was removed within the undelete window: rows of vanished
 * records become messages of their mailbox again, with new UIDs, their flags
 * but \Deleted, and the content that the window kept.  What a MOVE took away is
 * elsewhere and stays there; what was brought back once is not again.  A mailbox
 * that was removed as a whole comes back as it was, as long as no other has its
 * name; its rights and metadata do not.
 */
#ifndef STORE_UNDELETE_H
#define STORE_UNDELETE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_core.h"

#define UNDELETE_STEP_MAX	1000	/* messages in one transaction */

/*
 * Up to UNDELETE_STEP_MAX messages of a mailbox; *count of them came back,
 * *more: there are others.  ERR_NOTFOUND: no such account or mailbox.
 */
enum err	 undelete_step(struct store *, uint64_t account, struct slice mailbox,
		    unsigned *count, bool *more) MUST_USE;
/*
 * gwstore undelete: arguments and answer as lib/daemon/tool.h has them.
 * *changed: the account whose changes must be durable before the answer goes,
 * 0 when there are none.
 */
uint8_t		 undelete_tool(struct store *, struct slice args, struct buf *out, bool *more,
		    uint64_t *changed);

#endif
