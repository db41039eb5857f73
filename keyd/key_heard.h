/* SPDX-License-Identifier: ISC */
/*
 * A tool's answer that is given when queue and store have taken what they were
 * told before it: who was locked out is, in sessions that are open too, and
 * who was added can be written to.  Their wires keep the order, so each is
 * asked whether it has come this far.  Who is gone will be told all of it
 * before it serves anybody; who does not answer within KEY_HEARD_MS is told of
 * in the answer, for the change stands.
 */
#ifndef KEY_HEARD_H
#define KEY_HEARD_H

#include "keyd/key_state.h"

#define KEY_HEARD_MS	20000u

/* text is what the tool prints: an answer without it says when it is late. */
void	 key_heard_reply(struct keyd *, uint64_t id, struct slice text);

#endif
