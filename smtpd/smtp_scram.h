/* SPDX-License-Identifier: ISC */
/*
 * AUTH SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 4954, 5802, 7677): the
 * client's two messages go to keyd by way of the session's env, the server's
 * signature comes as a last challenge that the client answers with an empty
 * line, and then the session is logged in.
 */
#ifndef SMTP_SCRAM_H
#define SMTP_SCRAM_H

#include "smtpd/smtp_session.h"

/* A pure exchange; NULL in the session when there is none. */
struct smtp_scram;

/* Is there a channel to bind to? */
bool		 smtp_scram_may_bind(const struct smtp_session *);
void		 smtp_scram_begin(struct smtp_session *, bool is_plus);
void		 smtp_scram_end(struct smtp_session *);	/* wipes; NULL is legal */
/* A message of the client, decoded. */
struct smtp_step smtp_scram_take(struct smtp_session *, struct slice message);
struct smtp_step smtp_scram_on_challenge(struct smtp_session *, uint64_t exchange,
		    struct slice server_first);
struct smtp_step smtp_scram_on_proof(struct smtp_session *, struct slice address,
		    struct slice signature);

#endif
