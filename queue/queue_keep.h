/* SPDX-License-Identifier: ISC */
/*
 * A small table that queue keeps in one file of the spool, sealed: written
 * whole beside the old one, synced and renamed, some time after the first
 * change, in the pool.  The file: magic of 8, u32 format, u32 number of the
 * spool key, wrapped key of 60, sealed content; the key is new each time.
 *
 * It is read at the start; when the spool key that it needs has not come from
 * keyd yet it waits for that, and nothing is written meanwhile.  A damaged
 * file, or one whose key keyd does not have, is set aside as corrupt-NAME.
 */
#ifndef QUEUE_KEEP_H
#define QUEUE_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"
#include "queue/queue_seal.h"

#define QUEUE_KEEP_RETRY_MS	60000u	/* when it could not be written */
#define QUEUE_KEEP_HEAD_BYTES	(16u + QUEUE_WRAP_BYTES)

/* One file; constant. */
struct queue_keep_kind {
	const char	*file;
	const char	*what;		/* for the log: "policies" */
	char		 magic[9];
	uint32_t	 format;	/* that is written and read */
	uint64_t	 id;		/* what it is sealed as: differs for each file */
	size_t		 content_max;
	uint64_t	 delay_ms;	/* from a change to the disk */
	/* Append the content, which is below content_max. */
	void		(*put)(void *arg, struct buf *);
	/* The content as it was written; all the same nothing is believed. */
	enum err	(*get)(void *arg, struct slice content);
	/* The whole file of an older format; NULL: there was none. */
	enum err	(*get_old)(void *arg, struct slice file);
	void		(*clear)(void *arg);	/* what get began with is dropped */
	/* All changes up to the beginning of this write are on disk, or not. May be NULL. */
	void		(*written)(void *arg, enum err);
};

struct queue_keep {
	struct list			 link;		/* of struct queue's keeps */
	const struct queue_keep_kind	*kind;
	void				*arg;
	struct loop			*loop;
	int				 dir;
	const struct queue_keys		*keys;
	struct timer			 timer;
	bool				 is_dirty;
	bool				 is_writing;	/* in the pool: out and result are its */
	struct buf			 out;
	enum err			 result;
	struct buf			 waiting;	/* the file, for a key */
	uint32_t			 key_id;	/* that it waits for; 0: none */
};

/* make: reads the file; dir and keys are borrowed. Never fails. */
void		 queue_keep_init(struct queue_keep *, const struct queue_keep_kind *, void *arg,
		    struct loop *, int dir, const struct queue_keys *);
void		 queue_keep_fini(struct queue_keep *);	/* not while is_writing */

/* keys */
uint32_t	 queue_keep_wants(const struct queue_keep *);	/* number of a key; 0: none */
void		 queue_keep_on_key(struct queue_keep *);	/* one came */
void		 queue_keep_on_refused(struct queue_keep *, uint32_t id);	/* keyd has none */

/* use */
void		 queue_keep_changed(struct queue_keep *);
bool		 queue_keep_is_writing(const struct queue_keep *);
/* The end: what is not on disk is written now, unless a write is under way. */
void		 queue_keep_save(struct queue_keep *);

#endif
