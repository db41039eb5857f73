/* SPDX-License-Identifier: ISC */
/*
 * What the files of one message by CMTP 1 share.  dlv_mail1.c: its life, keys
 * and answers; dlv_mail1_pin.c: what keyd remembers; dlv_mail1_box.c: the boxes.
 *
 * One thing is awaited at a time: keyd, the host, or room to write.
 */
#ifndef DLV_MAIL1_PRIV_H
#define DLV_MAIL1_PRIV_H

#include "delivery/dlv_cmtp.h"
#include "delivery/dlv_mail1.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/cmtp/mail_letter.h"
#include "lib/crypto/cry_box.h"
#include "lib/crypto/cry_ed.h"

#define DLV_MAIL1_IN_MAX	2048u	/* of replies */
#define DLV_MAIL1_PIN_BYTES	49u

/* u8 1, u64 first and last seen (unix seconds), key[32] */
struct dlv_mail1_pin {
	bool		 is_known;
	uint64_t	 first_s, last_s;
	unsigned char	 key[CRY_KEY_BYTES];
};

enum dlv_mail1_state {
	DLV_MAIL1_QUIET,	/* nothing is awaited of the host */
	DLV_MAIL1_OHAI, DLV_MAIL1_SERVER, DLV_MAIL1_KEY, DLV_MAIL1_STATUS
};

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
	struct dlv_keyd_call	 call;
	struct dlv_link		*link;		/* taken */
	enum dlv_mail1_state	 state;
	struct buf		 in;
	char			 host[DLV_HOST_BYTES];
	struct dlv_mail1_pin	 pin;		/* of whom is asked for */
	struct buf		 pin_bytes;
	unsigned char		 server[CRY_KEY_BYTES];
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

/* pins: user empty: the server; fn gets keyd's answer, and gives it to take */
bool		 dlv_mail1_pin_ask(struct dlv_mail1 *, struct slice user, ipc_reply_fn *);
enum err	 dlv_mail1_pin_take(struct dlv_mail1 *, enum err, uint16_t type, const void *msg)
		    MUST_USE;
/* Seen lately: that it is missing now is no accident. */
bool		 dlv_mail1_pin_is_in_force(const struct dlv_mail1 *);
/* False: another is known.  A new one is remembered, and that it was seen. */
bool		 dlv_mail1_pin_judge(struct dlv_mail1 *, struct slice user,
		    const unsigned char key[CRY_KEY_BYTES]);

/* the message to recipient at, sealed to owner_box; on_sent when all is written */
void		 dlv_mail1_box_begin(struct dlv_mail1 *);
void		 dlv_mail1_box_go_on(struct dlv_mail1 *);
void		 dlv_mail1_box_free(struct dlv_mail1 *);
void		 dlv_mail1_sent(struct dlv_mail1 *);

#endif
