/* SPDX-License-Identifier: ISC */
/*
 * gwsuper -r: the recipients of a message that still wait are looked up as if
 * they came now.  What RCPT named leads to other addresses than it did when
 * aliases were changed: those that are new are added, those that it does not
 * lead to any more are done with (QUEUE_RCPT_MOVED, nobody is told).  Who has
 * the message, or was given up, gets it no second time.  A recipient who
 * cannot be looked up, or does not exist any more, stays as he is.
 */
#ifndef QUEUE_AGAIN_H
#define QUEUE_AGAIN_H

#include "queue/queue_core.h"

/* Recipients in a job or a line are left alone, and so is all while deliver
 * has the message. */
void	 queue_again_look(struct queue_msg *);

#endif
