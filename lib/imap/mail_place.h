/* SPDX-License-Identifier: ISC */
/*
 * Where mail comes from or goes to, as it stands on the command line: a path,
 * or imaps://[user@]host[:port], imap:// with STARTTLS.  "%xx" in the user's
 * name is decoded; "@" in it needs no escape.  Pure.
 */
#ifndef MAIL_PLACE_H
#define MAIL_PLACE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct mail_place {
	bool		 is_url;
	bool		 is_implicit;	/* imaps */
	char		 host[256];	/* without brackets */
	char		 port[6];
	char		 user[321];	/* empty: not named */
};

bool		 mail_place_is_url(const char *text);
/* ERR_SYNTAX. */
enum err	 mail_place_parse(struct mail_place *, const char *text) MUST_USE;

#endif
