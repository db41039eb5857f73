/* SPDX-License-Identifier: ISC */
/*
 * What smtp_conn.c (the connection) and smtp_ask.c (questions to queue and
 * keyd) share: the client.  calls counts the questions to keyd that are out; a
 * client whose connection is gone waits for them (is_gone), so that a login of
 * nobody is given back.
 */
#ifndef SMTP_CONN_PRIV_H
#define SMTP_CONN_PRIV_H

#include "lib/daemon/intake.h"
#include "lib/ipc/key_proto.h"
#include "smtpd/smtp_conn.h"

struct smtp_conn {
	struct list		 link;		/* of the server */
	struct smtp_server	*server;
	struct smtp_listener	*listener;
	struct conn		*conn;		/* NULL once closed */
	struct conn_addr	 peer;
	struct smtp_session	 session;
	struct intake		*intake;
	struct conn		*inner;		/* to cmtpd: smtp_hand.c; NULL */
	struct timer		 auth_timer;	/* a refused login waits */
	enum err		 auth_result;
	uint64_t		 began_ms;
	uint64_t		 seen_progress;
	unsigned		 calls;
	bool			 is_gone;
	bool			 is_handed;	/* cmtpd has the client */
	bool			 has_more;	/* pipelined input waits in conn */
	bool			 wants_tls;
	bool			 has_token;
	bool			 is_trusted;	/* may relay: in mynetworks, or of this host */
	unsigned char		 token[TOKEN_BYTES];
};

/* smtp_conn.c: after everything that may have moved the session. */
void	 smtp_conn_settle(struct smtp_conn *);
/* Free what is gone and asked for nothing. */
void	 smtp_conn_check_gone(struct smtp_conn *);

/* Count one more, ask for one more: false is too many, which is logged. */
bool	 smtp_conn_takes(struct smtp_conn *, enum client_rate);
bool	 smtp_conn_may(const struct smtp_conn *, enum client_rate);

/*
 * smtp_hand.c: the session is in SMTP_HANDED and used so much of the input.
 * Returns for on_data how much is used in all.
 */
size_t	 smtp_hand_begin(struct smtp_conn *, size_t used, struct slice bytes);
size_t	 smtp_hand_from_client(struct smtp_conn *, struct slice);
void	 smtp_hand_client_drained(struct smtp_conn *);

/* smtp_ask.c */
extern const struct smtp_env	smtp_ask_env;
extern const struct intake_ops	smtp_ask_intake;
void	 smtp_ask_auth_timer(void *conn);	/* a refused login has waited */
void	 smtp_ask_logout(struct smtp_conn *);

#endif
