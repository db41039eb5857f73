/* SPDX-License-Identifier: ISC */
/*
 * One message by CMTP 2 to recipients of one domain, over a link whose host
 * was ready for mail (man/cmtp.7): the domain's server key is looked for, each
 * recipient's records are asked for and judged against what keyd remembers,
 * the message is sealed once for all that have a key, signed in the sending
 * domain's name, and the signed answer tells of each.
 *
 *	no key		the recipient goes by SMTP, or with must is bounced
 *	a break		of a chain: deferred, until it goes on, or what was known is
 *			let go of, or the mail expires
 *	not offered	by the host of a domain whose key is remembered and good:
 *			deferred, since that may be a downgrade
 *	postage		is paid, once, by work (dlv_postage.h), and the same request
 *			sent again
 *
 * A link that a message before has left to the domain (dlv_link_keep) begins with
 * the recipients' keys.  Sealed as it streams, and compressed where that saves;
 * only what is small is held (DLV_MAIL2_HELD), and what zstd makes smaller, so that
 * it is compressed once, up to DLV_MAIL2_HELD_MAX and DLV_MAIL2_ROOM for all
 * messages together.  A message that could not be read to its end is not answered
 * for.  The owner hears of each recipient once, then done.  No call comes from
 * inside a function here.
 */
#ifndef DLV_MAIL2_H
#define DLV_MAIL2_H

#include "delivery/dlv_lookup.h"

struct dlv_mail2;

#define DLV_MAIL2_ROOM	(64u << 20)	/* of text */

/* What is held of larger messages; zeros, one for all. */
struct dlv_mail2_room {
	size_t	 used_bytes;
};

enum dlv_mail2_fate {
	DLV_MAIL2_TOLD,		/* the result stands */
	DLV_MAIL2_BROKEN,	/* the same, and a key changed: the sender has to know */
	DLV_MAIL2_PLAIN		/* not by CMTP 2 */
};

struct dlv_mail2_owner {
	void	(*rcpt)(void *arg, unsigned i, enum dlv_mail2_fate, const struct smtp_result *);
	/* The link is not the owner's any more. */
	void	(*taken)(void *arg);
	/* The connection was a kept one and had ended: nothing was asked or told, and
	 * nothing more comes.  Free it, and try another. */
	void	(*stale)(void *arg);
	void	(*done)(void *arg);
};

struct dlv_mail2_params {
	struct loop		*loop;
	struct dlv_pool		*pool;		/* which has keyd */
	struct dlv_lookup	*lookup;
	struct dlv_known	*known;
	struct dlv_postage	*postage;
	struct seal_press	*press;
	struct dlv_mail2_room	*room;
	struct dlv_link		*link;		/* taken when it offers CMTP 2 */
	bool			 must;		/* the route says require */
	struct slice		 sender;	/* empty: the server itself */
	struct slice		 domain;	/* of the recipients */
	const struct slice	*users;		/* their local parts, at most CMTP2_DESTINATIONS_MAX */
	unsigned		 count;
	struct dlv_source	*source;
};

/* What params point to, but for the array users, is borrowed for its life. */
struct dlv_mail2 *dlv_mail2_new(const struct dlv_mail2_params *, const struct dlv_mail2_owner *,
		    void *arg);
const char	*dlv_mail2_host(const struct dlv_mail2 *);
/* All is sent: only the answer is missing. */
bool		 dlv_mail2_is_finishing(const struct dlv_mail2 *);
void		 dlv_mail2_free(struct dlv_mail2 **);	/* at any time */

#endif
