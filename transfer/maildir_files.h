/* SPDX-License-Identifier: ISC */
/*
 * What lies in a Maildir beside the messages, and in their names: flags,
 * Dovecot's dovecot-uidlist (versions 1 and 3) and dovecot-keywords.  Pure.
 */
#ifndef MAILDIR_FILES_H
#define MAILDIR_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"

#define MAILDIR_LETTERS		26		/* keywords, "a" to "z" */
#define MAILDIR_LIST_MAX	(512u << 20)	/* bytes of a dovecot-uidlist */
#define MAILDIR_KEYWORDS_MAX	65536		/* of dovecot-keywords */

/* "1700000000.M1P2.host,S=5:2,FS": base is what comes before the flags. */
void	 maildir_name_split(struct slice file, struct slice *base, struct slice *letters);

/* Borrows from the text. */
struct maildir_keywords { struct slice name[MAILDIR_LETTERS]; };
void	 maildir_keywords_parse(struct maildir_keywords *, struct slice text);
/* Letters a to z as words. */
void	 maildir_keywords_put(const struct maildir_keywords *, struct slice letters, struct buf *);

/* Borrows from the text, which must stay. */
struct maildir_uids {
	uint32_t	 uidvalidity;	/* 0: there are none */
	uint32_t	 uidnext;
	struct map	 by_base;
	struct arena	 arena;
};
void	 maildir_uids_init(struct maildir_uids *);
void	 maildir_uids_fini(struct maildir_uids *);
void	 maildir_uids_parse(struct maildir_uids *, struct slice text);
uint32_t maildir_uids_find(const struct maildir_uids *, struct slice base);	/* 0: none */

#endif
