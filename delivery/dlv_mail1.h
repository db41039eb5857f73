/* SPDX-License-Identifier: ISC */
/*
 * One message by CMTP 1 to recipients of one domain, each in a message of its
 * own, over a link whose host was ready for mail (man/cmtp.7).  What the boxes
 * hold is lib/cmtp/mail_letter.h's; each is gone over twice and never held.
 *
 * Keys prove less than verified TLS: over such a link all go by SMTP, unless
 * CMTP is required.  A key is remembered as the domain's or the user's
 * (dlv_pin1.h); another one later is no key, and the mail is held.
 *
 *	no key		by SMTP, or with must bounced
 *	another key	deferred, until the old one is forgotten (gwkey), and the
 *			sender is told at once
 *	not offered	where it was within DLV_PIN1_REMEMBERED_S: deferred
 *
 * As in dlv_mail2.h the owner hears of each recipient once, then done.  No call
 * comes from inside a function here.
 */
#ifndef DLV_MAIL1_H
#define DLV_MAIL1_H

#include "delivery/dlv_mail2.h"
#include "lib/mail/charset.h"

#define DLV_MAIL1_RCPTS_MAX	100u

struct dlv_mail1;

struct dlv_mail1_params {
	struct loop		*loop;
	struct dlv_pool		*pool;		/* which has keyd */
	struct charset_set	*charsets;
	struct dlv_link		*link;		/* taken when it is used */
	bool			 must;		/* the route says require */
	const char		*hostname;	/* for the log that travels */
	uint64_t		 msg;
	struct slice		 sender;	/* empty: the server itself */
	struct slice		 domain;	/* of the recipients, in lower case */
	const struct slice	*users;		/* their local parts, at most DLV_MAIL1_RCPTS_MAX */
	unsigned		 count;
	struct dlv_source	*source;
};

/* What params point to, but for the array users, is borrowed for its life. */
struct dlv_mail1 *dlv_mail1_new(const struct dlv_mail1_params *, const struct dlv_mail2_owner *,
		    void *arg);
const char	*dlv_mail1_host(const struct dlv_mail1 *);
/* A message is sent: only its answer is missing. */
bool		 dlv_mail1_is_finishing(const struct dlv_mail1 *);
void		 dlv_mail1_free(struct dlv_mail1 **);	/* at any time */

#endif
