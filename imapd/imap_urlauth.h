/* SPDX-License-Identifier: ISC */
/*
 * What a URL with authorization says (RFC 4467), read for GENURLAUTH and
 * URLFETCH, and the token of the mechanism INTERNAL: hex of u8 version 1, u64
 * mailbox (little-endian), and the MAC that keyd makes over imap_urlauth_terms.
 *
 * It must be absolute, name this server and the owner by his address ("user",
 * percent-encoded, or "user" at a host that is his domain), a mailbox and a UID.
 */
#ifndef IMAP_URLAUTH_H
#define IMAP_URLAUTH_H

#include <stdint.h>

#include "imapd/imap_items.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/ipc/key_proto.h"
#include "lib/mail/imap_url.h"

#define IMAP_URLS_MAX	100	/* in one command */

struct imap_urlauth {
	struct imap_url	 url;
	struct slice	 owner;		/* canonical address */
	struct slice	 name;		/* of the mailbox, as the store has it */
	struct imap_item item;		/* what of the message */
};

/* ERR_SYNTAX: it is none; ERR_LIMIT.  All memory is the arena's and the text's. */
enum err	 imap_urlauth_parse(struct imap_urlauth *, struct slice text, const char *hostname,
		    struct arena *) MUST_USE;
/* REC url_terms */
void		 imap_urlauth_terms(const struct imap_urlauth *, uint64_t mailbox, struct buf *out);
/* The URL with its token. */
void		 imap_urlauth_put(const struct imap_urlauth *, uint64_t mailbox,
		    struct slice mac, struct buf *out);
/* What the token says; ERR_SYNTAX: it is none of ours. */
enum err	 imap_urlauth_token(const struct imap_urlauth *, uint64_t *mailbox,
		    unsigned char mac[URL_MAC_BYTES]) MUST_USE;

#endif
