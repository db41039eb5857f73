/* SPDX-License-Identifier: ISC */
/*
 * What a list of messages shows of one, ready for the wire: a byte string for
 * column blocks (imap_column.h), little-endian:
 *
 *	u8 version 1, u8 zero, u16 bytes of the cuts, u32 of the envelope,
 *	then cuts, envelope, structure
 *
 * What comes back from disk is as trustworthy as any peer; imap_card_get checks
 * its form.  Pure.
 */
#ifndef IMAP_CARD_H
#define IMAP_CARD_H

#include "imapd/imap_memo.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Appends it; ERR_TOOBIG: over IMAP_ENTRY_MAX, and nothing is appended. */
enum err	 imap_card_put(struct buf *, const struct imap_memo_text *) MUST_USE;
/* Borrows.  ERR_VERSION, ERR_CORRUPT. */
enum err	 imap_card_get(struct imap_memo_text *, struct slice) MUST_USE;

#endif
