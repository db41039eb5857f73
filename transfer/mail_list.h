/* SPDX-License-Identifier: ISC */
/*
 * What a source has: folders, and the messages of one of them.  Keywords are
 * kept once each.  Limits: MAIL_FOLDERS_MAX, MAIL_MESSAGES_MAX.
 */
#ifndef MAIL_LIST_H
#define MAIL_LIST_H

#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/imap/mail_flags.h"

#define MAIL_FOLDERS_MAX	20000
#define MAIL_MESSAGES_MAX	10000000
#define MAIL_NAME_MAX		255	/* of a folder, in UTF-8 */

struct mail_folder {
	struct slice	 name;		/* UTF-8, "/" between levels */
	struct slice	 at;		/* the source's own name for it */
	uint32_t	 uidvalidity;	/* 0: it has no UIDs; filled in by list */
	uint32_t	 uidnext;
};

struct mail_message {
	uint32_t	 uid;		/* 0: none */
	struct mail_flags flags;
	int64_t		 internal_s;
	uint64_t	 size;		/* about; 0: not known */
	uint64_t	 key;		/* mail_key, when it was asked for */
	struct slice	 at;		/* the source's own name for it */
	uint64_t	 offset, end;	/* in an mbox */
};

struct mail_folders {
	struct mail_folder	*v;
	size_t			 n, cap;
	struct arena		 arena;
};

struct mail_list {
	struct mail_message	*v;
	size_t			 n, cap;
	struct arena		 arena;		/* what the slices borrow from */
	struct map		 words;		/* keywords seen so far */
	uint64_t		 size;		/* of all */
};

void		 mail_folders_init(struct mail_folders *);
void		 mail_folders_fini(struct mail_folders *);
/* Copies name and at.  ERR_LIMIT. */
enum err	 mail_folders_add(struct mail_folders *, struct slice name, struct slice at) MUST_USE;
/* In the order of their names, so that parents come first. */
void		 mail_folders_sort(struct mail_folders *);

void		 mail_list_init(struct mail_list *);
void		 mail_list_fini(struct mail_list *);
void		 mail_list_reset(struct mail_list *);
/* Copies what the slices of it show.  ERR_LIMIT. */
enum err	 mail_list_add(struct mail_list *, const struct mail_message *) MUST_USE;
/* By UID if all have one, else by date and name. */
void		 mail_list_sort(struct mail_list *);

/*
 * What makes two messages the same for an import that begins again: arrival
 * and Message-ID, or where there is none Date, From and Subject.  Two that are
 * alike in this count twice.
 */
uint64_t	 mail_key(struct slice header, int64_t internal_s);

#endif
