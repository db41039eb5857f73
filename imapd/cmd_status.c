/* SPDX-License-Identifier: ISC */
/*
 * STATUS (RFC 3501 s6.3.10): "STATUS" SP mailbox SP "(" status-att
 * *(SP status-att) ")".
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "lib/base/cc.h"

enum item { MESSAGES, RECENT, UIDNEXT, UIDVALIDITY, UNSEEN, HIGHESTMODSEQ, ITEM_COUNT };
static const char *const item_names[ITEM_COUNT] = {
	"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ",
};
#define ITEMS_MAX	20

struct args {
	struct slice	 name;
	enum err	 name_error;
	uint8_t		 items[ITEMS_MAX];
	size_t		 count;
};

static void
parse_item(struct args *a, struct imap_parser *p)
{
	struct slice word = imap_parser_atom(p);

	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		if (slice_ieq_str(word, item_names[i]) && a->count < ITEMS_MAX) {
			a->items[a->count++] = (uint8_t)i;
			return;
		}
	}
	imap_parser_fail(p, "Unknown status item");
}

void
cmd_status_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	do
		parse_item(a, p);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	const struct ipc_store_status_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
	struct buf *out = imap_session_out(s);

	if (m == NULL)
		return;
	uint64_t values[ITEM_COUNT] = {
		[MESSAGES] = m->exists, [RECENT] = m->recent, [UIDNEXT] = m->uidnext,
		[UIDVALIDITY] = m->uidvalidity, [UNSEEN] = m->unseen,
		[HIGHESTMODSEQ] = m->modseq > 0 ? m->modseq : 1,
	};
	buf_put_str(out, "* STATUS ");
	imap_mailbox_put(s, out, a->name);
	for (size_t i = 0; i < a->count; i++)
		buf_printf(out, "%s%s %llu", i == 0 ? " (" : " ", item_names[a->items[i]],
		    (unsigned long long)values[a->items[i]]);
	buf_put_str(out, ")\r\n");
	imap_cmd_ok(s->cmd, "Status completed");
}

void
cmd_status_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_status m = { .handle = c->s->handle, .name = a->name };

	for (size_t i = 0; i < a->count; i++)
		if (a->items[i] == HIGHESTMODSEQ)
			imap_session_enable(c->s, IMAP_EN_CONDSTORE);
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, ERR_NOTFOUND);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_status, a);
}
