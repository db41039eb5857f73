/* SPDX-License-Identifier: ISC */
/*
 * Walks the messages of a view that a set names, in UID order: live ones from
 * the mailbox's pages, pending ones from the view, with their sequence
 * numbers.  Finding a place by UID or by number goes through the directory.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/store_box.h"
#include "store/store_view.h"

struct walk {
	struct box		*box;
	const struct view	*view;
	struct view_set		 set;
	bool			 by_uid;
	uint64_t		 since;		/* only live ones above, none pending; 0: all */
	uint32_t		 from_uid;	/* nothing below is given */
	uint32_t		 from_seq;	/* the same as a number, when not by_uid */
	unsigned		 range;
	bool			 is_placed;	/* pos and pend are within range */
	struct box_pos		 pos;
	unsigned		 pend;
	unsigned char		 more[STORE_MORE_BYTES];	/* of the item given */
};

struct walk_item {
	uint32_t		 seq;
	uint32_t		 uid;
	uint32_t		 flags;
	struct slice		 more;		/* keywords from 24 on */
	uint64_t		 modseq;
	const struct view_pending *pending;	/* NULL: live, at walk->pos */
};

/* Reads the vanished rows after v; ERR_STATE when some were dropped meanwhile. */
enum err	 walk_view_load(struct box *, uint64_t v, uint32_t uidnext, struct view *) MUST_USE;
/* Messages of the view, and its highest UID (0: none). */
enum err	 walk_view_size(struct box *, const struct view *, uint32_t *exists,
		    uint32_t *top_uid) MUST_USE;

/* set is as on the wire; resume: the last UID given before.  ERR_VIOLATION. */
enum err	 walk_init(struct walk *, struct box *, const struct view *, bool by_uid,
		    struct slice set, uint32_t resume) MUST_USE;
/* All of the view. */
void		 walk_init_all(struct walk *, struct box *, const struct view *, uint32_t resume);
void		 walk_fini(struct walk *);
/* ERR_END behind the last one.  The item is good until the next call. */
enum err	 walk_next(struct walk *, struct walk_item *) MUST_USE;
/* The cold row of the item just given. */
enum err	 walk_cold(struct walk *, const struct walk_item *, struct page_cold_row *) MUST_USE;

#endif
