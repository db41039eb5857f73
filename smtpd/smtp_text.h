/* SPDX-License-Identifier: ISC */
/*
 * Mail text on the wire: the end of DATA, dot transparency (RFC 5321 s4.5.2)
 * and line ends, incrementally.  Only CRLF ends a line; a CR or LF alone
 * stops at once with SMTP_TEXT_BARE, so that nothing behind it is ever read
 * as something else (SMTP smuggling).  NUL bytes and long lines are noted and
 * the text goes on.
 */
#ifndef SMTP_TEXT_H
#define SMTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/cc.h"
#include "lib/base/slice.h"

enum smtp_text_result { SMTP_TEXT_MORE, SMTP_TEXT_END, SMTP_TEXT_BARE };
enum smtp_text_at { SMTP_AT_BOL, SMTP_AT_DOT, SMTP_AT_DOT_CR, SMTP_AT_MID, SMTP_AT_CR };

struct smtp_text {
	enum smtp_text_at	 at;
	bool			 is_data;	/* dots and an end: DATA, not BDAT */
	bool			 has_nul;
	bool			 is_too_long;	/* some line was */
	size_t			 line_bytes;	/* of the current line */
	size_t			 line_max;	/* without CRLF and stuffed dot */
};

typedef void smtp_text_sink(void *arg, struct slice);

void			 smtp_text_init(struct smtp_text *, bool is_data, size_t line_max);
/* Moves *in past what was read; the decoded text goes to the sink. */
enum smtp_text_result	 smtp_text_feed(struct smtp_text *, struct slice *in,
			    smtp_text_sink *, void *arg) MUST_USE;
/* BDAT LAST: completes the last line; false when it ends in a bare CR. */
bool			 smtp_text_finish(struct smtp_text *, smtp_text_sink *, void *arg) MUST_USE;

#endif
