/* SPDX-License-Identifier: ISC */
/*
 * Text as mail wants it: encoded words (RFC 2047) in UTF-8 and base64,
 * parameters (RFC 2231) and quoted-printable (RFC 2045 s6.7).  Pure.  Text is UTF-8 (utf8_ok) with CRLF
 * at the end of its lines.
 */
#ifndef MIME_PUT_H
#define MIME_PUT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define MIME_LINE_MAX	998u	/* RFC 5322 s2.1.1 */

bool	 mime_is_ascii(struct slice);
/* ASCII, and no line is longer than MIME_LINE_MAX. */
bool	 mime_is_plain(struct slice text);

/* An unstructured value of one line: as it is when it is ASCII and short. */
void	 mime_put_words(struct buf *, struct slice);
/* A display name: atoms, a quoted string, or encoded words. */
void	 mime_put_phrase(struct buf *, struct slice);
/* A quoted-string; the text has neither CR nor LF. */
void	 mime_put_quoted(struct buf *, struct slice);
/* "; name=value" (RFC 2231) on lines of its own, whatever the value holds. */
void	 mime_put_param(struct buf *, const char *name, struct slice value);
void	 mime_put_quoted_printable(struct buf *, struct slice text);

#endif
