/* SPDX-License-Identifier: ISC */
/*
 * Replies of an SMTP server (RFC 5321 s4.2), incrementally, any split alike.
 * Limits: SMTP_REPLY_LINE_MAX bytes of a line are kept and the rest of the
 * line is passed over; a reply of more than SMTP_REPLY_BYTES_MAX bytes, a
 * code that changes between lines, a NUL, anything that is not a reply is
 * SMTP_REPLY_BAD, which is final.  A line may end in LF alone: deviates,
 * because old servers do and nothing is hidden by it.
 *
 * No memory is held between replies.
 */
#ifndef SMTP_REPLY_PARSER_H
#define SMTP_REPLY_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/slice.h"
#include "lib/smtp/smtp_result.h"

#define SMTP_REPLY_LINE_MAX	2048
#define SMTP_REPLY_BYTES_MAX	65536	/* with line ends */

enum smtp_reply_event {
	SMTP_REPLY_MORE,	/* all input used */
	SMTP_REPLY_LINE,	/* a line that others follow */
	SMTP_REPLY_END,		/* the last line: the reply is complete */
	SMTP_REPLY_BAD
};

struct smtp_reply_parser {
	/* for the owner to read, after LINE and END */
	unsigned	 code;
	unsigned	 line_count;
	struct slice	 text;		/* of this line, behind the code; until the next feed */
	bool		 is_cut;	/* this line was too long */
	/* after END */
	char		 dsn[SMTP_RESULT_DSN_MAX + 1];	/* that fits the code; or empty */
	char		 reply[SMTP_RESULT_REPLY_MAX + 1];	/* all lines in one, printable */
	const char	*bad;		/* after BAD: why */

	/* the machine */
	struct buf	 line;
	size_t		 total_bytes;
	size_t		 reply_n;
	bool		 is_done;	/* the next feed begins a new reply */
};

void			 smtp_reply_parser_init(struct smtp_reply_parser *);
void			 smtp_reply_parser_fini(struct smtp_reply_parser *);
/* Moves *in behind what was used: at most one line. */
enum smtp_reply_event	 smtp_reply_parser_feed(struct smtp_reply_parser *, struct slice *in) MUST_USE;
bool			 smtp_reply_parser_is_inside(const struct smtp_reply_parser *);

#endif
