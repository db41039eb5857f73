/* SPDX-License-Identifier: ISC */
/*
 * The text of godwit.conf with its includes in their places, and which line
 * of it stands where.  An included file goes between two line ends, so that
 * no line belongs to two files.
 */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/conf/conf_file.h"
#include "lib/conf/conf_text.h"
#include "lib/conf/opt.h"

/* Lines of the whole from first on are lines of a file from base on. */
struct conf_segment {
	unsigned	 first;
	unsigned	 base;
	size_t		 file;
};

struct conf_source {
	/* given */
	const char		*dir;
	conf_load_fn		*load;
	void			*arg;
	struct opt_list		*files;		/* their names; grows */
	struct buf		*errors;
	/* read */
	struct buf		 text;
	struct conf_text	 parsed;
	struct conf_segment	 segments[2 * CONF_INCLUDES_MAX + 1];
	size_t			 segment_count;
};

/* Call conf_source_fini in any case. */
enum err		 conf_source_read(struct conf_source *) MUST_USE;
void			 conf_source_fini(struct conf_source *);
struct conf_place	 conf_source_place(const struct conf_source *, unsigned line);

#endif
