/* SPDX-License-Identifier: ISC */
/*
 * Which accounts and domains have no room for mail, as store says (store_over):
 * their recipients are refused for the time being before a message is taken.
 * Bounded by the accounts that store has.
 */
#ifndef QUEUE_QUOTA_H
#define QUEUE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_codec.h"

struct queue_quota {
	struct map	 accounts;
	struct map	 domains;
};

void		 queue_quota_init(struct queue_quota *);
void		 queue_quota_fini(struct queue_quota *);
/* ERR_VIOLATION: store cannot mean it. */
enum err	 queue_quota_set(struct queue_quota *, const struct ipc_store_over *) MUST_USE;
/* address: of the account, in canonical form. */
bool		 queue_quota_is_over(const struct queue_quota *, uint64_t account,
		    struct slice address);

#endif
