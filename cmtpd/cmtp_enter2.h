/* SPDX-License-Identifier: ISC */
/*
 * LOGIN2, PROOF2, REGISTER2 and RECORD2 (lib/cmtp/cmtp2_login.h): keyd makes
 * and judges all of it.  A PROOF2 is of the LOGIN2, and a RECORD2 of the
 * REGISTER2, that came last and was answered well; it is used up by that.
 */
#ifndef CMTP_ENTER2_H
#define CMTP_ENTER2_H

#include "cmtpd/cmtp_session.h"

void	 cmtp_enter2_init(struct cmtp_session *);
void	 cmtp_enter2_fini(struct cmtp_session *);
void	 cmtp_enter2_begin(struct cmtp_session *);
void	 cmtp_enter2_done(struct cmtp_session *, enum err, struct slice content,
	    struct slice state);

#endif
