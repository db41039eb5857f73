/* SPDX-License-Identifier: ISC */
/*
 * AUTHENTICATE SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677): client's
 * first message, challenge, client's final message, the server's signature as
 * a last challenge, and an empty response (RFC 4422 s3.6: IMAP has no place
 * for it in the tagged answer).
 */
#ifndef IMAP_SCRAM_H
#define IMAP_SCRAM_H

#include "imapd/imap_cmd.h"

/* Sends "+ " and waits for a line of base64. */
typedef void imap_scram_ask_fn(struct imap_cmd *, struct slice challenge);

struct imap_scram;
/* In the command's arena; ends with the command.  NULL: answered. */
struct imap_scram *imap_scram_new(struct imap_cmd *, bool is_plus, imap_scram_ask_fn *);
void	 imap_scram_free(struct imap_scram *);
/* The next message of the client, decoded. */
void	 imap_scram_take(struct imap_scram *, struct slice message);

#endif
