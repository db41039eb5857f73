/* SPDX-License-Identifier: ISC */
/*
 * What MAIL2 is answered with, for cmtp_mail2.c: the transaction, the statuses
 * of its destinations, refusals, and the reply that keyd signs, or the pact proves.
 * Pure.
 */
#ifndef CMTP_REPLY2_H
#define CMTP_REPLY2_H

#include "cmtpd/cmtp_address.h"
#include "cmtpd/cmtp_session.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/seal/seal_split.h"

struct cmtp_key_id {
	uint8_t			 generation;
	unsigned char		 id[SEAL_KEY_ID_BYTES];
};

struct cmtp_txn2 {
	uint64_t		 msg;		/* 0 until queue opened it */
	bool			 is_dead;	/* queue lost or has it */
	bool			 is_refused;	/* whole: refusal is set */
	enum cmtp2_what		 refused_as;	/* 0: CMTP2_REFUSED */
	bool			 is_priced;	/* postage is wanted */
	struct addr		 sender;
	struct slice		 users;		/* that queue was not asked of yet */
	struct slice		 user;		/* that it is asked of */
	unsigned		 asked;
	unsigned		 taken;
	unsigned char		 class[CMTP2_DESTINATIONS_MAX];
	struct cmtp_key_id	 keys[CMTP2_DESTINATIONS_MAX];	/* that the object has to be for */
	unsigned		 key_count;
	struct buf		 texts;		/* each with its NUL */
	struct buf		 refusal;	/* one status */
	struct seal_split	 split;		/* what the object says of itself */
	bool			 is_object;
	unsigned char		 key[CRY_KEY_BYTES];
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	struct cmtp2_proof	 proof;
	bool			 is_signed;	/* well */
	bool			 is_by_pact;	/* the same, by a MAC: so is the reply */
	enum cmtp2_what		 what;		/* the reply that is being signed */
	struct cmtp2_half	 half;		/* of a pact that it offers */
	unsigned char		 postage[CMTP2_POSTAGE_BYTES];
	size_t			 postage_n;
};

/* queue is told, when it has the message open */
void	 cmtp_reply2_abort(struct cmtp_session *);

/* of one destination: the next */
void	 cmtp_reply2_add(struct cmtp_session *, struct slice dsn, struct slice text);
void	 cmtp_reply2_log(const struct cmtp_session *, struct slice rcpt, struct slice dsn,
	    struct slice text);
/* queue's words, or what its error says. */
void	 cmtp_reply2_explain(const struct cmtp_refusal *, struct slice *dsn, struct slice *text);

/* of the whole request; what is still to come of it is read and dropped */
void	 cmtp_reply2_refuse(struct cmtp_session *, struct slice dsn, struct slice text);
void	 cmtp_reply2_refuse_str(struct cmtp_session *, const char *dsn, const char *text);
void	 cmtp_reply2_refuse_error(struct cmtp_session *, enum err);

/* at its end, when the digest stands: keyd is asked to sign, or it is said at once */
void	 cmtp_reply2_refused(struct cmtp_session *);
void	 cmtp_reply2_price(struct cmtp_session *);
void	 cmtp_reply2_statuses(struct cmtp_session *);
/* The proof of what reply made is there, or it cannot be had (NULL). */
void	 cmtp_reply2_say(struct cmtp_session *, const struct cmtp2_proof *);

#endif
