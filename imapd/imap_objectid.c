/* SPDX-License-Identifier: ISC */
#include "imapd/imap_objectid.h"

#include "lib/base/enc.h"

#define OBJECTID_MAX	255

void
imap_objectid_put(struct buf *b, enum imap_objectid kind, uint64_t id)
{
	buf_put_char(b, (char)kind);
	enc_put_id(b, id);
}

void
imap_objectid_put_mailbox(struct buf *b, uint64_t id)
{
	buf_put_str(b, "MAILBOXID (");
	imap_objectid_put(b, IMAP_MAILBOXID, id);
	buf_put_char(b, ')');
}

bool
imap_objectid_get(struct slice s, enum imap_objectid kind, uint64_t *id)
{
	char text[ENC_ID_BYTES + 1];

	if (s.n != ENC_ID_BYTES + 1 || s.p[0] != (char)kind ||
	    enc_get_id(slice_from(s, 1), id) != ERR_OK)
		return false;
	/* RFC 8474 s4: identifiers are case-sensitive; only one spelling is ours. */
	enc_id_str(text, *id);
	return slice_eq_str(slice_from(s, 1), text);
}

bool
imap_objectid_is_legal(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n <= OBJECTID_MAX;
}
