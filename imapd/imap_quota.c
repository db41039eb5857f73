/* SPDX-License-Identifier: ISC */
#include "imapd/imap_quota.h"

#include "imapd/imap_mailbox.h"
#include "lib/mail/imap_text.h"

static void
put_resource(struct buf *out, const char *name, uint64_t used, uint64_t max, size_t start)
{
	if (max == 0)
		return;
	if (out->n > start)
		buf_put_char(out, ' ');
	buf_printf(out, "%s %llu %llu", name, (unsigned long long)used,
	    (unsigned long long)max);
}

/* RFC 9208 s5.1: STORAGE counts units of 1024 octets; a part of one is used. */
static uint64_t
units(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

/* s5: a root with no limit at all is none. */
static bool
is_limited(const struct ipc_quota *q)
{
	return q->max_bytes != 0 || q->max_messages != 0 || q->max_mailboxes != 0;
}

static void
put_quota(struct imap_session *s, const struct ipc_quota *q)
{
	struct buf *out = imap_session_out(s);
	size_t start;

	buf_put_str(out, "* QUOTA ");
	imap_text_put_string(out, q->root);
	buf_put_str(out, " (");
	start = out->n;
	/* Under a limit of less than a unit there is none left. */
	put_resource(out, "STORAGE", units(q->used_bytes), units(q->max_bytes), start);
	put_resource(out, "MESSAGE", q->used_messages, q->max_messages, start);
	put_resource(out, "MAILBOX", q->used_mailboxes, q->max_mailboxes, start);
	buf_put_str(out, ")\r\n");
}

static bool
next(struct ipc_reader *rd, struct ipc_quota *q)
{
	while (ipc_reader_more(rd)) {
		ipc_quota_get(rd, q);
		if (rd->bad)
			return false;
		if (is_limited(q))
			return true;
	}
	return false;
}

void
imap_quota_put_all(struct imap_session *s, const struct ipc_store_quota_reply *m,
    struct slice mailbox)
{
	struct ipc_reader rd = ipc_reader_of(m->quotas);
	struct buf *out = imap_session_out(s);
	struct ipc_quota q;

	buf_put_str(out, "* QUOTAROOT ");
	imap_mailbox_put(s, out, mailbox);
	while (next(&rd, &q)) {
		buf_put_char(out, ' ');
		imap_text_put_string(out, q.root);
	}
	buf_put_str(out, "\r\n");
	rd = ipc_reader_of(m->quotas);
	while (next(&rd, &q))
		put_quota(s, &q);
}

bool
imap_quota_put_one(struct imap_session *s, const struct ipc_store_quota_reply *m,
    struct slice root)
{
	struct ipc_reader rd = ipc_reader_of(m->quotas);
	struct ipc_quota q;

	while (next(&rd, &q)) {
		if (!slice_eq(q.root, root))
			continue;
		put_quota(s, &q);
		return true;
	}
	return false;
}
