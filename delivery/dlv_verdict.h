/* SPDX-License-Identifier: ISC */
/*
 * Why something went as it did: what becomes of a recipient, in the words of
 * log, listing and DSN.  A plain value.
 */
#ifndef DLV_VERDICT_H
#define DLV_VERDICT_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/ipc/queue_proto.h"

#define DLV_DSN_BYTES	10	/* "5.123.123" and a NUL */
#define DLV_REASON_BYTES 256	/* and a NUL; relay_result.text */

struct dlv_verdict {
	enum err		error;		/* its class: sent, deferred or bounced */
	enum relay_feedback	feedback;	/* 0: says nothing of the site */
	char			dsn[DLV_DSN_BYTES];
	char			text[DLV_REASON_BYTES];
};

/* Text that is too long is cut, never within a UTF-8 character. */
void		 dlv_verdict_set(struct dlv_verdict *, enum err, enum relay_feedback,
		    const char *dsn, const char *fmt, ...) PRINTF_LIKE(5, 6);
/*
 * One of two texts of several stands for all: that which says most of the
 * site.  Taken before refused, throttled, dead, unknown.
 */
enum relay_feedback dlv_feedback_join(enum relay_feedback, enum relay_feedback);

#endif
