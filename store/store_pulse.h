/* SPDX-License-Identifier: ISC */
/*
 * The store's pulse (store_proto.h): one for each process, given to every imapd.
 * What is written beats by itself, as the engine makes it visible (kv_on_change);
 * store_pulse_beat is for what changes answers and is written nowhere.
 */
#ifndef STORE_PULSE_H
#define STORE_PULSE_H

#include "store/store_core.h"

/* Once there is a kv.  Without memory for it imapds ask for everything. */
void	 store_pulse_open(struct store *);
void	 store_pulse_close(struct store *);
void	 store_pulse_offer(const struct store *, struct ipc_peer *);
void	 store_pulse_beat(const struct store *, uint64_t account);

#endif
