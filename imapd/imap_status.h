/* SPDX-License-Identifier: ISC */
/*
 * status-att-list: what STATUS and LIST ... RETURN (STATUS) ask, and the
 * STATUS response (RFC 9051 s7.3.4, RFC 3501 s7.2.4, RFC 7162 s3.1.7, RFC 7889
 * s4, RFC 8438, RFC 8474 s4.3, RFC 9208 s4.1.4).  An item that is asked twice
 * is told once.
 */
#ifndef IMAP_STATUS_H
#define IMAP_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "imapd/imap_place.h"
#include "imapd/imap_session.h"

#define IMAP_STATUS_ITEMS_MAX	16

struct imap_status {
	uint8_t		 items[IMAP_STATUS_ITEMS_MAX];
	size_t		 count;
};

/* "(" status-att *(SP status-att) ")"; rev2 knows no RECENT. */
void	 imap_status_parse(struct imap_parser *, bool rev2, struct imap_status *);
/* One more, by its name; it must be one that there is. */
void	 imap_status_want(struct imap_status *, const char *name);
/* A client that asks for HIGHESTMODSEQ wants CONDSTORE; before anything is told. */
void	 imap_status_begin(struct imap_session *, const struct imap_status *);
/* The request for a mailbox. */
struct ipc_store_status	imap_status_request(const struct imap_status *,
	    const struct imap_place *);
void	 imap_status_put(struct imap_session *, const struct imap_status *,
	    const struct ipc_store_status_reply *, struct slice name);
/* APPENDLIMIT (RFC 7889 s5: a number), the same for all mailboxes. */
uint32_t imap_status_appendlimit(const struct imap_session *);

#endif
