/* SPDX-License-Identifier: ISC */
/*
 * Counters that one process moves when something changes, and that others look at
 * instead of asking it: a window (window.h) of PULSE_BYTES.  An id has one of them,
 * and shares it: that it moved says "perhaps".  That it stands where it stood when
 * something was asked for says that the answer would be the same now, since the
 * maker moves it before anybody can see a change.
 *
 * Counters begin at a random number, so that those of two makers do not agree.  A
 * maker that ended leaves its own standing still for ever: who reads must know, each
 * time, that it lives (ipc_peer_is_up).
 */
#ifndef PULSE_H
#define PULSE_H

#include <stdint.h>

#define PULSE_COUNT	4096u		/* a power of two */
#define PULSE_BYTES	(PULSE_COUNT * sizeof(uint64_t))

/* The maker's. */
void		 pulse_begin(unsigned char *mem, uint64_t random);
void		 pulse_beat(unsigned char *mem, uint64_t id);
/* Never 0. */
uint64_t	 pulse_at(const unsigned char *mem, uint64_t id);

#endif
