/* SPDX-License-Identifier: ISC */
/*
 * What became of a recipient, or why a connection ended, in the three forms
 * that are asked for: a class for the queue, an enhanced status code for DSNs
 * (RFC 3463), words for the log.  A plain value of bounded size; copy it
 * freely.
 */
#ifndef SMTP_RESULT_H
#define SMTP_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define SMTP_RESULT_DSN_MAX	9	/* "5.123.123" */
#define SMTP_RESULT_TEXT_MAX	255	/* as relay_result */
#define SMTP_RESULT_REPLY_MAX	512

/* name; what a reply was in reply to; what was under way when it broke off */
#define SMTP_STAGES(S)							\
	S(CONNECT, "connect", "connection", "connecting")		\
	S(GREETING, "greeting", "connection", "waiting for the greeting") \
	S(EHLO, "EHLO", "EHLO command", "sending EHLO")			\
	S(STARTTLS, "STARTTLS", "STARTTLS command", "starting TLS")	\
	S(AUTH, "AUTH", "AUTH command", "logging in")			\
	S(IDLE, "idle", "nothing", "idle")				\
	S(RSET, "RSET", "RSET command", "sending RSET")			\
	S(MAIL, "MAIL", "MAIL FROM command", "sending MAIL FROM")	\
	S(RCPT, "RCPT", "RCPT TO command", "sending RCPT TO")		\
	S(DATA, "DATA", "DATA command", "sending DATA")			\
	S(BODY, "message", "message text", "sending the message text")	\
	S(END, "end of data", "end of DATA command",			\
	    "waiting for the answer to the message")			\
	S(QUIT, "QUIT", "QUIT command", "sending QUIT")

enum smtp_stage {
#define S(name, text, in_reply, doing)	SMTP_STAGE_##name,
	SMTP_STAGES(S)
#undef S
};

struct smtp_result {
	enum err	 error;		/* OK: taken; else its class decides */
	enum smtp_stage	 stage;		/* where it was decided */
	bool		 is_again;	/* not refused: give it in another transaction, now */
	bool		 dsn_taken;	/* taken, and the host does DSN (RFC 3461 s5.2.2) */
	unsigned	 code;		/* of the reply; 0: not from the host */
	char		 dsn[SMTP_RESULT_DSN_MAX + 1];		/* always there: "4.4.2" */
	/* The reason, or the words of a host that took it. */
	char		 text[SMTP_RESULT_TEXT_MAX + 1];
	/* The host's words, printable; or empty. */
	char		 reply[SMTP_RESULT_REPLY_MAX + 1];
};

const char	*smtp_stage_name(enum smtp_stage);	/* "end of data" */
const char	*smtp_stage_doing(enum smtp_stage);	/* "sending DATA" */

/* From our side: the class of dsn ("4.7.4", a literal) is the class of the result. */
void		 smtp_result_own(struct smtp_result *, enum smtp_stage, const char *dsn,
		    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The same, and the host's reply behind the words. */
void		 smtp_result_add_reply(struct smtp_result *, unsigned code, const char *reply);
/*
 * From a reply, "550 5.1.1 No such user"; dsn is its enhanced code or empty.
 * host names the other side, "mx.example[192.0.2.1]:25".
 */
void		 smtp_result_reply(struct smtp_result *, enum smtp_stage, const char *host,
		    unsigned code, const char *dsn, const char *reply);
/* 5xx as the 4xx of the same kind: our login is wrong, not the mail. */
void		 smtp_result_soften(struct smtp_result *);

#endif
