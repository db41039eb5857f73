/* SPDX-License-Identifier: ISC */
/*
 * The texts that lookup tables are built from: aliases(5), "name: value", and
 * the two columns of postmap(1) and virtual(5), "key value".  Pure: bytes in,
 * rows out, by a callback.
 *
 * A line that begins with white space continues the one before; empty lines
 * and those whose first mark is # are left out, also in between.  A key may
 * stand in quotes.  What looks like a mail address, a local part or
 * "@domain" becomes canonical (lib/mail/addr.h); another key is lowered.
 * Values of aliases are lists of addresses; ":include:", "|command" and
 * "/file" are refused, since nobody here runs programs or writes files.
 * The first fault ends the reading.
 */
#ifndef GWMAP_SOURCE_H
#define GWMAP_SOURCE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define GWMAP_LINE_MAX	65536u		/* with its continuation lines */
#define GWMAP_LINES_MAX	10000000u
#define GWMAP_FAULT_MAX	200u

struct gwmap_row {
	struct slice	 key;
	struct slice	 value;
	unsigned	 line;		/* where it begins */
};

typedef enum err gwmap_row_fn(void *arg, const struct gwmap_row *);

struct gwmap_source {
	bool		 is_aliases;	/* aliases(5) */
	bool		 has_lists;	/* two columns, whose values are lists */
	bool		 keeps_case;	/* keys stay as they are */
	gwmap_row_fn	*fn;
	void		*arg;
	/* within */
	struct buf	 physical;	/* line so far */
	struct buf	 logical;
	struct buf	 key;
	struct buf	 value;
	unsigned	 line;		/* physical lines read */
	unsigned	 first_line;	/* of logical */
	bool		 has_logical;
	enum err	 error;
	unsigned	 fault_line;
	char		 fault[GWMAP_FAULT_MAX + 1];
};

/* Its first four fields are set by the caller afterwards, fn and arg too. */
void		 gwmap_source_init(struct gwmap_source *);
void		 gwmap_source_fini(struct gwmap_source *);

/* ERR_SYNTAX, ERR_LIMIT: fault and fault_line tell; others are fn's. */
enum err	 gwmap_source_feed(struct gwmap_source *, struct slice) MUST_USE;
enum err	 gwmap_source_end(struct gwmap_source *) MUST_USE;

/* A key as it is looked up; ERR_LIMIT. */
enum err	 gwmap_source_key(struct buf *, struct slice key, bool keeps_case) MUST_USE;

#endif
