/* SPDX-License-Identifier: ISC */
/* RENAME (RFC 3501 s6.3.5): "RENAME" SP mailbox SP mailbox. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_place.h"
#include "lib/base/log.h"

struct args { struct slice from, to; enum err from_error, to_error; };

void
cmd_rename_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->from = imap_mailbox_parse(p, &a->from_error);
	imap_parser_sp(p);
	a->to = imap_mailbox_parse(p, &a->to_error);
}

static bool
is_inbox(struct slice name)
{
	struct slice address, rest;

	return slice_eq_str(imap_mailbox_owner(name, &address, &rest) ? rest : name, "INBOX");
}

static void
on_renamed(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;

	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok) == NULL)
		return;
	log_event(LOG_mailbox, log_session(s->sid), log_str("action", "rename"),
	    log_text("mailbox", a->from), log_text("target", a->to));
	imap_notify_own(s, a->from);
	imap_notify_own(s, a->to);
	/* RFC 9051 s6.3.6; from INBOX its messages moved, it stays. */
	if (imap_session_is(s, IMAP_EN_REV2) && !is_inbox(a->from))
		imap_mailbox_put_renamed(s, imap_session_out(s), a->to, a->from);
	imap_cmd_ok(s->cmd, "Rename completed");
}

void
cmd_rename_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_place from, to;
	struct ipc_store_rename m;

	if (a->from_error != ERR_OK || imap_place_of(c->s, a->from, &from) != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
	} else if (a->to_error != ERR_OK || (a->to_error = imap_place_of(c->s, a->to,
	    &to)) != ERR_OK) {
		imap_cmd_error(c, a->to_error);
	} else if (from.guest != to.guest) {
		imap_cmd_no(c, "CANNOT", "A mailbox stays with its owner");
	} else if (slice_eq_str(to.name, "INBOX")) {
		imap_cmd_error(c, ERR_EXISTS);
	} else {
		m = (struct ipc_store_rename){ .handle = from.handle, .from = from.name,
		    .to = to.name };
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_rename, &m, on_renamed, a);
	}
}
