/* SPDX-License-Identifier: ISC */
/*
 * The commands: one row each in smtp_verbs.def, one handler each.  The runner
 * checks state, arguments and TLS before it calls the handler; a handler puts
 * replies, asks questions and returns the step to take.
 */
#ifndef SMTP_VERBS_H
#define SMTP_VERBS_H

#include "lib/base/slice.h"
#include "smtpd/smtp_session.h"

enum smtp_verb_flag {
	VERB_NO_ARGS	= 1,	/* 501 with any */
	VERB_ARGS	= 2,	/* 501 without */
	VERB_PRE_TLS	= 4,	/* allowed before a required STARTTLS (RFC 3207 s4) */
	VERB_LAST	= 8,	/* nothing may follow it in the same group */
	VERB_JUNK	= 16	/* brings no mail: counted */
};

typedef struct smtp_step smtp_verb_fn(struct smtp_session *, struct slice args);

struct smtp_verb {
	const char	*name;
	smtp_verb_fn	*fn;
	unsigned	 states;	/* enum smtp_state bits */
	unsigned	 flags;
};

/* NULL: unknown. */
const struct smtp_verb	*smtp_verbs_find(struct slice name);

#define VERB(name, fn, states, flags)	smtp_verb_fn	 fn;
#include "smtpd/smtp_verbs.def"
#undef VERB

/* The continuations that belong to handlers; called by smtp_session.c. */
struct smtp_step	 smtp_auth_take_line(struct smtp_session *, struct slice);
/* " PLAIN LOGIN ...", as EHLO shows them. */
void			 smtp_auth_put_mechanisms(const struct smtp_session *, struct buf *);
struct smtp_step	 smtp_auth_done(struct smtp_session *, enum err, struct slice address);
struct smtp_step	 smtp_mail_opened(struct smtp_session *, uint64_t msg);
struct smtp_step	 smtp_mail_refused(struct smtp_session *, const struct smtp_refusal *);
struct smtp_step	 smtp_rcpt_accepted(struct smtp_session *);
struct smtp_step	 smtp_rcpt_refused(struct smtp_session *, const struct smtp_refusal *);
struct smtp_step	 smtp_data_text(struct smtp_session *, struct slice *in);
struct smtp_step	 smtp_data_chunk(struct smtp_session *, struct slice *in);
struct smtp_step	 smtp_data_committed(struct smtp_session *);
struct smtp_step	 smtp_data_refused(struct smtp_session *, const struct smtp_refusal *);

#endif
