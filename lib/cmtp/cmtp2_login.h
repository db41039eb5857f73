/* SPDX-License-Identifier: ISC */
/*
 * LOGIN2, PROOF2, REGISTER2 and RECORD2 as bytes (man/cmtp.7).
 *
 *	LOGIN2     user NUL, domain NUL, KE1[96]
 *	PROOF2     KE3[64]
 *	REGISTER2  user NUL, domain NUL, password NUL, request[32]
 *	RECORD2    record[192], u16 bundle bytes, bundle
 *
 * Each has a reply of one form: u32 2, u8 status, u16 length, content.  It is
 * not signed: the exchange itself says who the server is.
 */
#ifndef CMTP2_LOGIN_H
#define CMTP2_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/cmtp/opaque.h"

enum cmtp2_login_status {
	CMTP2_LOGIN_OK,
	CMTP2_LOGIN_NO,		/* wrong password, no such user: never which */
	CMTP2_LOGIN_MAIL,	/* RECORD2: that is the mailbox's password */
	CMTP2_LOGIN_LATER
};
#define CMTP2_LOGIN_STATUS_MAX	CMTP2_LOGIN_LATER

struct cmtp2_login_reply {
	bool		 is_failure;	/* FAILURE stood in its place: nothing else is set */
	uint8_t		 status;
	struct slice	 content;
};

/* What both sides make of the names of the request: OPAQUE's context. */
void		 cmtp2_login_context(struct buf *, struct slice user, struct slice domain);

/* ---- the client; ERR_SYNTAX as cmtp_put_command */
enum err	 cmtp2_login_ask(struct buf *, struct slice user, struct slice domain,
		    const unsigned char ke1[OPAQUE_KE1_BYTES]) MUST_USE;
void		 cmtp2_login_prove(struct buf *, const unsigned char ke3[OPAQUE_KE3_BYTES]);
enum err	 cmtp2_login_register(struct buf *, struct slice user, struct slice domain,
		    struct slice password,
		    const unsigned char request[OPAQUE_REGISTER_BYTES]) MUST_USE;
void		 cmtp2_login_record(struct buf *, const unsigned char record[OPAQUE_RECORD_BYTES],
		    struct slice bundle);
/*
 * From the front of the input, where the slices lie.  ERR_SHORT: give more,
 * nothing was taken; ERR_SYNTAX, ERR_VERSION.
 */
enum err	 cmtp2_login_read(struct cmtp2_login_reply *, struct slice *in) MUST_USE;

/* ---- the server */
void		 cmtp2_login_put(struct buf *, enum cmtp2_login_status, struct slice content);

#endif
