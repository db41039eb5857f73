/* SPDX-License-Identifier: ISC */
/*
 * One SMTP session as a state machine without descriptors, loop or clock.
 * smtp_session_feed takes what arrived; replies collect in s->out; what other
 * processes must do is asked through struct smtp_env, one question at a time,
 * and answered later by a smtp_session_on_ call, never from inside the
 * question.  While a question is open nothing is read: pipelined commands
 * wait with the caller.
 *
 * Where a command could begin, OHAI and NUL change the protocol: mode is
 * SMTP_HANDED then, and what line has and what was not used go to cmtpd.
 *
 * state says where the transaction stands, mode what the next input is.  Only
 * smtp_session.c assigns either; verb handlers return the step to take.
 *
 * RFC 5321, 1870 (SIZE), 2034, 2920 (PIPELINING), 3030 (CHUNKING without
 * BINARYMIME), 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH), 6152 (8BITMIME),
 * 6409, 6531, 8689 (REQUIRETLS).
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"
#include "lib/sasl/scram_server.h"
#include "smtpd/smtp_message.h"
#include "smtpd/smtp_reply.h"
#include "smtpd/smtp_text.h"

#define SMTP_HELO_MAX	255
#define SMTP_OUT_HIGH	16384		/* replies waiting: read no further command */
#define SMTP_OUT_MAX	65536
#define SMTP_PASSWORD_MAX 1024		/* as keyd.msg */

#define SMTP_STATES(S)							\
	S(START, 1)	/* no EHLO yet */				\
	S(HELO,	 2)	/* between transactions */			\
	S(MAIL,	 4)	/* sender accepted */				\
	S(RCPT,	 8)	/* at least one recipient */			\
	S(BDAT,	16)	/* at least one chunk */

enum smtp_state {
#define S(name, bit)	SMTP_##name = (bit),
	SMTP_STATES(S)
#undef S
};

enum smtp_mode {
	SMTP_COMMAND,		/* a command line */
	SMTP_AUTH_LINE,		/* a line of the AUTH exchange */
	SMTP_TEXT,		/* DATA */
	SMTP_CHUNK,		/* BDAT */
	SMTP_WAIT_OPEN,		/* queue answers MAIL */
	SMTP_WAIT_RCPT,
	SMTP_WAIT_COMMIT,
	SMTP_WAIT_LOGIN,	/* keyd answers */
	SMTP_WAIT_TLS,		/* the handshake runs */
	SMTP_HANDED,		/* the client changed to CMTP: OHAI begins in line */
	SMTP_CLOSED
};

struct smtp_step {
	enum smtp_mode	 mode;
	enum smtp_state	 state;
};

enum smtp_tls { SMTP_TLS_NO, SMTP_TLS_MAY, SMTP_TLS_REQUIRED, SMTP_TLS_IMPLICIT };

struct smtp_limits {
	struct smtp_message_limits	 message;
	size_t				 command_bytes;	/* with CRLF */
	uint32_t			 recipients;
	uint32_t			 errors;
	uint32_t			 prelogin_commands;
	uint32_t			 junk_commands;	/* between messages */
	bool				 offers_scram;
};

/* Facts that do not change in a session; borrowed. */
struct smtp_service {
	const struct smtp_limits *limits;
	const char		 *hostname;
	bool			  is_submission;
	bool			  offers_cmtp;
	bool			  is_local;	/* programs of this host, by their uid */
	const char		 *domain;	/* is_local: completes their bare names */
	enum smtp_tls		  tls;
};

struct smtp_open {
	struct slice	 sender;
	struct slice	 helo;
	struct slice	 envid;		/* RFC 3461 s4.4, decoded */
	uint64_t	 size;		/* announced, 0: unknown */
	unsigned	 flags;		/* enum queue_flag */
};

struct smtp_rcpt_to {
	uint64_t	 msg;
	struct slice	 rcpt;
	struct slice	 orcpt;		/* RFC 3461 s4.2: "rfc822;a@b", decoded */
	uint8_t		 notify;	/* s4.1, as queue.msg has it */
};

struct smtp_login {
	const char	*mechanism;
	struct slice	 user;
	struct slice	 password;
};

struct smtp_commit {
	uint64_t	 msg;
	uint64_t	 bytes;		/* given to body */
	unsigned	 flags;		/* QUEUE_TLS_OPTIONAL, or 0 */
	struct slice	 message_id;
};

/*
 * What the session asks of its surroundings.  Where the result is not ERR_OK
 * the question is answered by it and no smtp_session_on_ call follows.
 */
struct smtp_env {
	enum err	(*open)(void *, const struct smtp_open *);
	enum err	(*rcpt)(void *, const struct smtp_rcpt_to *);
	/* At once; ERR_AGAIN: taken, but pause until smtp_session_resume. */
	enum err	(*body)(void *, struct slice);
	enum err	(*commit)(void *, const struct smtp_commit *);
	void		(*abort)(void *, uint64_t msg);	/* no answer */
	enum err	(*login)(void *, const struct smtp_login *);
	/* SCRAM (smtp_scram.h): answered by on_challenge, then by on_proof; a
	 * refusal by on_login.  binding may be NULL: no -PLUS. */
	enum err	(*scram_start)(void *, const char *mechanism,
			    const struct scram_server *);
	enum err	(*scram_finish)(void *, uint64_t exchange, const struct scram_final *);
	bool		(*binding)(void *, struct slice name, struct scram_binding *);
	/* EXTERNAL: has the client proved by a certificate who it is?  May be NULL: no.
	 * Then login takes whom it wants to be, or nobody, without a password. */
	bool		(*has_certificate)(void *);
	/* Agree to; begin it when s->out, as it is after this feed, was sent. */
	enum err	(*start_tls)(void *);
	uint64_t	(*real_s)(void *);	/* unix time */
};

struct smtp_txn {
	uint64_t		 msg;		/* 0 until queue opened it */
	uint32_t		 rcpt_count;
	unsigned		 flags;		/* enum queue_flag */
	bool			 is_begun;	/* text has come */
	bool			 is_dead;	/* queue lost or aborted it */
	bool			 bdat_failed;	/* a chunk was refused */
	struct addr		 sender;
	struct addr		 rcpt;		/* the last one asked about */
	struct addr		 only_rcpt;	/* the first accepted */
	struct smtp_message	 message;
	struct smtp_text	 text;
};

struct smtp_session {
	/* set by the owner before smtp_session_start */
	uint64_t			 id;	/* for the log */
	const struct smtp_service	*service;
	const struct smtp_env		*env;
	void				*arg;	/* for env */
	char				 client[64];	/* address literal */
	char				 peer[64];	/* as logged */
	uint32_t			 uid;	/* is_local: whose program it is */
	bool				 can_tls;	/* a certificate is there */
	bool				 can_cmtp;	/* cmtpd is there */
	bool				 takes_cleartext;	/* logins without TLS */

	/* for the owner to read */
	struct buf			 out;	/* replies, to be consumed */
	uint64_t			 progress;	/* grows with useful input */
	uint32_t			 command_count;
	uint32_t			 message_count;
	const char			*end;	/* why it closed; NULL: open */

	/* the machine */
	enum smtp_state			 state;
	enum smtp_mode			 mode;
	const char			*verb;	/* being handled: log and codes */
	struct buf			 line;	/* an unfinished one */
	size_t				 rest;	/* input behind this command */
	bool				 line_too_long;
	bool				 line_has_cr;	/* overlong: last byte was CR */
	bool				 is_draining;
	bool				 is_paused;	/* body asked for a pause */
	bool				 is_esmtp;
	bool				 wants_login_user;	/* AUTH LOGIN: next line */
	uint32_t			 error_count;
	uint32_t			 junk_count;
	const char			*tls_version;	/* NULL: plaintext */
	const char			*tls_cipher;
	char				 helo[SMTP_HELO_MAX + 1];
	const char			*mechanism;	/* AUTH in progress */
	struct buf			 auth;		/* LOGIN: the user name */
	struct smtp_scram		*scram;
	char				 login[ADDR_TEXT_MAX + 1];	/* empty: not logged in */
	uint64_t			 chunk_left;
	bool				 chunk_is_last;
	enum smtp_reply_id		 chunk_failed;	/* say this when it is read */
	struct smtp_txn			*txn;	/* in MAIL, RCPT, BDAT and WAIT_OPEN */
};

/* life */
void	 smtp_session_start(struct smtp_session *);	/* rest zeroed; greets */
void	 smtp_session_fini(struct smtp_session *);	/* aborts what is open */

/* input: how many bytes were used; call again with the rest when not waiting */
size_t	 smtp_session_feed(struct smtp_session *, struct slice);
bool	 smtp_session_can_read(const struct smtp_session *);
void	 smtp_session_resume(struct smtp_session *);	/* body may go on */

/* answers; one that was not asked for is ignored (the session moved on) */
void	 smtp_session_on_opened(struct smtp_session *, uint64_t msg);
void	 smtp_session_on_rcpt_ok(struct smtp_session *);
void	 smtp_session_on_committed(struct smtp_session *);
/* open, rcpt or commit: no */
void	 smtp_session_on_refused(struct smtp_session *, const struct smtp_refusal *);
void	 smtp_session_on_login(struct smtp_session *, enum err, struct slice address);
void	 smtp_session_on_challenge(struct smtp_session *, uint64_t exchange,
	    struct slice server_first);
void	 smtp_session_on_proof(struct smtp_session *, struct slice address,
	    struct slice signature);
void	 smtp_session_on_tls(struct smtp_session *, const char *version, const char *cipher);

/* events */
void	 smtp_session_hand_failed(struct smtp_session *);
void	 smtp_session_lost_queue(struct smtp_session *);	/* its transaction is gone */
void	 smtp_session_drain(struct smtp_session *);
void	 smtp_session_idle(struct smtp_session *);

/* for the verb handlers */
struct smtp_step smtp_session_stay(const struct smtp_session *);	/* next command */
struct smtp_step smtp_session_close(struct smtp_session *, const char *why);
/* Forget the transaction; queue is told. */
void	 smtp_session_drop_txn(struct smtp_session *);
const char *smtp_session_state_name(enum smtp_state);
/* To be listed, as things stand. */
bool	 smtp_session_offers_cmtp(const struct smtp_session *);
bool	 smtp_session_is_logged_in(const struct smtp_session *);
/* Does it take passwords as it is now? */
bool	 smtp_session_takes_logins(const struct smtp_session *);

#endif
