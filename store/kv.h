/* SPDX-License-Identifier: ISC */
/*
 * The ordered, transactional half of the store's engine.  A transaction
 * belongs to one account: a list of compares and writes that is taken whole
 * or not at all, in the order of kv_submit; its callback runs once it is
 * durable.  Keys begin with the big-endian account id; account 0 is the shard
 * itself (format, delivered records, work lists).
 *
 * A KV_READ transaction sees what is durable; a KV_WRITE transaction sees
 * also what was submitted before it and its own writes, so that the
 * transactions of one batch build on each other.  Neither may outlive the
 * callback that began it.  Values are borrowed until the transaction ends or
 * the key is written.  When a write cannot be made durable the process ends.
 *
 * kv_lmdb.c is the embedded engine; the order of its writes is in
 * store_commit.h.  kv_mem.c is the one in memory, for tests.
 */
#ifndef KV_H
#define KV_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define KV_KEY_MAX	24
#define KV_VALUE_MAX	2000
#define KV_TXN_BYTES_MAX	(4u << 20)	/* of writes in one transaction */
#define KV_PENDING_BYTES_MAX	(4u << 20)	/* not yet durable; then ERR_BUSY */

struct kv_key {
	uint8_t		 n;
	unsigned char	 b[KV_KEY_MAX];
};

struct kv;
struct kv_txn;

enum kv_mode { KV_READ, KV_WRITE };
enum kv_dir { KV_GE, KV_GT, KV_LE, KV_LT };
enum kv_urgency { KV_NOW, KV_LAZY };	/* LAZY rides with the next batch */
typedef void kv_done_fn(void *arg, enum err);

/* ERR_BUSY when too much is pending (KV_WRITE only). */
enum err	 kv_begin(struct kv *, uint64_t account, enum kv_mode,
		    struct kv_txn **) MUST_USE;

enum err	 kv_get(struct kv_txn *, const struct kv_key *, struct slice *value) MUST_USE;
/* The nearest key in that direction that starts with the first prefix_n bytes of key. */
enum err	 kv_find(struct kv_txn *, enum kv_dir, const struct kv_key *,
		    unsigned prefix_n, struct kv_key *found, struct slice *value) MUST_USE;

/* Compares: the transaction fails with ERR_CONFLICT unless the key is absent. */
void		 kv_expect_absent(struct kv_txn *, const struct kv_key *);
/* ... unless it has this value. */
void		 kv_expect(struct kv_txn *, const struct kv_key *, struct slice value);
/* Sticky: a value or transaction over its limit makes kv_submit fail. */
void		 kv_put(struct kv_txn *, const struct kv_key *, struct slice value);
void		 kv_del(struct kv_txn *, const struct kv_key *);

/*
 * Ends a write transaction.  OK: done (may be NULL) runs when it is durable.
 * Otherwise nothing was written: ERR_CONFLICT, ERR_LIMIT.
 */
enum err	 kv_submit(struct kv_txn **, enum kv_urgency, kv_done_fn *done, void *arg) MUST_USE;
/* Ends a read transaction, or a write transaction without effect; NULL is legal. */
void		 kv_end(struct kv_txn **);

/*
 * fn runs for each account, at least once for each batch, before a KV_READ
 * transaction can see anything that the batch wrote of it, and so before the
 * callbacks; not for account 0.  There is no other way for a change to be seen.
 */
typedef void kv_change_fn(void *arg, uint64_t account);
void		 kv_on_change(struct kv *, kv_change_fn *, void *arg);

/* Which shard, of how many. */
unsigned	 kv_shard_of(const struct kv *, uint64_t account);
unsigned	 kv_shard_count(const struct kv *);
/* An account-0 transaction of one shard. */
enum err	 kv_begin_shard(struct kv *, unsigned shard, enum kv_mode,
		    struct kv_txn **) MUST_USE;

/* For tools: of one shard's durable part. */
struct kv_stat {
	uint64_t	 entries;
	uint64_t	 bytes;
	uint64_t	 free_bytes;	/* of these: used again before it grows */
};
enum err	 kv_stat(struct kv *, unsigned shard, struct kv_stat *) MUST_USE;

#endif
