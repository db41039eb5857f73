/* SPDX-License-Identifier: ISC */
/*
 * A message out of the spool: envelope, state of its recipients and, when
 * wanted, the body as a descriptor to hand on.  Blocking, for the pool; a
 * load is a plain value between the loop that fills it in and the thread.
 */
#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "queue/queue_envelope.h"
#include "queue/queue_seal.h"
#include "queue/queue_segment.h"

struct queue_load {
	uint64_t		 id;
	struct queue_spot	 spot;
	struct queue_spot	 result;	/* number 0: none */
	struct queue_spool_key	 spool_key;
	int			 dir;
	bool			 want_body;
	/* results */
	enum err		 error;
	struct queue_envelope	 env;
	struct queue_progress	 progress;
	unsigned char		 key[CRY_KEY_BYTES];
	int			 fd;		/* or -1 */
};

/* ERR_NOTFOUND: its segment is gone, so it is complete; ERR_CORRUPT; ERR_IO. */
void	 queue_load_run(struct queue_load *);
void	 queue_load_fini(struct queue_load *);	/* what was not taken; wipes */

#endif
