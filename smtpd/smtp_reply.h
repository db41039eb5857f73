/* SPDX-License-Identifier: ISC */
/*
 * Replies: the fixed ones from smtp_replies.def, and those made from a
 * refusal of another process.  Each reply of 400 and above is logged as
 * `reject`; one that the client caused counts against error_limit, and the
 * one past the limit becomes 421 and ends the session.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

enum smtp_reply_id {
	REPLY_NONE,
#define REPLY(name, code, dsn, text)	REPLY_##name,
#include "smtpd/smtp_replies.def"
#undef REPLY
	REPLY_COUNT
};

struct smtp_reply_row {
	const char	*name;
	unsigned	 code;
	const char	*dsn;
	const char	*text;
};
extern const struct smtp_reply_row	smtp_reply_rows[REPLY_COUNT];

struct smtp_session;

struct smtp_refusal {
	enum err	 error;
	struct slice	 dsn;		/* may be empty */
	struct slice	 text;
};

void		 smtp_reply(struct smtp_session *, enum smtp_reply_id);
void		 smtp_reply_refusal(struct smtp_session *, const struct smtp_refusal *);
/* 250 2.0.0 Ok: queued as ID */
void		 smtp_reply_queued(struct smtp_session *, uint64_t msg);
/* The bare line, for connections refused before there is a session. */
void		 smtp_reply_put(struct buf *, enum smtp_reply_id);

/* The basic code that belongs to a refusal; exported for its test. */
unsigned	 smtp_reply_code(const char *verb, struct slice dsn);

#endif
