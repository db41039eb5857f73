/* SPDX-License-Identifier: ISC */
/*
 * Keys of rewritten senders (SRS): for each period of KEY_SRS_PERIOD_S one
 * that follows from the root key.  Nothing is stored: they are the same after
 * a restart.  queue gets that of this period, to make addresses, and the one
 * before, so that an address may grow as old as a period; who took queue over
 * can forge none for later periods.
 */
#ifndef KEY_SRS_H
#define KEY_SRS_H

#include "keyd/key_state.h"

#define KEY_SRS_PERIOD_S	(32u * 86400u)

void	 key_srs_on_keys(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
