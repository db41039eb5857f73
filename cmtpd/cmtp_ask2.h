/* SPDX-License-Identifier: ISC */
/*
 * KEYREQUEST2: what cmtp_session.c calls for the command and for keyd's
 * answers, the records first and then the signature.  Who has logged in may ask
 * for those of other domains: keyd, which has none, counts the question, and
 * relay asks.  While it waits nothing is read, so the parser's parameters stay
 * where they are.
 */
#ifndef CMTP_ASK2_H
#define CMTP_ASK2_H

#include "cmtpd/cmtp_session.h"

void	 cmtp_ask2_begin(struct cmtp_session *);
void	 cmtp_ask2_keys(struct cmtp_session *, enum err, const struct cmtp_keys *);
void	 cmtp_ask2_signed(struct cmtp_session *, enum err, const unsigned char *sig);

#endif
