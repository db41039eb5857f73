/* SPDX-License-Identifier: ISC */
/*
 * Files of gwcmtp's user in its directory, each read and replaced as a whole:
 * a stop in between leaves the one before.
 */
#ifndef GWCMTP_FILE_H
#define GWCMTP_FILE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define GWCMTP_FILE_NAME_MAX	250	/* room for ".new" */

/* To the buf's cap: ERR_LIMIT.  ERR_NOTFOUND: no file, or no directory. */
enum err	 gwcmtp_file_read(const char *dir, const char *name, struct buf *) MUST_USE;
/* Written when this returns, with mode 0600; the directory is made with 0700. */
enum err	 gwcmtp_file_write(const char *dir, const char *name, struct slice) MUST_USE;

#endif
