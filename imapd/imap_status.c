/* SPDX-License-Identifier: ISC */
#include "imapd/imap_status.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "imapd/imap_objectid.h"
#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "lib/seal/seal_mime.h"

enum item {
	MESSAGES, RECENT, UIDNEXT, UIDVALIDITY, UNSEEN, DELETED, SIZE, HIGHESTMODSEQ,
	MAILBOXID, APPENDLIMIT, DELETED_STORAGE, ITEM_COUNT
};
static const char *const item_names[ITEM_COUNT] = {
	"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE",
	"HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT", "DELETED-STORAGE",
};

static bool
has(const struct imap_status *st, enum item item)
{
	for (size_t i = 0; i < st->count; i++)
		if (st->items[i] == item)
			return true;
	return false;
}

static void
parse_item(struct imap_parser *p, bool rev2, struct imap_status *st)
{
	struct slice word = imap_parser_atom(p);

	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		if (!slice_ieq_str(word, item_names[i]) || (i == RECENT && rev2))
			continue;
		/* Each once: there is room for all. */
		if (!has(st, i))
			st->items[st->count++] = (uint8_t)i;
		return;
	}
	imap_parser_fail(p, "Unknown status item");
}

void
imap_status_parse(struct imap_parser *p, bool rev2, struct imap_status *st)
{
	imap_parser_want(p, '(');
	do
		parse_item(p, rev2, st);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

void
imap_status_want(struct imap_status *st, const char *name)
{
	unsigned i = 0;

	while (i < ITEM_COUNT && strcmp(item_names[i], name) != 0)
		i++;
	must(i < ITEM_COUNT);
	if (!has(st, i))
		st->items[st->count++] = (uint8_t)i;
}

void
imap_status_begin(struct imap_session *s, const struct imap_status *st)
{
	if (has(st, HIGHESTMODSEQ))
		imap_session_enable(s, IMAP_EN_CONDSTORE);
}

struct ipc_store_status
imap_status_request(const struct imap_status *st, const struct imap_place *place)
{
	return (struct ipc_store_status){
		.handle = place->handle, .name = place->name,
		.deleted_bytes = has(st, DELETED_STORAGE),
	};
}

uint32_t
imap_status_appendlimit(const struct imap_session *s)
{
	return s->shared->message_max < UINT32_MAX ? (uint32_t)s->shared->message_max :
	    UINT32_MAX;
}

static uint64_t
value(const struct imap_session *s, const struct ipc_store_status_reply *m, unsigned item)
{
	const uint64_t values[ITEM_COUNT] = {
		[MESSAGES] = m->exists, [RECENT] = m->recent, [UIDNEXT] = m->uidnext,
		[UIDVALIDITY] = m->uidvalidity, [UNSEEN] = m->unseen, [DELETED] = m->deleted,
		/* RFC 8438 s4: not less than the sum of RFC822.SIZE; it may be more. */
		[SIZE] = imap_session_may_be_sealed(s) ?
		    seal_mime_most(m->size_bytes, m->exists) : m->size_bytes,
		[HIGHESTMODSEQ] = m->modseq > 0 ? m->modseq : 1,
		[APPENDLIMIT] = imap_status_appendlimit(s),
		[DELETED_STORAGE] = m->deleted_bytes,
	};

	return values[item];
}

void
imap_status_put(struct imap_session *s, const struct imap_status *st,
    const struct ipc_store_status_reply *m, struct slice name)
{
	struct buf *out = imap_session_out(s);

	buf_put_str(out, "* STATUS ");
	imap_mailbox_put(s, out, name);
	for (size_t i = 0; i < st->count; i++) {
		buf_put_str(out, i == 0 ? " (" : " ");
		if (st->items[i] == MAILBOXID) {
			imap_objectid_put_mailbox(out, m->mailbox);
			continue;
		}
		buf_printf(out, "%s ", item_names[st->items[i]]);
		buf_put_num(out, value(s, m, st->items[i]));
	}
	buf_put_str(out, ")\r\n");
}
