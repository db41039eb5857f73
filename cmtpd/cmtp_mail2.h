/* SPDX-License-Identifier: ISC */
/*
 * MAIL2 on its way to queue: what cmtp_session.c calls for the parser's events
 * and for the answers of keyd and queue.  In order: the sending server's key is
 * looked for, queue opens a message and takes each recipient, the object goes
 * to its body; at the end the proof is verified, postage weighed where it is
 * asked for, and the message committed; then the reply is signed, or proven by the
 * pact that the request was proven by (cmtp2_pact.h).  An object without an entry
 * for a recipient's key of now is refused before it is taken: its sender asks for
 * the key once more.
 *
 * The message that queue gets is a header of trace, an empty line and the
 * object as it came.  Nothing is committed that is not proven well.  A request
 * that is refused is read to its end, since its digest is in the reply.
 */
#ifndef CMTP_MAIL2_H
#define CMTP_MAIL2_H

#include "cmtpd/cmtp_session.h"

/* the parser's events */
void	 cmtp_mail2_begin(struct cmtp_session *);
void	 cmtp_mail2_data(struct cmtp_session *);
void	 cmtp_mail2_end(struct cmtp_session *);

/* answers, in the mode that waits for them */
void	 cmtp_mail2_found(struct cmtp_session *, enum err, const struct cmtp_sender *);
void	 cmtp_mail2_opened(struct cmtp_session *, uint64_t msg);
void	 cmtp_mail2_rcpt_ok(struct cmtp_session *, const struct cmtp_rcpt_key *);
void	 cmtp_mail2_weighed(struct cmtp_session *, enum err);
void	 cmtp_mail2_committed(struct cmtp_session *);
void	 cmtp_mail2_refused(struct cmtp_session *, const struct cmtp_refusal *);
void	 cmtp_mail2_signed(struct cmtp_session *, enum err, const unsigned char *sig);

/* Its transaction went with the queue. */
void	 cmtp_mail2_lost(struct cmtp_session *);
/* The request is over; queue is told when it does not know. */
void	 cmtp_mail2_drop(struct cmtp_session *);

#endif
