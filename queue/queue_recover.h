/* SPDX-License-Identifier: ISC */
/*
 * The start: read what the segments hold (their indexes, where they were
 * finished) and fill the table.  No key is needed: nothing is decrypted.
 * Blocking, before the loop runs.
 */
#ifndef QUEUE_RECOVER_H
#define QUEUE_RECOVER_H

#include "queue/queue_core.h"

/* A segment of a later version, or an I/O error, ends the process. */
void	 queue_recover_run(struct queue *);

#endif
