/* SPDX-License-Identifier: ISC */
/*
 * What smtpd makes of the text of a message: a Received field in front, the
 * limits on size and header, loop detection, and for submissions the missing
 * Date and Message-ID at the end of the header.  Streams: the result goes to
 * a sink in pieces; the header passes through line by line, the body
 * untouched.  After the first failure the rest is swallowed.
 */
#ifndef SMTP_MESSAGE_H
#define SMTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/trace.h"
#include "smtpd/smtp_header.h"
#include "smtpd/smtp_reply.h"

struct smtp_message_limits {
	uint64_t	 message_bytes;
	uint64_t	 header_bytes;
	uint32_t	 header_fields;
	uint32_t	 received;	/* hops */
	size_t		 text_line_bytes;
};

typedef void smtp_message_sink(void *arg, struct slice);

struct smtp_message {
	struct smtp_message_limits	 limits;
	struct smtp_header		 header;
	struct buf			 line;		/* an unfinished header line */
	struct buf			 added;		/* Date and Message-ID, ready to go */
	smtp_message_sink		*sink;
	void				*arg;
	uint64_t			 text_bytes;	/* from the client */
	uint64_t			 out_bytes;	/* to the sink */
	uint32_t			 date_bytes;	/* of added: Date comes first */
	bool				 is_submission;
	bool				 in_body;
	enum smtp_reply_id		 failed;	/* REPLY_NONE: fine so far */
};

void	 smtp_message_init(struct smtp_message *, const struct smtp_message_limits *,
	    bool is_submission, smtp_message_sink *, void *arg);
void	 smtp_message_fini(struct smtp_message *);

void	 smtp_message_begin(struct smtp_message *, const struct trace *);
void	 smtp_message_put(struct smtp_message *, struct slice);
void	 smtp_message_end(struct smtp_message *);
/* The first failure stands. */
void	 smtp_message_fail(struct smtp_message *, enum smtp_reply_id);

#endif
