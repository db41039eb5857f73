/* SPDX-License-Identifier: ISC */
/*
 * What the files of one message by CMTP 1 share.  dlv_mail1.c: its life, and what
 * comes of keys and answers; dlv_mail1_box.c: the boxes.
 *
 * One thing is awaited at a time: the conversation (dlv_cmtp1.h), or room to write.
 */
#ifndef DLV_MAIL1_PRIV_H
#define DLV_MAIL1_PRIV_H

#include "delivery/dlv_cmtp1.h"
#include "delivery/dlv_mail1.h"
#include "lib/cmtp/mail_letter.h"
#include "lib/crypto/cry_box.h"
#include "lib/crypto/cry_ed.h"

/* What is made of a message for one recipient. */
struct dlv_mail1_boxes {
	struct mail_letter	*letter;
	bool			 is_scanned;
	bool			 is_second;	/* of the two times over a box */
	uint32_t		 at;		/* the box */
	struct cry_box_key	 key;
	struct cry_box		*box;
	uint64_t		 bytes;		/* of its text */
	struct buf		 plain, out;
};

struct dlv_mail1 {
	struct dlv_mail1_params	 p;
	struct slice		*users;
	bool			*told;
	const struct dlv_mail2_owner *owner;
	void			*arg;
	struct loop_idle	 turn;		/* begin, or send, or done */
	bool			 is_sending, is_over;
	struct dlv_cmtp1	*cmtp;
	char			 host[DLV_HOST_BYTES];
	unsigned char		 owner_box[CRY_KEY_BYTES];	/* of recipient at: X25519 */
	unsigned		 at;
	struct dlv_mail1_boxes	 boxes;
};

/* the end */
void		 dlv_mail1_finish(struct dlv_mail1 *);
/* All that were not told of: deferred. */
void		 dlv_mail1_hold(struct dlv_mail1 *, const char *dsn, const char *why);
void		 dlv_mail1_without_key(struct dlv_mail1 *, unsigned i, const char *why);
/* The next recipient. */
void		 dlv_mail1_next(struct dlv_mail1 *);

/* the message to recipient at, sealed to owner_box */
void		 dlv_mail1_box_begin(struct dlv_mail1 *);
void		 dlv_mail1_box_go_on(struct dlv_mail1 *);
void		 dlv_mail1_box_free(struct dlv_mail1 *);

#endif
