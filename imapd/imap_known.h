/* SPDX-License-Identifier: ISC */
/*
 * What the store said to SELECT, kept for the sessions of a process: the same is
 * said again while the account's pulse (store_proto.h) stands where it stood before
 * the store was asked.  Of users in their own accounts only; that the session which
 * is answered may ask is for the caller to know, from the same pulse.
 *
 * What made messages \Recent is not kept, since it holds for one session, nor what is
 * longer than the limit here.  IMAP_KNOWN_MAX answers, the oldest use goes first;
 * all are wiped, at the latest when the store goes.
 */
#ifndef IMAP_KNOWN_H
#define IMAP_KNOWN_H

#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/ipc/ipc_codec.h"

#define IMAP_KNOWN_MAX		512
#define IMAP_KNOWN_KEYWORDS_MAX	1000	/* bytes of their names */

struct imap_known;

struct imap_known *imap_known_new(void);
/* NULL is legal in all of these: nothing is kept. */
void		 imap_known_free(struct imap_known **);
void		 imap_known_forget(struct imap_known *);	/* everything */
/* pulse: as it was before the store was asked; 0, unknown, keeps nothing. */
void		 imap_known_keep(struct imap_known *, uint64_t account, struct slice name,
		    uint64_t pulse, const struct ipc_store_selected *);
/* pulse: as it is now.  Good until the next one is kept or all is forgotten; or NULL. */
const struct ipc_store_selected *imap_known_find(struct imap_known *, uint64_t account,
		    struct slice name, uint64_t pulse);

#endif
