/* SPDX-License-Identifier: ISC */
/*
 * HTML as plain text: character references resolved, tags and what they hide
 * (comments, style, script, title, head) left out.  For one line of preview
 * and for whole texts.  Tolerant, linear, pure; the input is UTF-8, where it
 * is not it ends.
 */
#ifndef HTML_TEXT_H
#define HTML_TEXT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum html_kind {
	HTML_CHAR,	/* one character of text, white space too */
	HTML_GAP,	/* a tag that separates words */
	HTML_LINE,	/* ... or lines */
	HTML_ITEM,	/* a line of a list */
	HTML_BLOCK	/* ... or paragraphs */
};

struct html_token {
	enum html_kind	 kind;
	struct slice	 text;		/* HTML_CHAR: of the input, or of mem */
	char		 mem[4];
};

/* Takes from the front; false at the end. */
bool		 html_text_next(struct slice *html, struct html_token *);
/* Lines that end in LF, paragraphs with an empty one between. */
void		 html_text_put(struct buf *, struct slice html);

#endif
