/* SPDX-License-Identifier: ISC */
#include "imapd/imap_row.h"

#include "imapd/imap_flags.h"
#include "imapd/imap_sync.h"

void
imap_row_begin(const struct imap_session *s, struct buf *out, const struct ipc_row *row)
{
	bool uid_only = imap_session_is(s, IMAP_EN_UIDONLY);

	/* Not by printf: a large mailbox is listed in milliseconds. */
	buf_put_str(out, "* ");
	buf_put_num(out, uid_only ? row->uid : row->seq);
	buf_put_str(out, uid_only ? " UIDFETCH (" : " FETCH (");
}

static void
put_flags(struct imap_session *s, struct buf *out, const struct ipc_row *row)
{
	/* RFC 9051 s2.3.2: \Recent is no more. */
	bool recent = !imap_session_is(s, IMAP_EN_REV2) &&
	    imap_recent_has(&s->view.recent, row->uid);

	buf_put_str(out, "FLAGS (");
	imap_flags_put(out, row->flags, row->more, imap_sync_names(s), recent);
	buf_put_char(out, ')');
}

static void
put_modseq(struct imap_session *s, struct buf *out, const struct ipc_row *row)
{
	if (row->modseq > s->view.told)
		s->view.told = row->modseq;
	buf_put_str(out, "MODSEQ (");
	buf_put_num(out, row->modseq);
	buf_put_char(out, ')');
}

bool
imap_row_put(struct imap_session *s, struct buf *out, const struct ipc_row *row,
    unsigned parts, bool any)
{
	for (unsigned part = IMAP_ROW_UID; part <= IMAP_ROW_MODSEQ; part <<= 1) {
		if (!(parts & part))
			continue;
		if (any)
			buf_put_char(out, ' ');
		any = true;
		if (part == IMAP_ROW_UID) {
			buf_put_str(out, "UID ");
			buf_put_num(out, row->uid);
		} else if (part == IMAP_ROW_FLAGS) {
			put_flags(s, out, row);
		} else {
			put_modseq(s, out, row);
		}
	}
	return any;
}

void
imap_row_tell(struct imap_session *s, const struct ipc_row *row, unsigned parts)
{
	struct buf *out = imap_session_out(s);

	/* It begins with the UID. */
	if (imap_session_is(s, IMAP_EN_UIDONLY))
		parts &= ~(unsigned)IMAP_ROW_UID;
	imap_row_begin(s, out, row);
	(void)imap_row_put(s, out, row, parts, false);
	buf_put_str(out, ")\r\n");
}

unsigned
imap_row_due(const struct imap_session *s)
{
	return imap_session_is(s, IMAP_EN_CONDSTORE) ? IMAP_ROW_UID | IMAP_ROW_MODSEQ : 0;
}
