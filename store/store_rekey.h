/* SPDX-License-Identifier: ISC */
/*
 * gwstore rekey: epoch keys that are under an earlier key pair of their
 * account go under its newest one; bodies stay as they are.  keyd opens and
 * seals (epoch_rekey), REKEY_EPOCHS_MAX at a time; each answer is a transaction
 * that puts the new record beside the old one in the segments and names it in
 * the index, if what it was made from is still there.  Reading and delivering
 * go on; a record that changed meanwhile is asked for again.
 *
 * Crash steps: store.rekey-put (in the segment, unnamed), -submitted, -durable.
 * Behind any of them each record is the old one or the new one, and both open:
 * an earlier pair stays with keyd.  What was cut short is begun again and finds
 * the rest.
 */
#ifndef STORE_REKEY_H
#define STORE_REKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "store/store_core.h"

#define REKEY_TURN_MS	1000	/* then the tool hears how far it is */
#define REKEY_LOOK	512	/* records in one slice */

/* Called once for each request. */
typedef void	 rekey_answer_fn(void *arg, uint8_t exit, bool more, struct slice text);

/*
 * One request: an address (empty: all accounts) and the cursor, as
 * lib/daemon/tool.h has them.  One at a time: others are told to come again.
 */
void		 rekey_tool(struct store *, struct slice args, rekey_answer_fn *, void *arg);
/* The store goes down, or ends. */
void		 rekey_stop(struct store *);
void		 rekey_fini(struct store *);

#endif
