/* SPDX-License-Identifier: ISC */
/*
 * A change of one account: its transaction, its account record, its modseq.
 * op_begin, changes through names_* and box_*, then op_submit or op_end.
 */
#ifndef STORE_OP_H
#define STORE_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/kv.h"
#include "store/store_core.h"
#include "store/store_record.h"

struct op {
	struct store		*store;
	struct kv_txn		*txn;
	uint64_t		 account;
	struct record_account	 acc;
	bool			 is_dirty;	/* acc is to be written */
	uint64_t		 used_before;	/* acc.used_bytes when it began */
	uint64_t		 messages_before;
	char			 address[RECORD_ADDRESS_MAX];	/* what acc.address points to */
};

/* KV_READ or KV_WRITE; ERR_NOTFOUND: no such account. */
enum err	 op_begin(struct op *, struct store *, uint64_t account, enum kv_mode) MUST_USE;
/* A modseq that nothing had before. */
uint64_t	 op_modseq(struct op *);
/*
 * Writes the account record when it changed and submits; reply (may be NULL)
 * is sent when durable.  On failure the reply is freed.
 */
enum err	 op_submit(struct op *, enum kv_urgency, struct store_reply *) MUST_USE;
void		 op_end(struct op *);		/* nothing happened; legal twice */

/* Put a record that one of the record_*_put functions wrote. */
void		 op_put(struct op *, const struct kv_key *, const struct buf *);

#endif
