/* SPDX-License-Identifier: ISC */
/*
 * RESETKEY: "RESETKEY" [SP mailbox *(SP mechanism)] (RFC 4467 s7).  What was
 * authorized for the mailbox, or for all of them, is so no longer.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"

#define MECHANISMS_MAX	20

struct args {
	struct slice	 name;		/* empty: of all mailboxes */
	enum err	 name_error;
	bool		 known;		/* the mechanisms, if some are named */
};

void
cmd_resetkey_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	unsigned count = 0;

	if (a == NULL)
		return;
	c->priv = a;
	a->known = true;
	if (imap_parser_at_end(p))
		return;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	while (!imap_parser_at_end(p) && imap_parser_ok(p)) {
		imap_parser_sp(p);
		a->known = slice_ieq_str(imap_parser_atom(p), "INTERNAL") && a->known;
		if (++count > MECHANISMS_MAX)
			imap_parser_fail(p, "Too many mechanisms");
	}
}

static void
on_reset(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	(void)arg;
	if (imap_cmd_expect(s->cmd, r, IPC_MSG_url_reset_ok) != NULL)
		imap_cmd_ok_code(s->cmd, "URLMECH INTERNAL", "Resetkey completed");
}

static void
reset(struct imap_cmd *c, uint64_t mailbox)
{
	const struct imap_session *s = c->s;
	struct ipc_url_reset m = {
		.token = slice_of(s->token, s->token_bytes), .mailbox = mailbox,
	};

	(void)imap_cmd_call(c, IPC_KEYD, IPC_MSG_url_reset, &m, on_reset, NULL);
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_status_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);

	(void)arg;
	if (m != NULL)
		reset(s->cmd, m->mailbox);
}

void
cmd_resetkey_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct ipc_store_status m = { .handle = c->s->handle, .name = a->name };

	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else if (!a->known)
		imap_cmd_no(c, "CANNOT", "The only mechanism is INTERNAL");
	else if (a->name.n == 0)
		reset(c, 0);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_status, NULL);
}
