/* SPDX-License-Identifier: ISC */
/*
 * A file of names that gwcmtp remembers something of: a line each of name,
 * space and value, neither with a space; a name has an "@".  Names are the same
 * in either ASCII case.  The file is replaced as a whole (gwcmtp_file.h).
 */
#ifndef GWCMTP_LINES_H
#define GWCMTP_LINES_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define GWCMTP_LINES_BYTES_MAX	(4u << 20)	/* of the file; above it ERR_LIMIT */

struct gwcmtp_lines {
	const char	*dir, *file;	/* borrowed */
	struct buf	 text;
};

/* ERR_SYNTAX: a line that is none, or a value that is_value denies; ERR_LIMIT; ERR_SYS.
 * No file is an empty one. */
enum err	 gwcmtp_lines_load(struct gwcmtp_lines *, const char *dir, const char *file,
		    bool (*is_value)(struct slice)) MUST_USE;
void		 gwcmtp_lines_fini(struct gwcmtp_lines *);
bool		 gwcmtp_lines_next(struct slice *rest, struct slice *name, struct slice *value);
/* The value is borrowed until the next put. */
bool		 gwcmtp_lines_find(const struct gwcmtp_lines *, struct slice name,
		    struct slice *value);
/* In place of the one of that name; written when this returns.  ERR_LIMIT, ERR_SYS. */
enum err	 gwcmtp_lines_put(struct gwcmtp_lines *, struct slice name,
		    struct slice value) MUST_USE;

#endif
