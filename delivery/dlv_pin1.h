/* SPDX-License-Identifier: ISC */
/*
 * What keyd remembers of a key of version 1: the first that was seen of a server
 * or of a user, and when.  Another key later is no key, and the one before stays
 * until it is forgotten (gwkey).  Pins of version 1 are kept beside those of
 * version 2, under the user's name with a byte in front that no address has.
 *
 * One at a time: dlv_pin1_ask, then dlv_pin1_take of keyd's answer, which the
 * others speak of.  user empty: the server.
 */
#ifndef DLV_PIN1_H
#define DLV_PIN1_H

#include "delivery/dlv_pool.h"
#include "lib/crypto/cry.h"

#define DLV_PIN1_BYTES		49u
#define DLV_PIN1_REMEMBERED_S	(30u * 86400u)

/* u8 1, u64 first and last seen (unix seconds), key[32] */
struct dlv_pin1 {
	/* set by the owner, and borrowed */
	struct loop		*loop;
	struct dlv_pool		*pool;		/* which has keyd */
	struct slice		 domain;	/* in lower case */
	/* the machine */
	struct dlv_keyd_call	 call;
	bool			 is_known;
	uint64_t		 first_s, last_s;
	unsigned char		 key[CRY_KEY_BYTES];
	size_t			 before_n;
	char			 before[DLV_PIN1_BYTES];	/* as it was got */
};

/* Errors as dlv_pin_get. */
enum err	 dlv_pin1_ask(struct dlv_pin1 *, struct slice user, ipc_reply_fn *, void *arg)
		    MUST_USE;
enum err	 dlv_pin1_take(struct dlv_pin1 *, enum err, uint16_t type, const void *msg)
		    MUST_USE;
/* Seen lately: that it is missing now is no accident. */
bool		 dlv_pin1_is_in_force(const struct dlv_pin1 *);
/* False: another is known.  A new one is remembered, and that it was seen. */
bool		 dlv_pin1_judge(struct dlv_pin1 *, struct slice user,
		    const unsigned char key[CRY_KEY_BYTES]);
void		 dlv_pin1_cancel(struct dlv_pin1 *);	/* at any time */

#endif
