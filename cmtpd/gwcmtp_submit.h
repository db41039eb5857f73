/* SPDX-License-Identifier: ISC */
/*
 * A message to the server of gwcmtp's user, by submission (RFC 6409, RFC 8314)
 * inside TLS and logged in.  The server sends it on: it is that one's key that
 * a MAIL2 is signed by, so no user's program can send one.
 */
#ifndef GWCMTP_SUBMIT_H
#define GWCMTP_SUBMIT_H

#include "cmtpd/gwcmtp_tool.h"

/* EX_OK: the server has it; else said why.  The login is -u, or from. */
int	 gwcmtp_submit(struct gwcmtp *, const char *from, const char *to, struct slice password,
	    struct slice message) MUST_USE;

#endif
