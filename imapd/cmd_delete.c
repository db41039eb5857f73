/* SPDX-License-Identifier: ISC */
/* DELETE (RFC 3501 s6.3.4): "DELETE" SP mailbox.  INBOX cannot be deleted. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_place.h"
#include "lib/base/log.h"

struct args { struct slice name; enum err name_error; };

void
cmd_delete_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
}

static void
on_deleted(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;

	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok) == NULL)
		return;
	log_event(LOG_mailbox, log_session(s->sid), log_str("action", "delete"),
	    log_text("mailbox", a->name));
	imap_notify_own(s, a->name);
	imap_cmd_ok(s->cmd, "Delete completed");
}

void
cmd_delete_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_place place;
	struct ipc_store_delete m;

	if (a->name_error != ERR_OK || imap_place_of(c->s, a->name, &place) != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
	} else if (slice_eq_str(place.name, "INBOX")) {
		imap_cmd_no(c, "CANNOT", "INBOX cannot be deleted");
	} else {
		m = (struct ipc_store_delete){ .handle = place.handle, .name = place.name };
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_delete, &m, on_deleted, a);
	}
}
