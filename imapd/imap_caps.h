/* SPDX-License-Identifier: ISC */
/*
 * The tables of imap_caps.def: what is announced, and what ENABLE knows.
 * imap_session_put_capabilities and _enable of imap_session.h are here.
 */
#ifndef IMAP_CAPS_H
#define IMAP_CAPS_H

#include "imapd/imap_session.h"
#include "lib/base/slice.h"

#define IMAP_CAPABILITIES_MAX	4096	/* all rows together, with room to grow */

/* The bit that ENABLE of this name sets; 0: it is not known. */
unsigned	 imap_caps_find(struct slice name);
/* These bits and what they imply. */
unsigned	 imap_caps_implied(unsigned bits);
/* " NAME" for each of the bits. */
void		 imap_caps_put_enabled(struct buf *, unsigned bits);

#endif
