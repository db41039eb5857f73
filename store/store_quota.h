/* SPDX-License-Identifier: ISC */
/*
 * How much mail there may be (RFC 9208): bytes and messages of an account, and
 * of all accounts of a domain.  The account's counters are in its record and
 * exact; a domain's are sums of these, kept in memory.
 */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/store_op.h"

/* Is there room for so much more?  ERR_QUOTA. */
enum err	 quota_room(const struct op *, uint64_t bytes, uint64_t messages) MUST_USE;
void		 quota_add(struct op *, uint64_t bytes, uint64_t messages);
void		 quota_sub(struct op *, uint64_t bytes, uint64_t messages);

#endif
