/* SPDX-License-Identifier: ISC */
#include "imapd/imap_header8.h"

void
imap_header8_feed(struct imap_header8 *h, struct slice s)
{
	for (size_t i = 0; i < s.n && !h->over && !h->found; i++) {
		if (s.p[i] == '\n') {
			h->over = !h->in_line;
			h->in_line = false;
		} else if (s.p[i] != '\r') {
			h->in_line = true;
			h->found = (s.p[i] & 0x80) != 0;
		}
	}
}
