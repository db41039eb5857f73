/* SPDX-License-Identifier: ISC */
/*
 * KEYREQUEST: what cmtp_session.c calls for the command and for the key that
 * comes, signed.  Who has logged in may ask for those of other domains: keyd,
 * which has none, counts the question, and relay asks; strangers get FAILURE.
 * While it waits nothing is read, so the parser's parameters stay where they are.
 */
#ifndef CMTP_ASK_H
#define CMTP_ASK_H

#include "cmtpd/cmtp_session.h"

void	 cmtp_ask_begin(struct cmtp_session *);
/* NULL, NULL unless ERR_OK. */
void	 cmtp_ask_key(struct cmtp_session *, enum err, const unsigned char *key,
	    const unsigned char *sig);
/* User and domain are of another domain than this host's, and may be asked for. */
bool	 cmtp_ask_is_far(const struct cmtp_session *);

#endif
