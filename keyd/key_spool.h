/* SPDX-License-Identifier: ISC */
/*
 * Spool keys: what wraps the per-message keys in queue's segments.  Kept in
 * the ring under the root key, by number; the newest is the current one.
 */
#ifndef KEY_SPOOL_H
#define KEY_SPOOL_H

#include "keyd/key_state.h"

#define KEY_SPOOL_KEYS_MAX	200

/* Make the first one if there is none. */
void		 key_spool_init(struct keyd *);
void		 key_spool_on_key(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

#endif
