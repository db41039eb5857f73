/* SPDX-License-Identifier: ISC */
/*
 * Flags between their wire names and the store's numbers.  System flags are
 * the bits of enum store_flag; keywords are named per mailbox, bit 8 first
 * (lib/ipc/store.msg).  \Recent belongs to the session and cannot be set.
 */
#ifndef IMAP_FLAGS_H
#define IMAP_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define IMAP_KEYWORD_MAX	64	/* bytes of one name */
#define IMAP_KEYWORDS_MAX	2000	/* bytes of all names of a mailbox */

struct imap_flags {
	uint32_t	 system;
	struct slice	 keywords;	/* NUL-terminated names, in the arena */
};

/* flag-list, or with bare: one or more flags without parentheses (STORE). */
void		 imap_flags_parse(struct imap_parser *, bool bare_allowed, struct imap_flags *);
/* A system flag's bit by its name with backslash; 0: none. */
uint32_t	 imap_flags_system(struct slice name);
/* A valid keyword (an atom, not too long)? */
bool		 imap_flags_is_keyword(struct slice);
/* Position of a keyword among the mailbox's, -1: it has none such. */
int		 imap_flags_keyword(struct slice keywords, struct slice name);
/* Whether every flag of a row has a name: more is the row's, keywords from 24 on. */
bool		 imap_flags_are_named(struct slice keywords, uint32_t flags, struct slice more);
/* Whether all of wanted are among known. */
bool		 imap_flags_known(struct slice known, struct slice wanted);

/* "\Seen $Forwarded", without parentheses. */
void		 imap_flags_put(struct buf *, uint32_t flags, struct slice more,
		    struct slice keywords, bool recent);
/* The names of the keywords of a row, each with a NUL. */
void		 imap_flags_put_names(struct buf *, uint32_t flags, struct slice more,
		    struct slice keywords);
/* The same as imap_flags_put with every flag that there is. */
void		 imap_flags_put_all(struct buf *, struct slice keywords);
/* Those that a session with these rights can change, for PERMANENTFLAGS. */
void		 imap_flags_put_permanent(struct buf *, struct slice keywords, uint32_t rights);
/* The untagged FLAGS, and PERMANENTFLAGS when a mailbox is being selected. */
void		 imap_flags_put_list(struct buf *, struct slice keywords);

#endif
