/* SPDX-License-Identifier: ISC */
#include "imapd/imap_news.h"

#include "imapd/imap_row.h"

struct imap_items *
imap_news_items(struct imap_cmd *c, struct slice text)
{
	struct imap_items *items = imap_cmd_alloc(c, sizeof(*items));
	bool due = imap_row_due(c->s) != 0;
	struct imap_parser p;

	if (items == NULL)
		return NULL;
	imap_parser_init(&p, text, &c->arena);
	p.utf8_names = imap_session_is(c->s, IMAP_EN_UTF8_NAMES);
	imap_items_parse(&p, due, items);
	/* RFC 7162 s3.2: MODSEQ goes with flags that were not asked for. */
	if (due && imap_items_has(items, IMAP_ITEM_FLAGS) &&
	    !imap_items_has(items, IMAP_ITEM_MODSEQ) && items->count < IMAP_ITEMS_MAX) {
		items->v[items->count++] = (struct imap_item){ .kind = IMAP_ITEM_MODSEQ };
		items->kinds |= 1u << IMAP_ITEM_MODSEQ;
	}
	return imap_parser_end(&p) ? items : NULL;
}
