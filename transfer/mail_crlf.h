/* SPDX-License-Identifier: ISC */
/*
 * Line ends of a message that comes in pieces: LF becomes CRLF, and the other
 * way round.  CR that stands alone stays.  Pure; state begins as zero.
 */
#ifndef MAIL_CRLF_H
#define MAIL_CRLF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct mail_crlf { bool after_cr; };

/* How many bytes the piece will have with CRLF. */
uint64_t mail_crlf_count(struct mail_crlf *, struct slice);
void	 mail_crlf_put(struct mail_crlf *, struct buf *, struct slice);
/* A CR at the end of a piece waits for the next; at the end, mail_lf_end. */
void	 mail_lf_put(struct mail_crlf *, struct buf *, struct slice);
void	 mail_lf_end(struct mail_crlf *, struct buf *);

#endif
