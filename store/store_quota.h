/* SPDX-License-Identifier: ISC */
/*
 * How much mail there may be (RFC 9208): bytes and messages of an account, and
 * bytes of all accounts of a domain.  The account's counters are in its record
 * and exact.  A domain's are sums of these, kept in memory: at the start, and
 * when the configuration changes, a scan of all accounts in slices (the first
 * one at once) finds them, and who is over; until it is through, a domain's
 * limit does not count yet.  queue is told who is over, all of them when it is wired.
 */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/conf/opt.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_op.h"

#define QUOTA_DOMAINS_MAX	10000		/* with a limit of their own */
#define QUOTA_SCAN_ROWS		512		/* accounts in one slice */

/* ---- configuration: a reload begins anew ---- */

struct quota_conf {
	struct slice	 domain;
	uint64_t	 messages;	/* of one account; 0: no limit */
	uint64_t	 bytes;		/* of all accounts; 0: no limit */
	const struct opt_list *admins;	/* who may look at others; NULL: nobody */
};
void		 quota_init(struct store *);
void		 quota_fini(struct store *);
void		 quota_conf_begin(struct store *, unsigned warning_percent);
void		 quota_conf_add(struct store *, const struct quota_conf *);
void		 quota_conf_end(struct store *);	/* starts the scan */
bool		 quota_is_scanned(const struct store *);

/* ---- use ---- */

/* Is there room for so much more?  ERR_QUOTA. */
enum err	 quota_room(const struct op *, uint64_t bytes, uint64_t messages) MUST_USE;
/* After quota_add: was there?  ERR_QUOTA. */
enum err	 quota_within(const struct op *) MUST_USE;
void		 quota_add(struct op *, uint64_t bytes, uint64_t messages);
void		 quota_sub(struct op *, uint64_t bytes, uint64_t messages);
/* op_submit: the change since op_begin is on its way. */
void		 quota_submitted(struct op *);
/* The account's record is gone. */
void		 quota_gone(struct store *, uint64_t account, const struct record_account *);

/* In all mailboxes; of the accounts that the scan has seen so far. */
uint64_t	 quota_messages(const struct store *);

/* queue was wired: all that are over. */
void		 quota_joined(struct store *, struct ipc_peer *);

void		 store_on_quota(struct ipc_peer *, const void *, struct ipc_in *);

#endif
