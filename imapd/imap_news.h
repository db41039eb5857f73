/* SPDX-License-Identifier: ISC */
/*
 * Messages that come while a client watches: NOTIFY (RFC 5465 s5.2) and UPDATE
 * (s7) may name the fetch-atts by which it wants to hear of them.  Kept is
 * their text, which is read again for each report.
 */
#ifndef IMAP_NEWS_H
#define IMAP_NEWS_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_items.h"
#include "lib/base/slice.h"

/* For imap_fetch_start, in the command's arena; NULL: it does not read. */
struct imap_items	*imap_news_items(struct imap_cmd *, struct slice text);

#endif
