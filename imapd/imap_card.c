/* SPDX-License-Identifier: ISC */
#include "imapd/imap_card.h"

#include "imapd/imap_entry.h"
#include "lib/base/enc.h"

#define VERSION		1
#define HEAD_BYTES	8

enum err
imap_card_put(struct buf *b, const struct imap_memo_text *t)
{
	unsigned char head[HEAD_BYTES] = { VERSION };

	if (HEAD_BYTES + t->cuts.n + t->envelope.n + t->structure.n > IMAP_ENTRY_MAX)
		return ERR_TOOBIG;
	enc_le16(head + 2, (uint16_t)t->cuts.n);
	enc_le32(head + 4, (uint32_t)t->envelope.n);
	buf_put(b, head, sizeof(head));
	buf_put_slice(b, t->cuts);
	buf_put_slice(b, t->envelope);
	buf_put_slice(b, t->structure);
	return ERR_OK;
}

enum err
imap_card_get(struct imap_memo_text *t, struct slice s)
{
	size_t cuts, envelope;

	if (s.n < HEAD_BYTES)
		return ERR_CORRUPT;
	if (s.p[0] != VERSION)
		return ERR_VERSION;
	cuts = dec_le16(s.p + 2);
	envelope = dec_le32(s.p + 4);
	s = slice_from(s, HEAD_BYTES);
	if (cuts > s.n || envelope > s.n - cuts)
		return ERR_CORRUPT;
	t->cuts = slice_head(s, cuts);
	s = slice_from(s, cuts);
	t->envelope = slice_head(s, envelope);
	t->structure = slice_from(s, envelope);
	return ERR_OK;
}
