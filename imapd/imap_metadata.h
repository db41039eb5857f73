/* SPDX-License-Identifier: ISC */
/*
 * Entries of mailboxes and of the account (RFC 5464): their names, which ones
 * a client asks for, and METADATA responses.  Two entries are computed: the
 * server's /shared/admin, and /private/specialuse (RFC 6154 s4).  Names are
 * kept in lower case; entries below "/shared" of the server are read-only.
 */
#ifndef IMAP_METADATA_H
#define IMAP_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"

#define IMAP_METADATA_NAMES_MAX	100	/* in one command */
#define IMAP_METADATA_NAME_MAX	255	/* bytes */
#define IMAP_METADATA_ADMIN	"/shared/admin"
#define IMAP_METADATA_COMMENT	"/shared/comment"	/* of the server */
#define IMAP_METADATA_USE	"/private/specialuse"

enum imap_metadata_depth { IMAP_DEPTH_0, IMAP_DEPTH_1, IMAP_DEPTH_INFINITY };

struct imap_metadata_ask {
	struct slice	 names[IMAP_METADATA_NAMES_MAX];
	size_t		 count;
	uint8_t		 depth;		/* enum imap_metadata_depth */
	bool		 has_max;
	uint32_t	 max_bytes;	/* longer values are not told */
};

/* One mailbox's entries while they are told. */
struct imap_metadata_get {
	const struct imap_metadata_ask	*ask;
	struct slice	 mailbox;	/* empty: the server's */
	uint32_t	 special;	/* its uses */
	struct slice	 after;		/* last entry of the page before */
	uint32_t	 longest;	/* of the values left out; 0: none */
	bool		 told[IMAP_METADATA_NAMES_MAX];
};

/* ---- parse ---- */

/* An entry's name, in lower case; a mistake in it is the parser's. */
struct slice	 imap_metadata_parse_name(struct imap_parser *);
/* "(" entry *(SP entry) ")" */
void		 imap_metadata_parse_names(struct imap_parser *, struct imap_metadata_ask *);
/* What the depth reaches. */
bool		 imap_metadata_is_asked(const struct imap_metadata_ask *, struct slice name);

/* ---- tell ---- */

/* As an astring. */
void		 imap_metadata_put_name(struct buf *, struct slice name);
/* Ask for the first page, or the one behind; false: the command was answered. */
bool		 imap_metadata_request(struct imap_cmd *, const struct imap_metadata_get *,
		    imap_reply_fn *, void *arg);
/* Tell a page.  ERR_AGAIN: there are more; ERR_LIMIT: no room for its name. */
enum err	 imap_metadata_put(struct imap_cmd *, struct imap_metadata_get *,
		    const struct ipc_store_metadata_reply *) MUST_USE;

#endif
