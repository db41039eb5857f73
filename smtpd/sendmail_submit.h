/* SPDX-License-Identifier: ISC */
/*
 * Hands a message of a local program to the suite: SMTP over the socket
 * run/submit, with lib/smtp's client, blocking.
 */
#ifndef SENDMAIL_SUBMIT_H
#define SENDMAIL_SUBMIT_H

#include <stdio.h>

#include "smtpd/sendmail_compose.h"

/*
 * fd: connected, stays the caller's.  What was refused for good is told on
 * err, or when the message waited in the drop directory (is_late) to its
 * sender by mail.  Recipients that are to be tried later come in again,
 * NUL-terminated each; when there are any the result is EX_TEMPFAIL.  Else
 * EX_OK, EX_NOUSER, EX_DATAERR or EX_UNAVAILABLE.
 */
int		 sendmail_submit(int fd, const struct sendmail_wish *, struct slice raw,
		    bool is_late, FILE *err, struct buf *again);

#endif
