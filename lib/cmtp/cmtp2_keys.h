/* SPDX-License-Identifier: ISC */
/*
 * KEYREQUEST2 and its reply: the records of a user, or with an empty user of
 * the domain's server.
 *
 *	user NUL, domain NUL, nonce[32], u64 serial that is known (0: none)
 *	u32 2, u8 status, u8 count, records, sig[64]
 *
 * The reply is signed for this request alone: nonce, user, domain, and what
 * stands from status to the last record.  Records are in cmtp_key's form, the
 * oldest first: those behind the known serial, the newest CMTP2_RECORDS_MAX at
 * most, and always the newest.
 */
#ifndef CMTP2_KEYS_H
#define CMTP2_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_key.h"
#include "lib/cmtp/cmtp_sign.h"
#include "lib/cmtp/cmtp_wire.h"

#define CMTP2_KEYS_CONTENT_MAX	(2 + CMTP2_RECORDS_MAX * CMTP_KEY_RECORD_MAX)

struct cmtp2_keys_request {
	struct slice	 user;
	struct slice	 domain;
	struct slice	 nonce;		/* CMTP2_NONCE_BYTES */
	uint64_t	 known;
};

struct cmtp2_keys_reply {
	bool		 is_failure;	/* FAILURE stood in its place: nothing else is set */
	uint8_t		 status;	/* enum cmtp2_status */
	unsigned	 count;
	struct slice	 records;
	struct slice	 content;	/* what is signed */
	struct slice	 sig;
};

#define CMTP2_KEYS_STATUS_MAX	CMTP2_LATER

/* ---- the one who asks */
/* ERR_SYNTAX. */
enum err	 cmtp2_keys_ask(struct buf *, const struct cmtp2_keys_request *) MUST_USE;
/*
 * From the front of the input, where the slices lie.  ERR_SHORT: give more,
 * nothing was taken; ERR_SYNTAX, ERR_VERSION.  The records can be read.
 */
enum err	 cmtp2_keys_read(struct cmtp2_keys_reply *, struct slice *in) MUST_USE;
/* By the answering server's key.  ERR_CORRUPT. */
enum err	 cmtp2_keys_verify(const struct cmtp2_keys_reply *, const struct cmtp2_keys_request *,
		    const unsigned char server_sign[CRY_KEY_BYTES]) MUST_USE;

/* ---- the one who answers */
void		 cmtp2_keys_content(struct buf *, uint8_t status, unsigned count,
		    struct slice records);
struct cmtp_sign cmtp2_keys_sign(const struct cmtp2_keys_request *, struct slice content);
void		 cmtp2_keys_put(struct buf *, struct slice content,
		    const unsigned char sig[CMTP_SIG_BYTES]);

#endif
