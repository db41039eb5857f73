/* SPDX-License-Identifier: ISC */
/*
 * sendmail -bv: asks the suite whether it would take mail for the recipients
 * of the command line, over run/submit.  One line for each on out.
 */
#ifndef SENDMAIL_VERIFY_H
#define SENDMAIL_VERIFY_H

#include <stdio.h>

#include "lib/base/slice.h"

/* rcpts: NUL-terminated each.  EX_OK: all are good; EX_NOUSER; EX_TEMPFAIL. */
int		 sendmail_verify(int fd, struct slice rcpts, FILE *out);

#endif
