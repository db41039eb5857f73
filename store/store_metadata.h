/* SPDX-License-Identifier: ISC */
/*
 * Metadata (RFC 5464): named values of mailboxes and of an account, shared or
 * private to a user.  An entry is a row of records under the keyed hash of its
 * user and name: the first says what it is and holds the beginning of the
 * value, the others the rest.  At most STORE_METADATA_MAX entries of a mailbox
 * for one user, METADATA_ALL_MAX for all, and METADATA_BYTES_MAX of an account.
 */
#ifndef STORE_METADATA_H
#define STORE_METADATA_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_op.h"

#define METADATA_ALL_MAX	1000
#define METADATA_BYTES_MAX	(1u << 20)	/* names and values */

void	 store_on_metadata(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_set_metadata(struct ipc_peer *, const void *, struct ipc_in *);

/* The mailbox goes: its entries with it. */
enum err metadata_remove(struct op *, uint32_t mailbox) MUST_USE;
/* For store_check: bytes of a mailbox's entries (0: the account's).  ERR_CORRUPT. */
enum err metadata_sum(struct op *, uint32_t mailbox, uint64_t *bytes) MUST_USE;

#endif
