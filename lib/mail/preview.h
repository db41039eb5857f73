/* SPDX-License-Identifier: ISC */
/*
 * The first characters of a message as one line of plain text (RFC 8970 s3):
 * of its first text/plain part, else of its first text/html part without
 * markup.  White space collapses to single spaces; at most max_chars
 * characters of UTF-8.
 */
#ifndef PREVIEW_H
#define PREVIEW_H

#include "lib/base/buf.h"
#include "lib/mail/charset.h"
#include "lib/mail/mime.h"

void	 preview_put(struct buf *, const struct mime *, struct charset_set *,
	    unsigned max_chars);

#endif
