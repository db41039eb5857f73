/* SPDX-License-Identifier: ISC */
/*
 * What the files of repair share: store_repair.c (segments, who needs it, the
 * end), repair_account.c (one account: repair_gather.c looks, repair_content.c
 * and repair_name.c write), repair_box.c (one mailbox of it).
 */
#ifndef REPAIR_PRIV_H
#define REPAIR_PRIV_H

#include "store/store_note.h"
#include "store/store_op.h"
#include "store/store_repair.h"

#define REPAIR_SLICE	2000		/* records written in one transaction */
#define REPAIR_MODSEQ_SANE	(1ull << 62)	/* RFC 7162 s3.1.2.2: 63 bits */

struct repair_content {
	uint64_t			 id;
	const struct repair_item	*body;		/* NULL: nowhere */
	const struct repair_item	*summary;
	bool				 is_indexed;	/* there is a record */
	bool				 is_sound;	/* and it is right */
	bool				 is_usable;	/* is, or can be made */
	bool				 is_named;	/* by a row, a vanished one too */
};

struct repair_name {
	uint32_t		 mailbox;
	uint32_t		 special;
	bool			 is_subscribed;
	struct kv_key		 key;
	size_t			 n;
	char			 bytes[RECORD_NAME_MAX];
};

struct repair_box {
	uint32_t		 id;
	bool			 has_rec;
	bool			 is_leaving;	/* removed by its owner, in slices */
	struct record_mailbox	 rec;
};

struct rebuild {
	struct repair		*r;
	struct op		 op;
	unsigned		 in_op;		/* records written by it */
	uint64_t		 account;
	bool			 is_lost;	/* the index lacks what it had */
	bool			 has_bad_epoch;	/* or a place of one that is wrong */
	const struct repair_item *items;	/* of the account */
	size_t			 item_n;
	struct record_account	 acc;		/* to begin with */
	char			 address[RECORD_ADDRESS_MAX];
	uint64_t		 modseq;	/* of all that is made now */
	uint64_t		 top_epoch;	/* that the index has */
	struct repair_content	*contents;	/* by id */
	size_t			 content_n;
	size_t			 content_cap;
	struct repair_name	*names;
	size_t			 name_n;
	size_t			 name_cap;
	struct repair_box	*boxes;		/* by id */
	size_t			 box_n;
	size_t			 box_cap;
};

/* store_repair.c */
const struct repair_item *repair_item_find(const struct repair_item *, size_t n, enum blob_kind,
		    uint64_t content, const struct blob_ref *at);
/* A write transaction of the account; waits while too much is pending. */
enum err	 repair_begin(struct rebuild *) MUST_USE;
/* One more record is written; now and then a new transaction. */
enum err	 repair_count(struct rebuild *) MUST_USE;
enum err	 repair_submit(struct rebuild *) MUST_USE;
/* Removes all keys of a prefix. */
enum err	 repair_drop(struct rebuild *, const struct kv_key *prefix) MUST_USE;
/* What the note of a body says; buf is what it borrows from.  ERR_NOTFOUND: none. */
enum err	 repair_note(struct repair *, const struct repair_item *, struct buf *,
		    struct note_body *) MUST_USE;

/* repair_account.c */
enum err	 repair_account(struct repair *, uint64_t account, bool is_marked,
		    const struct repair_item *, size_t n) MUST_USE;

/* repair_gather.c */
enum err	 repair_gather(struct rebuild *) MUST_USE;
struct repair_content *repair_content_find(const struct rebuild *, uint64_t id);
/* What the segments have and the index does not, when that lost something. */
void		 repair_add_lost(struct rebuild *);
void		 repair_see_modseq(struct rebuild *, uint64_t modseq);
/* Is it where it says? */
bool		 repair_epoch_is_sound(const struct rebuild *, uint64_t epoch, struct slice v,
		    struct record_epoch *);

/* repair_content.c, repair_name.c */
enum err	 repair_contents(struct rebuild *) MUST_USE;
enum err	 repair_names(struct rebuild *) MUST_USE;

/* repair_box.c */
/* The rows of a mailbox, as far as they can be read, in new pages. */
enum err	 repair_box(struct rebuild *, struct repair_box *) MUST_USE;
/* Only what they name. */
enum err	 repair_box_see(struct rebuild *, uint32_t mailbox) MUST_USE;
/* Messages without a row. */
enum err	 repair_strays(struct rebuild *) MUST_USE;

#endif
