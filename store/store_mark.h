/* SPDX-License-Identifier: ISC */
/*
 * The mark pass over one account: vanished rows past the undelete window go,
 * then contents (and epochs) that no row names any more.  It runs in slices
 * between other work.  What is appended or copied meanwhile is told to it, so
 * that a content whose row moved behind its back is never taken for dead;
 * cold pages are read before vanished rows because rows move that way only.
 *
 * An account waits for its pass in record (0, 'W', account): u8 1, u64 due.
 */
#ifndef STORE_MARK_H
#define STORE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/store_op.h"

#define MARK_CONTENTS_MAX	(16u << 20)	/* rows of one account */

struct mark;

/* In a transaction that removed messages: a pass is due after the window. */
void		 mark_wanted(struct op *);

/* The same at once; the transaction is one of the account. */
void		 mark_due_now(struct kv_txn *, uint64_t account);

struct mark	*mark_new(struct store *, uint64_t account);
void		 mark_free(struct mark **);
uint64_t	 mark_account(const struct mark *);
/* This content has a row now. */
void		 mark_saw(struct mark *, uint64_t content);
/* One slice; *done when the pass is over. */
enum err	 mark_step(struct mark *, bool *done) MUST_USE;

#endif
