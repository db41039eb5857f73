/* SPDX-License-Identifier: ISC */
/*
 * What smtp_client.c (life, input, the end), _hello.c (greeting to login) and
 * _txn.c (a message) share.  Each answer function is told of the complete
 * reply in c->parser; afterwards smtp_client_run goes on.
 */
#ifndef SMTP_CLIENT_PRIV_H
#define SMTP_CLIENT_PRIV_H

#include "lib/base/cc.h"
#include "lib/smtp/smtp_client.h"

/* smtp_client.c */
struct buf	*smtp_client_out(struct smtp_client *);
/* A command was put, its answer is of this kind. */
void		 smtp_client_sent(struct smtp_client *, enum smtp_client_wait);
enum smtp_stage	 smtp_client_stage(const struct smtp_client *);
/* What the reply that came says, in words. */
void		 smtp_client_result(const struct smtp_client *, struct smtp_result *);
/*
 * The end: tells of what is left of a message, then closed.  The transaction
 * is freed.  leave: say QUIT first.
 */
void		 smtp_client_fail(struct smtp_client *, enum smtp_client_end,
		    const struct smtp_result *, bool leave);
/* By the reply that came. */
void		 smtp_client_refused(struct smtp_client *, enum smtp_client_end);
void		 smtp_client_violation(struct smtp_client *, const char *what);
void		 smtp_client_run(struct smtp_client *);

/* smtp_client_hello.c */
void		 smtp_client_hello_on_greeting(struct smtp_client *);
void		 smtp_client_hello_on_ehlo(struct smtp_client *);
void		 smtp_client_hello_on_helo(struct smtp_client *);
void		 smtp_client_hello_on_starttls(struct smtp_client *);
void		 smtp_client_hello_on_auth(struct smtp_client *);
void		 smtp_client_hello_fini(struct smtp_client *);

/* smtp_client_txn.c */
void		 smtp_client_txn_on_rset(struct smtp_client *);
void		 smtp_client_txn_on_mail(struct smtp_client *);
void		 smtp_client_txn_on_rcpt(struct smtp_client *);
void		 smtp_client_txn_on_data(struct smtp_client *);
void		 smtp_client_txn_on_chunk(struct smtp_client *);
void		 smtp_client_txn_on_end(struct smtp_client *);
/* Sends what may be sent; false: nothing now. */
bool		 smtp_client_txn_step(struct smtp_client *) MUST_USE;
/* Tells of all recipients that were not told of. */
void		 smtp_client_txn_tell_rest(struct smtp_client *, const struct smtp_result *);
void		 smtp_client_txn_free(struct smtp_client_txn **);

#endif
