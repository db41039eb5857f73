/* SPDX-License-Identifier: ISC */
#include "imapd/imap_needs.h"

#include "imapd/imap_walk.h"

#define HEADER_FIRST_BYTES	20480u		/* head and one chunk */

static bool
is_top_fields(const struct imap_item *i)
{
	return i->fields == IMAP_FIELDS_ONLY && i->path_count == 0;
}

bool
imap_needs_fields(struct imap_message *m, const struct imap_item *i, struct slice *header)
{
	return is_top_fields(i) &&
	    imap_message_fields(m, i->names, i->name_count, header);
}

static unsigned
needs_of(struct imap_message *m, const struct imap_item *i)
{
	struct slice header;

	switch (i->kind) {
	case IMAP_ITEM_FLAGS:
	case IMAP_ITEM_UID:
	case IMAP_ITEM_MODSEQ:
	case IMAP_ITEM_INTERNALDATE:
	case IMAP_ITEM_SIZE:
	case IMAP_ITEM_SAVEDATE:
	case IMAP_ITEM_EMAILID:
	case IMAP_ITEM_THREADID:
		return 0;
	case IMAP_ITEM_PREVIEW:
		return i->lazy ? 0 : IMAP_NEED_PREVIEW;
	case IMAP_ITEM_ENVELOPE:
		return IMAP_NEED_ENVELOPE;
	case IMAP_ITEM_BODY:
	case IMAP_ITEM_BODYSTRUCTURE:
		return IMAP_NEED_STRUCTURE;
	case IMAP_ITEM_SECTION:
	case IMAP_ITEM_BINARY:
	case IMAP_ITEM_BINARY_SIZE:
		break;
	}
	if (i->path_count == 0 && i->what == MIME_SECTION_ALL)
		return IMAP_NEED_BODY;
	return imap_needs_fields(m, i, &header) ? 0 : IMAP_NEED_PARTS | IMAP_NEED_BODY;
}

unsigned
imap_needs_of(struct imap_message *m, const struct imap_items *items)
{
	unsigned needs = 0;

	for (uint32_t i = 0; i < items->count; i++)
		needs |= needs_of(m, &items->v[i]);
	return needs;
}

uint32_t
imap_needs_first_bytes(const struct imap_items *items)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < items->count; i++) {
		const struct imap_item *it = &items->v[i];
		bool kept = is_top_fields(it);

		if (it->kind == IMAP_ITEM_BINARY || it->kind == IMAP_ITEM_BINARY_SIZE)
			return IMAP_READ_BYTES;
		if (it->kind != IMAP_ITEM_SECTION)
			continue;
		for (uint32_t k = 0; k < it->name_count; k++)
			kept = kept && summary_keeps(it->names[k]);
		if (kept)
			continue;
		if (it->what != MIME_SECTION_HEADER || it->path_count > 0)
			return IMAP_READ_BYTES;
		bytes = HEADER_FIRST_BYTES;
	}
	return bytes;
}
