/* SPDX-License-Identifier: ISC */
/*
 * A client as cmtp_conn.c keeps it; cmtp_conn_ask.c, cmtp_conn2.c and
 * cmtp_conn_enter.c ask for it.  While is_asking it is not freed: who answers calls
 * cmtp_conn_check_gone when the connection is closed, and cmtp_conn_go_on when the
 * session was told.
 */
#ifndef CMTP_CONN_PRIV_H
#define CMTP_CONN_PRIV_H

#include "cmtpd/cmtp_conn.h"
#include "cmtpd/cmtp_server.h"
#include "lib/daemon/intake.h"

#define CMTP_CONN_KEYD_MS	30000
#define CMTP_CONN_RELAY_MS	65000	/* its search ends in a minute */

struct cmtp_conn {
	struct list		 link;		/* of the server */
	struct cmtp_server	*server;
	struct conn		*conn;		/* NULL once closed */
	struct conn_addr	 peer;
	struct cmtp_session	 session;
	struct intake		*intake;
	uint64_t		 began_ms;
	uint64_t		 seen_progress;
	bool			 is_started;	/* the session */
	bool			 is_tls;	/* from the first byte */
	char			 tls[CMTP_TLS_MAX + 1];	/* as smtpd told */
	char			 cipher[CMTP_CIPHER_MAX + 1];
	bool			 is_asking;	/* keyd, or for an evaluation */
	uint64_t		 sign_serial;	/* of the server's key that signed first; 0: none yet */
	bool			 is_trusted;	/* in mynetworks: not counted */
};

void	 cmtp_conn_check_gone(struct cmtp_conn *);
/* After an answer: what a drain waited for may be over. */
void	 cmtp_conn_go_on(struct cmtp_conn *);

/* To the daemon of a role; c->is_asking with ERR_OK. */
enum err cmtp_conn_call(struct cmtp_conn *, enum ipc_role, uint64_t ms, uint16_t type,
	    const void *msg, ipc_reply_fn *) MUST_USE;
/* First in an answer.  False: nobody is there any more for it. */
bool	 cmtp_conn_is_answered(struct cmtp_conn *);

#endif
