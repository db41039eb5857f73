/* SPDX-License-Identifier: ISC */
/*
 * A message of CMTP 1 as gwcmtp sends it: text and attachments, each in a
 * sealed box to the recipient's key.  Pure; the caller moves the bytes.
 */
#ifndef GWCMTP_MAIL_H
#define GWCMTP_MAIL_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"

#define GWCMTP_MAIL_MAX		(64u << 20)	/* text and attachments together */

/*
 * The command up to the body's end.  params: enum cmtp_mail_param.  ERR_SYNTAX:
 * a name or a field that cannot be; ERR_CORRUPT: the key is none; ERR_TOOBIG.
 */
enum err	 gwcmtp_mail_put(struct buf *, const struct slice params[CMTP_PARAMS_MAX],
		    const unsigned char key[CMTP_KEY_BYTES], const struct cmtp_letter *,
		    uint32_t attachments) MUST_USE;
/* Then each of them.  The same errors. */
enum err	 gwcmtp_mail_put_attachment(struct buf *, const unsigned char key[CMTP_KEY_BYTES],
		    struct slice name, struct slice data) MUST_USE;

#endif
