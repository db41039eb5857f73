/* SPDX-License-Identifier: ISC */
/*
 * The mailbox of gwcmtp's user on an IMAP server, looked at inside TLS and
 * changed in nothing: EXAMINE and BODY.PEEK.  All but the fetch of a message
 * that has gone say why they fail, and return an exit code.
 */
#ifndef GWCMTP_BOX_H
#define GWCMTP_BOX_H

#include "cmtpd/gwcmtp_tls.h"
#include "cmtpd/gwcmtp_tool.h"
#include "lib/imap/imap_client.h"
#include "lib/imap/mail_place.h"

#define GWCMTP_BOX_MESSAGE_MAX	(192u << 20)	/* as it is served: more is not fetched */

struct gwcmtp_box {
	struct mail_place	 place;
	struct gwcmtp_tls	 tls;
	struct link		*link;
	struct imap_client	 client;
	uint32_t		 exists;
	bool			 has_tls, has_client;
};

struct gwcmtp_box_row {
	uint32_t	 uid;
	uint64_t	 bytes;
	int64_t		 time_s;	/* at which it came */
};

/* The place that -s names: read before a password is typed. */
int	 gwcmtp_box_init(struct gwcmtp *, struct gwcmtp_box *) MUST_USE;
void	 gwcmtp_box_fini(struct gwcmtp_box *);
/* Up to the login. */
int	 gwcmtp_box_connect(struct gwcmtp *, struct gwcmtp_box *) MUST_USE;
/* And the mailbox. */
int	 gwcmtp_box_enter(struct gwcmtp *, struct gwcmtp_box *, const char *address,
	    struct slice password) MUST_USE;
/* The newest messages, at most count, the oldest of them first; *n are there. */
int	 gwcmtp_box_rows(struct gwcmtp_box *, struct gwcmtp_box_row *, unsigned count,
	    unsigned *n) MUST_USE;
/* EX_NOINPUT, and nothing said: there is no such message. */
int	 gwcmtp_box_fetch(struct gwcmtp_box *, uint32_t uid, struct buf *) MUST_USE;

#endif
