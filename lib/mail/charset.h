/* SPDX-License-Identifier: ISC */
/*
 * Charset conversion to UTF-8 over a fixed list.  us-ascii, utf-8, iso-8859-1,
 * iso-8859-15 and windows-1252 are our own; the rest is iconv(3), opened by
 * charset_new, which loads gconv modules from the file system: call it before
 * the sandbox.  A NULL set knows our own charsets only.  What cannot be
 * converted becomes U+FFFD; the output is always well-formed UTF-8 without
 * NUL.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct charset_set;

struct charset_set	*charset_new(void);
void			 charset_free(struct charset_set **);

bool	 charset_is_known(const struct charset_set *, struct slice name);
/* Bytes 0x01 to 0x7f mean what they mean in ASCII, wherever they stand alone. */
bool	 charset_has_ascii(struct slice name);
/* Appends; false when the name is unknown: then it is read as UTF-8. */
bool	 charset_put_utf8(struct charset_set *, struct slice name, struct slice text,
	    struct buf *out);
/* Appends text that should be UTF-8 already; bad bytes become U+FFFD. */
void	 charset_put_clean(struct slice text, struct buf *out);
/* Length of the UTF-8 sequence at p of n bytes, 0 when malformed. */
size_t	 charset_utf8_len(const char *p, size_t n);

#endif
