/* SPDX-License-Identifier: ISC */
/*
 * Logging in, for LOGIN and AUTHENTICATE: keyd checks the password or proof
 * and gives a token, the store opens a session for the token.  Every refusal
 * of a user name or password reads the same (RFC 5530 s3,
 * AUTHENTICATIONFAILED).
 */
#ifndef IMAP_LOGIN_H
#define IMAP_LOGIN_H

#include "imapd/imap_cmd.h"

#define IMAP_USER_MAX		320
#define IMAP_PASSWORD_MAX	1024

/* One attempt; in the command's arena. */
struct imap_login {
	const char	*mechanism;
	struct slice	 user;		/* as given */
	uint64_t	 pulse;		/* before the store was asked; 0: not known */
};

/* user and password are borrowed for the call; mechanism is a literal. */
void	 imap_login_start(struct imap_cmd *, const char *mechanism, struct slice user,
	    struct slice password);

/* By the certificate that the client showed; user, if any, is whom it wants to be. */
void	 imap_login_external(struct imap_cmd *, struct slice user);

/* For mechanisms of several steps (imap_scram.c). */
struct imap_login *imap_login_new(struct imap_cmd *, const char *mechanism, struct slice user);
void	 imap_login_refuse(struct imap_cmd *, const struct imap_login *, const char *reason);
/* The answer when it is of this type; else the command was answered, and NULL. */
const void *imap_login_expect(struct imap_cmd *, const struct imap_login *,
	    const struct imap_reply *, enum ipc_type);
/* Keep the token. */
void	 imap_login_take(struct imap_session *, const struct ipc_login_ok *);
/* Give the token back: it opened nothing. */
void	 imap_login_forget(struct imap_session *);
/* Open the store with it, and answer. */
void	 imap_login_finish(struct imap_cmd *, struct imap_login *);

#endif
