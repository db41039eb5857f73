/* SPDX-License-Identifier: ISC */
/* What a program gives sendmail, whole, up to the cap of the buffer. */
#ifndef SENDMAIL_READ_H
#define SENDMAIL_READ_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

/*
 * From the descriptor to its end.  ERR_TOOBIG: there is more than fits; of a
 * file that is known before anything is read.  Else of errno.
 */
enum err	 sendmail_read(struct buf *, int fd) MUST_USE;

#endif
