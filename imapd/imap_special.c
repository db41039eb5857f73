/* SPDX-License-Identifier: ISC */
#include "imapd/imap_special.h"

#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

static const struct special { uint32_t bit; const char *name; } specials[] = {
	{ STORE_ALL, "All" }, { STORE_ARCHIVE, "Archive" }, { STORE_DRAFTS, "Drafts" },
	{ STORE_SPECIAL_FLAGGED, "Flagged" }, { STORE_JUNK, "Junk" },
	{ STORE_SENT, "Sent" }, { STORE_TRASH, "Trash" },
};

uint32_t
imap_special_find(struct slice name)
{
	for (size_t i = 0; i < lengthof(specials); i++)
		if (slice_ieq_str(name, specials[i].name))
			return specials[i].bit;
	return 0;
}

void
imap_special_put(struct buf *b, uint32_t special)
{
	for (size_t i = 0; i < lengthof(specials); i++)
		if (special & specials[i].bit)
			buf_printf(b, " \\%s", specials[i].name);
}
