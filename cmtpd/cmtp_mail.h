/* SPDX-License-Identifier: ISC */
/*
 * MAIL of CMTP 1 on its way to queue: what cmtp_session.c calls for the
 * parser's events and for queue's answers.  The message that queue gets is a
 * header of trace, an empty line, and the command's bytes from its version on,
 * with this server's line behind its log.  A message that queue refuses is
 * read to its end and dropped, then answered with FAILURE.
 */
#ifndef CMTP_MAIL_H
#define CMTP_MAIL_H

#include "cmtpd/cmtp_session.h"

/* the parser's events; each leaves the session's mode as it must be */
void	 cmtp_mail_begin(struct cmtp_session *);
void	 cmtp_mail_part(struct cmtp_session *);
void	 cmtp_mail_data(struct cmtp_session *);
void	 cmtp_mail_end(struct cmtp_session *);

/* queue's answers, in the mode that waits for them */
void	 cmtp_mail_opened(struct cmtp_session *, uint64_t msg);
void	 cmtp_mail_rcpt_ok(struct cmtp_session *);
void	 cmtp_mail_committed(struct cmtp_session *);
void	 cmtp_mail_refused(struct cmtp_session *, const struct cmtp_refusal *);

/* Its transaction went with the queue. */
void	 cmtp_mail_lost(struct cmtp_session *);
/* The message is over; queue is told when it does not know. */
void	 cmtp_mail_drop(struct cmtp_session *);

#endif
