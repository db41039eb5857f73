/* SPDX-License-Identifier: ISC */
/*
 * The base subject (RFC 5256 s2.1): a subject without "Re:", "Fwd:", "(fwd)"
 * and list tags, by which SORT and THREAD compare.  Pure; linear in the length.
 */
#ifndef IMAP_SUBJECT_H
#define IMAP_SUBJECT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* s2.1 step 1 on decoded text: white space runs become one space. */
void		 imap_subject_flatten(struct buf *, struct slice decoded);
/*
 * Steps 2 to 7; the result lies in flat.  *is_reply: a "Re:", "Fwd:" or
 * "(fwd)" was removed, so that the message is a reply or a forward (s3).
 */
struct slice	 imap_subject_base(struct slice flat, bool *is_reply);

#endif
