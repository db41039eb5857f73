/* SPDX-License-Identifier: ISC */
/*
 * One CMTP session as a state machine without descriptors, loop or clock.
 * cmtp_session_feed takes what arrived; replies collect in s->out, in order.
 * What keyd and queue must say is asked through struct cmtp_env and answered
 * later by a cmtp_session_on_ call, never from inside the question; meanwhile
 * nothing is read, and pipelined commands wait with the caller.
 *
 * Served are OHAI, NOOP, HELP, OBAI, MAIL (cmtp_mail.h), KEYREQUEST (cmtp_ask.h)
 * for the server itself and for users of this host, and LOGIN where it is on;
 * inside TLS also KEYREQUEST2 (cmtp_ask2.h), MAIL2 (cmtp_mail2.h), LOGIN2 and
 * REGISTER2 (cmtp_enter2.h).  Who has logged in by LOGIN2 may ask for keys of other
 * domains, too, by either version.
 */
#ifndef CMTP_SESSION_H
#define CMTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp2_postage.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/ipc/key_proto.h"

#define CMTP_OUT_HIGH	16384		/* replies waiting: read no further command */
#define CMTP_OUT_MAX	65536
#define CMTP_KNOWN_S	86400u		/* a server of which we know for longer is no stranger */
#define CMTP_SENDER_S	60u
#define CMTP_USER_MAX	(CMTP_PARAM_MAX + 1 + CMTP_PARAM_MAX)

/* What the server says again and again; keyd tells it once. */
struct cmtp_self {
	bool		 is_known;
	unsigned char	 key[CMTP_KEY_BYTES];
	unsigned char	 key_sig[CMTP_SIG_BYTES];
	unsigned char	 success[CMTP_SIG_BYTES];
	unsigned char	 failure[CMTP_SIG_BYTES];
};

/* Of whom postage is asked. */
enum cmtp_postage { CMTP_POSTAGE_OFF, CMTP_POSTAGE_UNKNOWN, CMTP_POSTAGE_ALWAYS };

/* Who gets a wrapped key of CMTP 1. */
enum cmtp_login { CMTP_LOGIN_OFF, CMTP_LOGIN_OPT_IN };

/* Facts that do not change in a session; borrowed. */
struct cmtp_service {
	const struct cmtp_limits *limits;
	const struct cmtp_self	 *self;
	bool			  takes_mail;	/* of version 1 */
	bool			  gives_xzibits;
	uint32_t		  junk_commands;	/* between messages */
	const char		 *hostname;
	const char		 *domain;	/* of a destination without one */
	enum cmtp_postage	  postage;
	struct cmtp2_price	  price;	/* bits, kib, passes */
	const unsigned char	 *postage_secret;	/* CRY_KEY_BYTES */
};

struct cmtp_open {
	struct slice	 sender;	/* empty: the null sender */
	struct slice	 first;		/* what rcpt will be asked first; empty: not known yet */
	uint64_t	 size;		/* known of it already */
	uint8_t		 kind;		/* enum queue_kind */
};

/* Why queue does not want it; borrowed, both may be empty. */
struct cmtp_refusal {
	enum err	 error;
	struct slice	 dsn;
	struct slice	 text;
};

/* What keyd has of a user or a server (lib/cmtp/cmtp2_keys.h). */
struct cmtp_keys {
	uint8_t		 status;
	uint8_t		 count;
	struct slice	 records;
};

/* A sending server whose chain of keys is good. */
struct cmtp_sender {
	unsigned char	 sign[CMTP_KEY_BYTES];	/* of the record asked for */
	uint64_t	 first_s;		/* known since (unix time) */
	uint64_t	 ends_s;		/* and how long it is good */
};

/* Whose mail came last in a session, so that its next asks nobody. */
struct cmtp_known_sender {
	struct cmtp_sender	 sender;	/* good until ends_s, at most CMTP_SENDER_S */
	uint64_t		 serial;	/* 0: nobody's */
	size_t			 domain_n;
	char			 domain[CMTP_PARAM_MAX];
};

/* One of LOGIN2, PROOF2, REGISTER2, RECORD2, for keyd; the rest is empty. */
struct cmtp_enter {
	enum cmtp_verb	 verb;
	struct slice	 user, domain, password;
	struct slice	 fixed;		/* OPAQUE's message */
	struct slice	 bundle;
	struct slice	 state;		/* as keyd gave it with the command before */
};

/* To which key of a recipient what comes sealed has to be sealed. */
struct cmtp_rcpt_key {
	uint8_t			 generation;
	const unsigned char	*seal;		/* CRY_KEY_BYTES */
};

struct cmtp_txn;
struct cmtp_txn2;

/* Where the result is not ERR_OK it is the answer, and no on_ call follows. */
struct cmtp_env {
	/* user: "name@domain" or "name"; answered by on_key. */
	enum err	(*user_key)(void *, struct slice user);
	bool		(*is_ours)(void *, struct slice domain);
	/* of another domain, by relay; answered by on_key */
	enum err	(*far_key)(void *, struct slice user, struct slice domain);
	/* answered by on_opened, on_rcpt_ok, on_committed; or on_refused */
	enum err	(*open)(void *, const struct cmtp_open *);
	enum err	(*rcpt)(void *, uint64_t msg, struct slice rcpt);
	/* At once; ERR_AGAIN: taken, but pause until cmtp_session_resume. */
	enum err	(*body)(void *, uint64_t msg, struct slice);
	enum err	(*commit)(void *, uint64_t msg);
	void		(*abort)(void *, uint64_t msg);	/* no answer */
	uint64_t	(*real_s)(void *);	/* unix time */
	/* user: "name@domain", "@domain", "@"; answered by on_keys */
	enum err	(*keys)(void *, struct slice user, uint64_t known);
	/* of another domain, by relay; answered by on_keys */
	enum err	(*far_keys)(void *, struct slice user, struct slice domain, uint64_t known);
	enum err	(*sign)(void *, enum cmtp2_purpose, const struct cmtp_sign *);	/* on_signed */
	enum err	(*find)(void *, struct slice domain, uint64_t serial);	/* on_found */
	/* One evaluation, elsewhere; answered by on_weighed. */
	enum err	(*weigh)(void *, const struct cmtp2_price *,
			    const unsigned char digest[CMTP_DIGEST_BYTES], uint64_t counter);
	enum err	(*xzibit)(void *, struct slice user);	/* on_xzibit */
	enum err	(*enter)(void *, const struct cmtp_enter *);	/* on_entered */
};

enum cmtp_mode {
	CMTP_READING,
	CMTP_WAIT_KEY,		/* KEYREQUEST */
	CMTP_WAIT_FAR_KEY,	/* the same, of another domain */
	CMTP_WAIT_OPEN,		/* queue answers MAIL */
	CMTP_WAIT_RCPT,
	CMTP_WAIT_COMMIT,
	CMTP_WAIT_KEYS,		/* KEYREQUEST2 */
	CMTP_WAIT_FAR_KEYS,	/* the same, of another domain */
	CMTP_WAIT_SENDER,	/* MAIL2: whose key signs? */
	CMTP_WAIT_POSTAGE,
	CMTP_WAIT_SIGN,		/* a reply of version 2 */
	CMTP_WAIT_XZIBIT,
	CMTP_WAIT_ENTER,	/* LOGIN2 and its like */
	CMTP_DRAINING,		/* a message that is refused */
	CMTP_CLOSED
};

struct cmtp_session {
	/* set by the owner before cmtp_session_start */
	uint64_t			 id;	/* for the log */
	const struct cmtp_service	*service;
	const struct cmtp_env		*env;
	void				*arg;	/* for env */
	bool				 is_handed;	/* smtpd greeted it */
	char				 client[64];	/* address literal */
	char				 peer[64];	/* as logged */
	const char			*tls_version;	/* NULL: plaintext */
	const char			*tls_cipher;

	/* for the owner to read */
	struct buf			 out;	/* replies, to be consumed */
	uint64_t			 progress;	/* grows with commands and data */
	uint32_t			 command_count;
	uint32_t			 message_count;
	const char			*end;	/* why it closed; NULL: open */
	const char			*fault;	/* what could not be understood; NULL */

	/* the machine */
	enum cmtp_mode			 mode;
	bool				 is_draining;	/* the process is going down */
	bool				 is_paused;	/* body asked for a pause */
	uint32_t			 junk_count;
	struct cmtp_txn			*txn;	/* of a MAIL that is not refused yet */
	struct cmtp_txn2		*txn2;	/* of a MAIL2 */
	struct cmtp_known_sender	 known;
	struct cmtp2_pact		 pact;	/* with who sends by MAIL2 */
	struct buf			 content;	/* of a reply that is being signed */
	enum cmtp_verb			 entering;	/* what PROOF2 or RECORD2 belongs to */
	struct buf			 enter_state;	/* keyd's; empty: to nothing */
	struct buf			 enter_user;	/* for the log */
	bool				 is_user;	/* of this host: PROOF2 was good */
	struct cmtp_parser		 parser;
};

/* life: greets who was not handed over; the service's self must be known.  fini aborts what is open. */
void	 cmtp_session_start(struct cmtp_session *);
void	 cmtp_session_fini(struct cmtp_session *);

/* input: how many bytes were used; call again with the rest when not waiting */
size_t	 cmtp_session_feed(struct cmtp_session *, struct slice);
bool	 cmtp_session_can_read(const struct cmtp_session *);

/* answers: key and sig as in CMTP_KEY_REPLY_BYTES, with ERR_OK; ERR_NOTFOUND: keyd has it not */
void	 cmtp_session_on_key(struct cmtp_session *, enum err, const unsigned char *key,
	    const unsigned char *sig);

void	 cmtp_session_on_opened(struct cmtp_session *, uint64_t msg);
/* NULL: it is not looked at. */
void	 cmtp_session_on_rcpt_ok(struct cmtp_session *, const struct cmtp_rcpt_key *);
void	 cmtp_session_on_committed(struct cmtp_session *);
void	 cmtp_session_on_refused(struct cmtp_session *, const struct cmtp_refusal *);
void	 cmtp_session_resume(struct cmtp_session *);	/* body may go on */
void	 cmtp_session_on_keys(struct cmtp_session *, enum err, const struct cmtp_keys *);
void	 cmtp_session_on_signed(struct cmtp_session *, enum err, const unsigned char *sig);
/* ERR_CORRUPT: its chain is broken; any other: no such key is known. */
void	 cmtp_session_on_found(struct cmtp_session *, enum err, const struct cmtp_sender *);
/* ERR_NOTFOUND: it solves nothing. */
void	 cmtp_session_on_weighed(struct cmtp_session *, enum err);
/* CMTP_XZIBIT_BYTES and its signature, with ERR_OK */
void	 cmtp_session_on_xzibit(struct cmtp_session *, enum err, struct slice xzibit,
	    const unsigned char *sig);
/* content: of the reply; state: to be given back, with ERR_OK */
void	 cmtp_session_on_entered(struct cmtp_session *, enum err, struct slice content,
	    struct slice state);

/* events */
void	 cmtp_session_lost_queue(struct cmtp_session *);	/* its transaction is gone */
void	 cmtp_session_drain(struct cmtp_session *);	/* closes between commands */
void	 cmtp_session_idle(struct cmtp_session *);

/* for cmtp_mail.c: MAIL is read and judged */
void	 cmtp_session_answer_mail(struct cmtp_session *, bool is_success);
/* for cmtp_ask.c, cmtp_ask2.c, cmtp_mail2.c and cmtp_enter2.c */
void	 cmtp_session_fail(struct cmtp_session *);	/* the word FAILURE */
void	 cmtp_session_count_mail(struct cmtp_session *, bool is_taken);

#endif
