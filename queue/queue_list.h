/* SPDX-License-Identifier: ISC */
/*
 * What operators see of the queue, in pages: the text of gwqueue -p (Postfix's
 * form) or -j (its JSON lines).  Envelopes are read in the pool.  A page ends
 * with a cursor line while there is more (lib/daemon/tool.h).
 */
#ifndef QUEUE_LIST_H
#define QUEUE_LIST_H

#include "queue/queue_core.h"

#define QUEUE_PAGE_ITEMS	40u
#define QUEUE_PAGE_BYTES	50000u

typedef void queue_list_fn(void *arg, uint64_t id, uint8_t exit, bool more, struct slice);

/*
 * args: NUL-terminated "p", "j" or "s" (a line for gwshape -s), then maybe "s:SITE" or "i:QUEUEID" for a
 * part of it, then maybe the cursor.  fn is called once with id, maybe at once.
 */
void	 queue_list_page(struct queue *, struct slice args, uint64_t id,
	    queue_list_fn *, void *arg);
/* "active 3  deferred 118  hold 2" */
void	 queue_list_status(const struct queue *, struct buf *);

/* One message, for tests and the pages; pure. */
struct queue_list_row {
	const struct queue_envelope *env;
	uint64_t	 id;
	uint64_t	 size;
	bool		 is_active;
	bool		 is_held;
	bool		 is_doomed;	/* by gwsuper -e */
	bool		 is_ready;	/* waits for its turn, not for time */
	bool		 is_damaged;	/* env is empty */
	uint64_t	 age_s;
};
void	 queue_list_put_text(struct buf *, const struct queue_list_row *, size_t max);
/* "deferred 301 news.example.net": state, age in seconds, domain of the sender. */
void	 queue_list_put_brief(struct buf *, const struct queue_list_row *);
void	 queue_list_put_json(struct buf *, const struct queue_list_row *, size_t max);

#endif
