/* SPDX-License-Identifier: ISC */
/*
 * What the sender of mail that waited is told of recipients who were refused:
 * a line each, SENDMAIL_REPORT_MAX bytes in all; the rest are counted.  Pure.
 */
#ifndef SENDMAIL_REPORT_H
#define SENDMAIL_REPORT_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define SENDMAIL_REPORT_MAX	(1u << 20)

struct sendmail_report {
	struct buf	 text;
	uint32_t	 more;		/* had no room */
};

void	 sendmail_report_init(struct sendmail_report *);
void	 sendmail_report_fini(struct sendmail_report *);
void	 sendmail_report_add(struct sendmail_report *, struct slice address,
	    struct slice reply);
/* The message, appended to out. */
void	 sendmail_report_put(const struct sendmail_report *, struct slice domain,
	    struct slice sender, struct buf *out);

#endif
