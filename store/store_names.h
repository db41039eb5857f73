/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names of an account: UTF-8, '/' between levels, "INBOX" in
 * capitals.  A name record stands under the keyed hash of the name; a record
 * without mailbox is a subscription to a name that is not there.  A name
 * whose children exist but which has no mailbox itself is found by listing.
 */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_op.h"
#include "store/store_record.h"

#define NAMES_DEPTH_MAX	20

struct name {
	struct record_name	 rec;		/* rec.name points into bytes */
	char			 bytes[RECORD_NAME_MAX];
};

/* Well-formed: ERR_SYNTAX, ERR_TOOBIG.  "inbox" in any case becomes INBOX. */
enum err	 names_check(struct slice *name) MUST_USE;
/* The same for what is recorded: STORE_ARRIVALS is good there. */
enum err	 names_check_kept(struct slice *name) MUST_USE;
bool		 names_is_hidden(struct slice name);

enum err	 names_find(struct op *, struct slice name, struct name *) MUST_USE;
/* The mailbox of a name; ERR_NOTFOUND also when it is only a subscription. */
enum err	 names_mailbox(struct op *, struct slice name, uint32_t *mailbox) MUST_USE;
/* The name of a mailbox; ERR_NOTFOUND. */
enum err	 names_of(struct op *, uint32_t mailbox, struct name *) MUST_USE;

/* All names of the account, and the missing parents, in name order. */
struct names_entry {
	uint32_t		 mailbox;	/* 0: none */
	uint32_t		 special;
	bool			 is_subscribed;
	bool			 has_children;	/* with a mailbox */
	struct slice		 name;
};
struct names_list {
	struct names_entry	*v;
	size_t			 n;
	size_t			 cap;
	struct buf		 bytes;
	bool			 is_full;
};
enum err	 names_load(struct op *, struct names_list *) MUST_USE;
void		 names_free(struct names_list *);
/* Does a mailbox stand below this name? */
bool		 names_has_children(const struct names_list *, struct slice name);

/* Write transactions. */
void		 names_put(struct op *, const struct record_name *);
void		 names_del(struct op *, struct slice name);
/* Makes the mailbox, without its parents.  ERR_EXISTS, ERR_LIMIT. */
enum err	 names_create(struct op *, struct slice name, uint32_t special, bool subscribe,
		    uint64_t modseq, uint32_t *mailbox) MUST_USE;
/* INBOX, Drafts, Sent, Junk, Trash, Archive; once. */
enum err	 names_defaults(struct op *) MUST_USE;
/* How many the owner knows of. */
uint32_t	 names_shown(struct op *);
uint64_t	 names_hash(const struct op *, struct slice name);	/* of its record's key */
uint32_t	 names_uidvalidity(struct op *);	/* never given before */
/* Every mailbox gets another one: its messages have other bytes from now on. */
enum err	 names_renew(struct op *) MUST_USE;

#endif
