/* SPDX-License-Identifier: ISC */
#include "imapd/imap_column.h"

#include "imapd/imap_entry.h"
#include "lib/base/enc.h"

#define VERSION		2	/* with that of its entries */
#define HEAD_BYTES	12

static bool
has(const struct imap_column *c, unsigned i)
{
	return c->present >> i & 1;
}

enum err
imap_column_get(struct imap_column *c, struct slice s)
{
	struct slice lengths;

	*c = (struct imap_column){ 0 };
	if (s.n < HEAD_BYTES)
		return ERR_CORRUPT;
	if (s.p[0] != VERSION)
		return ERR_VERSION;
	c->present = dec_le64(s.p + 4);
	lengths = slice_from(s, HEAD_BYTES);
	s = slice_from(lengths, 2u * (unsigned)__builtin_popcountll(c->present));
	for (unsigned i = 0; i < IMAP_COLUMN_UIDS; i++) {
		size_t n;

		if (!has(c, i))
			continue;
		if (lengths.n < 2)
			return ERR_CORRUPT;
		n = dec_le16(lengths.p);
		lengths = slice_from(lengths, 2);
		if (n > s.n)
			return ERR_CORRUPT;
		c->entry[i] = slice_head(s, n);
		s = slice_from(s, n);
	}
	return s.n == 0 ? ERR_OK : ERR_CORRUPT;
}

void
imap_column_put(struct buf *b, const struct imap_column *c)
{
	unsigned char head[HEAD_BYTES] = { VERSION }, length[2];

	enc_le64(head + 4, c->present);
	buf_put(b, head, sizeof(head));
	for (unsigned i = 0; i < IMAP_COLUMN_UIDS; i++) {
		enc_le16(length, (uint16_t)c->entry[i].n);
		if (has(c, i))
			buf_put(b, length, sizeof(length));
	}
	for (unsigned i = 0; i < IMAP_COLUMN_UIDS; i++)
		if (has(c, i))
			buf_put_slice(b, c->entry[i]);
}

bool
imap_column_add(struct imap_column *c, uint32_t uid, struct slice entry)
{
	unsigned i = uid % IMAP_COLUMN_UIDS;
	size_t total = HEAD_BYTES + 2 * IMAP_COLUMN_UIDS + entry.n;

	for (unsigned k = 0; k < IMAP_COLUMN_UIDS; k++)
		total += c->entry[k].n;
	if (has(c, i) || entry.n > IMAP_ENTRY_MAX || total > IMAP_COLUMN_MAX)
		return false;
	c->entry[i] = entry;
	c->present |= 1ull << i;
	return true;
}

bool
imap_column_drop(struct imap_column *c)
{
	unsigned longest = 0;

	if (c->present == 0)
		return false;
	for (unsigned i = 0; i < IMAP_COLUMN_UIDS; i++)
		if (c->entry[i].n >= c->entry[longest].n && has(c, i))
			longest = i;
	c->entry[longest] = SLICE_NONE;
	c->present &= ~(1ull << longest);
	return true;
}
