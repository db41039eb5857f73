/* SPDX-License-Identifier: ISC */
/*
 * A session with scripted surroundings: questions are noted and answered by
 * fake_answer, by what is in the address:
 *	refuse@  defer@  gone@	(sender, recipient, and message by its first recipient:)
 *	full@  badcommit@
 * Login: alice with "secret"; later with anything is "try again".
 */
#ifndef FAKE_ENV_H
#define FAKE_ENV_H

#include "lib/base/buf.h"
#include "smtpd/smtp_session.h"

enum fake_question { FAKE_NONE, FAKE_OPEN, FAKE_RCPT, FAKE_COMMIT, FAKE_LOGIN, FAKE_SCRAM,
	FAKE_PROOF, FAKE_TLS };

struct fake {
	struct smtp_limits	 limits;
	struct smtp_service	 service;
	struct smtp_session	 s;
	enum fake_question	 question;
	char			 asked[400];	/* address or user */
	char			 first_rcpt[400];
	bool			 login_ok;
	bool			 login_temp;
	struct buf		 out;		/* all replies */
	struct buf		 body;		/* of the last message */
	struct buf		 log;		/* questions, one a line */
	unsigned		 pause_every;	/* bodies: ERR_AGAIN each n-th */
	unsigned		 body_count;
	bool			 body_fails;
	bool			 lost_on_data;
};

void	 fake_init(struct fake *, bool is_submission, enum smtp_tls);
void	 fake_fini(struct fake *);
void	 fake_answer(struct fake *);
/* Feed all in steps of at most step bytes, answering what is asked. */
void	 fake_run(struct fake *, struct slice in, size_t step);

#endif
