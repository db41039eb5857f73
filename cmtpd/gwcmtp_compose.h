/* SPDX-License-Identifier: ISC */
/*
 * A letter and its attachments as Internet mail, of bytes that are all here:
 * each box is what CMTP 1 would seal (cmtp_letter.h), the letter first.  Pure.
 */
#ifndef GWCMTP_COMPOSE_H
#define GWCMTP_COMPOSE_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/letter_mail.h"

/* out is made, with room for just that; count is attachments + 1.  ERR_TOOBIG: over most. */
enum err	 gwcmtp_compose(struct buf *out, const struct letter_mail_facts *,
		    const struct buf *boxes, unsigned count, uint64_t most) MUST_USE;

#endif
