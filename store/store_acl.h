/* SPDX-License-Identifier: ISC */
/*
 * Rights of others in an account's mailboxes (RFC 4314).  The owner has all of
 * them, always.  A guest (store_guest.h) has what the entries of his address
 * and of "anyone" give together, less what those with '-' in front take.  An
 * entry is a record of the mailbox under the hash of its identifier; beside it
 * stands, for account 0 of the same shard, who shares something with whom.
 *
 * A request without a right fails with ERR_DENIED, or with ERR_NOTFOUND when
 * the mailbox may not even be looked up (RFC 4314 s6).
 */
#ifndef STORE_ACL_H
#define STORE_ACL_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_op.h"

enum err	 acl_rights(struct op *, const struct store_session *, uint32_t mailbox,
		    uint32_t *rights) MUST_USE;
/* All of these rights. */
enum err	 acl_need(struct op *, const struct store_session *, uint32_t mailbox,
		    uint32_t rights) MUST_USE;
/* The mailbox of a request by its id, when the session has these rights. */
enum err	 acl_open(struct op *, const struct store_session *, uint64_t mailbox,
		    uint32_t rights, struct box *) MUST_USE;
/* System flags that the rights let one change; keywords go with 'w'. */
uint32_t	 acl_flags(uint32_t rights);

/* The owner and all entries, as records of ipc_acl. */
enum err	 acl_put(struct op *, uint32_t mailbox, struct buf *) MUST_USE;

/* Write transactions. */
/* No right is asked for.  SYNTAX, DENIED (the owner's), LIMIT. */
enum err	 acl_set(struct op *, uint32_t mailbox, struct slice identifier, uint8_t how,
		    uint32_t rights) MUST_USE;
enum err	 acl_inherit(struct op *, uint32_t from, uint32_t to) MUST_USE;
enum err	 acl_remove(struct op *, uint32_t mailbox) MUST_USE;
/* The account goes, record by record: what stands beside this one. */
void		 acl_forget(struct kv_txn *, uint64_t owner, struct slice record);

/* Accounts that share something with an identifier, of one shard. */
uint64_t	 acl_hash(struct slice identifier);
/* For store_check. */
enum err	 acl_check(struct op *, uint32_t mailbox, unsigned *entries) MUST_USE;
/* For repair: entries that cannot be read go, and who shares with whom is counted anew. */
void		 acl_repair(struct op *);

void		 store_on_acl(struct ipc_peer *, const void *, struct ipc_in *);
void		 store_on_set_acl(struct ipc_peer *, const void *, struct ipc_in *);

#endif
