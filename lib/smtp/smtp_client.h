/* SPDX-License-Identifier: ISC */
/*
 * One connection to an SMTP or LMTP server as a state machine without
 * descriptor, loop or clock: bytes and events in, bytes and the effects of
 * struct smtp_client_host out.  It carries any number of messages one after
 * the other.
 *
 * Life: init, start when connected (behind the handshake with implicit TLS);
 * host->ready, or closed; then for each message next, host->rcpt for each
 * recipient exactly once, host->done; quit; host->closed, the last call, once.
 * When a connection fails inside a message, rcpt is called for what is left
 * (deferred), then done, then closed.  Any function but fini may be called
 * from inside a host call; what it brings about follows.  After closed every
 * function but fini does nothing.
 *
 * Memory: the machine keeps one line of input and a word per recipient; the
 * message's slices and recipients are borrowed from next until done.  What it
 * writes at once is bounded by SMTP_CLIENT_AHEAD_MAX and one command, or twice
 * one piece of body and 32 bytes.
 *
 * RFC 5321, 1870 (SIZE), 2033 (LMTP), 2034, 2920 (PIPELINING), 3030 (CHUNKING,
 * BINARYMIME), 3207 (STARTTLS), 3461 (DSN), 4954 (AUTH), 6152 (8BITMIME),
 * 6531 (SMTPUTF8), 8689 (REQUIRETLS), 9422 (LIMITS).
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/smtp/sasl_client.h"
#include "lib/smtp/smtp_body.h"
#include "lib/smtp/smtp_caps.h"
#include "lib/smtp/smtp_reply_parser.h"
#include "lib/smtp/smtp_result.h"

#define SMTP_CLIENT_RCPTS_MAX	1000
#define SMTP_CLIENT_AHEAD_MAX	16384	/* no command goes behind so many bytes without an answer */
#define SMTP_CLIENT_CHUNKS_MAX	8	/* BDATs without an answer yet */
#define SMTP_CLIENT_BODY_MAX	(1u << 20)	/* a piece of body */

enum smtp_client_tls {
	SMTP_CLIENT_TLS_NONE,	/* not even when offered */
	SMTP_CLIENT_TLS_MAY,	/* when offered; refused: in clear */
	SMTP_CLIENT_TLS_MUST,
	SMTP_CLIENT_TLS_IMPLICIT	/* there before start */
};

/* Borrowed for the life of the client. */
struct smtp_client_config {
	const char		*ehlo;		/* our name, or address literal */
	const char		*host;		/* for words: "mx.example[192.0.2.1]:25" */
	bool			 is_lmtp;
	enum smtp_client_tls	 tls;
	struct slice		 user;		/* empty: no login; else TLS is demanded */
	unsigned		 mechanisms;	/* enum sasl_mechanism; 0: SASL_BY_PASSWORD */
};

enum smtp_client_flag {
	SMTP_CLIENT_8BIT = 1,		/* body may have bytes over 127 */
	SMTP_CLIENT_BINARY = 2,		/* body is BINARYMIME: no lines */
	SMTP_CLIENT_UTF8_HEADER = 4,	/* came with SMTPUTF8, and its header needs it or
					   may; UTF-8 in an address is found here */
	SMTP_CLIENT_REQUIRETLS = 8,
	SMTP_CLIENT_RET_FULL = 16,
	SMTP_CLIENT_RET_HDRS = 32
};

enum smtp_client_notify {	/* as enum queue_notify */
	SMTP_CLIENT_NEVER = 1, SMTP_CLIENT_SUCCESS = 2,
	SMTP_CLIENT_FAILURE = 4, SMTP_CLIENT_DELAY = 8
};

struct smtp_client_rcpt {
	struct slice	 address;	/* wire form, no brackets, at most 512 bytes */
	struct slice	 orcpt;		/* "rfc822;a@b", decoded; empty: not given */
	uint8_t		 notify;	/* 0: not given */
};

struct smtp_client_message {
	struct slice			 sender;	/* empty: <> */
	struct slice			 envid;		/* decoded; empty: not given */
	uint64_t			 size;		/* about, with CRLFs; 0: unknown */
	unsigned			 flags;		/* enum smtp_client_flag */
	const struct smtp_client_rcpt	*rcpts;
	uint32_t			 rcpt_count;	/* at least 1 */
};

/* What is waited for: the glue adds the configured time. */
enum smtp_client_phase {
	SMTP_PHASE_NONE,	/* idle, or closed */
	SMTP_PHASE_HELO,	/* greeting, EHLO, STARTTLS and its handshake, AUTH */
	SMTP_PHASE_MAIL,
	SMTP_PHASE_RCPT,
	SMTP_PHASE_DATA_INIT,
	SMTP_PHASE_DATA_XFER,
	SMTP_PHASE_DATA_DONE,
	SMTP_PHASE_RSET		/* and QUIT */
};

/* Why it ended. */
enum smtp_client_end {
	SMTP_END_QUIT,		/* as asked */
	SMTP_END_REFUSED,	/* greeting, EHLO or RSET refused: see why->code */
	SMTP_END_TLS,		/* not offered though demanded, refused, handshake failed */
	SMTP_END_AUTH,		/* login not possible or refused */
	SMTP_END_CLOSING,	/* the host said 421 */
	SMTP_END_LOST,		/* end of input */
	SMTP_END_TIMEOUT,
	SMTP_END_VIOLATION,	/* what it sent is not SMTP, or out of turn */
	SMTP_END_LOCAL		/* our side: the body could not be read */
};

/* Effects; arg is the host's.  None is NULL. */
struct smtp_client_host {
	struct buf	*(*out)(void *arg);		/* append; sent this turn */
	bool		 (*is_clogged)(void *arg);	/* wait for smtp_client_on_drained */
	/* Begin TLS behind what is in out, then smtp_client_on_tls. */
	enum err	 (*start_tls)(void *arg);
	/* Of the TLS connection; false: it has none. */
	bool		 (*binding)(void *arg, struct sasl_binding *);
	/* smtp_client_secret is awaited. */
	void		 (*want_secret)(void *arg);
	/* smtp_client_body or _body_failed is awaited, once; no longer after done. */
	void		 (*want_body)(void *arg);
	/* The one deadline begins anew; NONE, also after ready and done: nothing is
	   waited for, and how long an idle connection is kept is the glue's matter. */
	void		 (*deadline)(void *arg, enum smtp_client_phase);
	/* The first message may come: smtp_client_next. */
	void		 (*ready)(void *arg);
	void		 (*rcpt)(void *arg, uint32_t idx, const struct smtp_result *);
	/* All recipients have been told of; another may come, see smtp_client_can_next. */
	void		 (*done)(void *arg);
	/* Close when out is sent.  why: see its error, stage, code. */
	void		 (*closed)(void *arg, enum smtp_client_end, const struct smtp_result *why);
};

/* A reply that is waited for. */
enum smtp_client_wait {
	SMTP_AWAIT_NONE, SMTP_AWAIT_GREETING, SMTP_AWAIT_EHLO, SMTP_AWAIT_HELO, SMTP_AWAIT_STARTTLS,
	SMTP_AWAIT_AUTH, SMTP_AWAIT_RSET, SMTP_AWAIT_MAIL, SMTP_AWAIT_RCPT, SMTP_AWAIT_DATA,
	SMTP_AWAIT_CHUNK, SMTP_AWAIT_END, SMTP_AWAIT_QUIT
};

enum smtp_client_state {
	SMTP_CLIENT_NEW, SMTP_CLIENT_HELLO, SMTP_CLIENT_HANDSHAKE, SMTP_CLIENT_SECRET,
	SMTP_CLIENT_LOGIN, SMTP_CLIENT_IDLE, SMTP_CLIENT_ENVELOPE, SMTP_CLIENT_BODY,
	SMTP_CLIENT_ANSWER, SMTP_CLIENT_LEAVING, SMTP_CLIENT_CLOSED
};

struct smtp_client_txn;

struct smtp_client {
	const struct smtp_client_config	*config;
	const struct smtp_client_host	*host;
	void				*arg;

	/* for the owner to read */
	struct smtp_caps		 caps;		/* known from ready on */
	bool				 is_tls;
	bool				 is_esmtp;
	uint32_t			 message_count;	/* transactions begun */
	enum sasl_mechanism		 mechanism;	/* logged in by; SASL_NONE */

	/* the machine */
	enum smtp_client_state		 state;
	enum smtp_client_wait		 wait;		/* for the first answer outstanding */
	uint32_t			 outstanding;	/* answers */
	struct smtp_reply_parser	 parser;
	struct smtp_caps		 heard;		/* of the EHLO being answered */
	struct sasl_client		*sasl;
	struct smtp_client_txn		*txn;
	bool				 is_busy;	/* inside a function */
	bool				 is_fresh;	/* the deadline begins anew */
	bool				 is_early;	/* it spoke out of turn */
	bool				 initial_due;	/* AUTH: on the first challenge */
	bool				 is_dirty;	/* a transaction is open there: RSET */
	bool				 is_quitting;
	bool				 was_ready;
};

/* make: no memory is taken but for input */
void	 smtp_client_init(struct smtp_client *, const struct smtp_client_config *,
	    const struct smtp_client_host *, void *arg);
void	 smtp_client_start(struct smtp_client *);
void	 smtp_client_fini(struct smtp_client *);	/* tells nobody; not inside a host call */

/* use */
/* Idle, ready, and the host's limits permit another message (RFC 9422 s4.1). */
bool	 smtp_client_can_next(const struct smtp_client *);
/* ERR_STATE: not can_next; ERR_LIMIT: recipients. Then host->rcpt follows for none. */
enum err smtp_client_next(struct smtp_client *, const struct smtp_client_message *) MUST_USE;
/* Now, or after the message under way. */
void	 smtp_client_quit(struct smtp_client *);

/* answers */
void	 smtp_client_secret(struct smtp_client *, enum err, struct slice);	/* copied, wiped */
/* The next piece, at most SMTP_CLIENT_BODY_MAX; CHUNKING makes it one chunk. */
void	 smtp_client_body(struct smtp_client *, struct slice, bool is_last);
void	 smtp_client_body_failed(struct smtp_client *);	/* deferred, connection closed */
void	 smtp_client_on_tls(struct smtp_client *, bool is_up);

/* events */
/* Uses all, or what came before the connection ended. */
size_t	 smtp_client_on_data(struct smtp_client *, struct slice);
void	 smtp_client_on_drained(struct smtp_client *);
void	 smtp_client_on_deadline(struct smtp_client *);
void	 smtp_client_on_eof(struct smtp_client *);

#endif
