/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names on the wire: modified UTF-7 (RFC 3501 s5.1.3).  Strict both
 * ways: a name has one encoding only, so superfluous shifts, encoded
 * printable ASCII, unfinished base64 and lone surrogates are ERR_SYNTAX.
 */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Appends UTF-8. */
enum err	 imap_utf7_decode(struct slice wire, struct buf *utf8) MUST_USE;
/* utf8 must be well-formed (what is not is skipped). */
void		 imap_utf7_encode(struct slice utf8, struct buf *wire);

#endif
