/* SPDX-License-Identifier: ISC */
/*
 * Threads by Message-ID: 'T' records map the keyed hash of one to a thread id.
 * A message joins the thread of its nearest known reference; the references
 * that are not known yet join with it, so that a parent that comes late is
 * found.  A new thread has the id of its first content.
 */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_op.h"

#define THREAD_WRITES_MAX	8	/* references that get a record from one message */

/* message_id: 8 bytes or none; references: 8 bytes each, oldest first. */
enum err	 thread_join(struct op *, uint64_t content, struct slice message_id,
		    struct slice references, uint64_t *thread) MUST_USE;

#endif
