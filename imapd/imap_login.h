/* SPDX-License-Identifier: ISC */
/*
 * Logging in, for LOGIN and AUTHENTICATE: keyd checks the password and gives
 * a token, the store opens a session for the token.  Every refusal of a user
 * name or password reads the same (RFC 5530 s3, AUTHENTICATIONFAILED).
 */
#ifndef IMAP_LOGIN_H
#define IMAP_LOGIN_H

#include "imapd/imap_cmd.h"

#define IMAP_USER_MAX		320
#define IMAP_PASSWORD_MAX	1024

/* user and password are borrowed for the call; mechanism is a literal. */
void	 imap_login_start(struct imap_cmd *, const char *mechanism, struct slice user,
	    struct slice password);

#endif
