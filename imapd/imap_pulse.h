/* SPDX-License-Identifier: ISC */
/*
 * The pulse of each wire to a store (store_proto.h), as imapd sees it.
 */
#ifndef IMAP_PULSE_H
#define IMAP_PULSE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/ipc/ipc_peer.h"

/*
 * A store_pulse came from there.  ERR_VIOLATION: it is none, or the second one; after
 * other errors the wire is as good without.  fd stays the caller's.
 */
enum err	 imap_pulse_add(struct list *pulses, const struct ipc_peer *, int fd) MUST_USE;
/* The wire of that instance is gone; legal without a pulse. */
void		 imap_pulse_left(struct list *pulses, uint32_t instance);
/* 0: nothing can be told, the store is to be asked.  p may be NULL. */
uint64_t	 imap_pulse_of(const struct list *pulses, const struct ipc_peer *p,
		    uint64_t account);

#endif
