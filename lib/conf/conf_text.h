/* SPDX-License-Identifier: ISC */
/*
 * The text of godwit.conf as blocks and assignments with their places, so
 * that errors name lines and an edit keeps comments and order.  Pure.  It
 * knows no option; libconfuse reads the values afterwards (conf_file.c) from
 * the same text with its comments blanked.
 *
 *	file   = { assign | include | block }
 *	block  = name [ string ] "{" { assign } "}"
 *	assign = name "=" ( string | "{" [ string { "," string } ] "}" )
 *
 * Refused here, since libconfuse would let it pass or go astray: NUL and
 * control bytes, what is not UTF-8, "${", "+=", an unfinished string or
 * comment, and a backslash in a title.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CONF_TEXT_MAX		(1u << 20)	/* bytes, includes and all */
#define CONF_ITEMS_MAX		20000		/* blocks and assignments each */

struct conf_block {
	struct slice	 name;
	struct slice	 title;		/* without quotes; p NULL: none */
	unsigned	 line;
	size_t		 name_at;
	size_t		 body_at;	/* behind { */
	size_t		 end_at;	/* of } */
};

struct conf_assign {
	int		 block;		/* -1: top level */
	struct slice	 name;
	unsigned	 line;
	size_t		 name_at;
	size_t		 value_at;
	size_t		 value_end;
	unsigned	 value_count;
	bool		 is_list;	/* written with braces */
};

struct conf_include {
	struct slice	 path;
	unsigned	 line;
	size_t		 at;
	size_t		 end;
};

struct conf_text {
	struct buf		 plain;		/* comments blanked, same length */
	struct conf_block	*blocks;
	size_t			 block_count;
	struct conf_assign	*assigns;
	size_t			 assign_count;
	struct conf_include	*includes;
	size_t			 include_count;
	unsigned		 lines;
	/* ERR_SYNTAX: where and what. */
	unsigned		 error_line;
	const char		*error;
};

/* Slices borrow from text.  Call conf_text_fini in any case. */
enum err	 conf_text_parse(struct conf_text *, struct slice text) MUST_USE;
void		 conf_text_fini(struct conf_text *);

#endif
