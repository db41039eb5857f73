/* SPDX-License-Identifier: ISC */
/*
 * IMAP URLs (RFC 5092) that name a message or a part of one, absolute or
 * relative, with the authorization of RFC 4467.  Pure.
 *
 *	[["imap:"] "//" [user [";AUTH=" type] "@"] host [":" port]] ["/"]
 *	    [mailbox [";UIDVALIDITY=" n]] ["/;UID=" n] ["/;SECTION=" text]
 *	    ["/;PARTIAL=" from ["." count]] [";EXPIRE=" date-time]
 *	    [";URLAUTH=" access [":" mechanism ":" token]]
 *
 * What is percent-encoded is decoded into the arena; all other slices borrow
 * the text.  Deviates: the "/" before a ";NAME=" may be left out, as older
 * clients do.  A search ("?") is ERR_UNSUPPORTED.
 */
#ifndef IMAP_URL_H
#define IMAP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define IMAP_URL_MAX		8192	/* bytes of one */
#define IMAP_URL_LEVELS_MAX	64	/* of the mailbox's path */

enum imap_url_access {
	IMAP_URL_NO_ACCESS, IMAP_URL_SUBMIT, IMAP_URL_USER, IMAP_URL_AUTHUSER,
	IMAP_URL_ANONYMOUS
};

struct imap_url {
	bool		 has_scheme;	/* "imap:" */
	bool		 has_server;	/* "//": user and host may be set */
	bool		 has_auth;	/* ";AUTH=" */
	struct slice	 user;		/* empty: not named */
	struct slice	 host;		/* as written, in brackets if it was */
	bool		 is_rooted;	/* the path is not relative to another */
	struct slice	 mailbox;	/* UTF-8; empty: that of the base */
	uint32_t	 uidvalidity;	/* 0: not named; so uid */
	uint32_t	 uid;
	struct slice	 section;	/* ASCII; empty: all */
	bool		 has_partial;
	uint32_t	 from;
	uint32_t	 count;		/* 0: to the end */
	bool		 has_expire;
	int64_t		 expire_s;	/* Unix time */
	enum imap_url_access access;
	struct slice	 access_user;	/* of SUBMIT and USER */
	struct slice	 rump;		/* all up to and with access */
	struct slice	 mechanism;	/* empty: the URL ends with the rump */
	struct slice	 token;
};

/* ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED. */
enum err	 imap_url_parse(struct imap_url *, struct slice text, struct arena *) MUST_USE;
/*
 * The mailbox that it names when base is selected (RFC 4469 s3, RFC 3986
 * s5.2), without dot segments.  ERR_SYNTAX: none; ERR_LIMIT.
 */
enum err	 imap_url_mailbox(const struct imap_url *, struct slice base, struct arena *,
		    struct slice *name) MUST_USE;

#endif
