/* SPDX-License-Identifier: ISC */
/*
 * Validates what is durable: for an account that directory, hot, cold and
 * mailbox records agree, that every row has its content, every content its
 * epoch and its record in a segment with the right checksum.  Used by tests
 * and by gwstore check.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/store_core.h"

struct check {
	struct store	*store;
	bool		 with_bodies;	/* read every body */
	struct buf	*out;		/* one line for each fault */
	uint64_t	 accounts;
	uint64_t	 mailboxes;
	uint64_t	 messages;
	uint64_t	 contents;
	uint64_t	 faults;
	/* of this account */
	uint64_t	 last_epoch;	/* looked at */
	uint64_t	 top_epoch;
	uint64_t	 top_content;
	uint32_t	 top_uidvalidity;
};

/* Faults are counted and written, not returned. */
void		 check_account(struct check *, uint64_t account);
/* It was removed, and the rest of it goes in slices. */
bool		 check_is_being_removed(struct store *, uint64_t account);
/* The next account of the shard behind this one; ERR_NOTFOUND. */
enum err	 check_next_account(struct store *, unsigned shard, uint64_t after,
		    uint64_t *account) MUST_USE;
/*
 * A shard has such a key while repair makes its accounts again: another one each
 * time, since the journal may play the end of an earlier repair once more.
 * check_repair_find: ERR_NOTFOUND; check_is_repairing: does any shard have one?
 */
struct kv_key	 check_repair_key(uint64_t when);
enum err	 check_repair_find(struct kv_txn *, struct kv_key *) MUST_USE;
bool		 check_is_repairing(struct kv *);
/* Numbers for gwstore stat. */
void		 check_stat(struct store *, struct buf *);

#endif
