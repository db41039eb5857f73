/* SPDX-License-Identifier: ISC */
/*
 * Encoded words (RFC 2047; language suffix of RFC 2231 s5): the value of an
 * unstructured field, or a display name, to UTF-8.  White space between two
 * adjacent encoded words is dropped (s6.2).  Raw 8-bit text is taken as UTF-8
 * where it is, else as windows-1252.  The result has no NUL, CR or LF.
 */
#ifndef HDR_WORD_H
#define HDR_WORD_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"

void	 hdr_word_decode(struct charset_set *, struct slice value, struct buf *out);

#endif
