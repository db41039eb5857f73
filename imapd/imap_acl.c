/* SPDX-License-Identifier: ISC */
#include "imapd/imap_acl.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "lib/ipc/store_proto.h"
#include "lib/ipc/store_rights.h"
#include "lib/mail/acl_identifier.h"

/* ---- parse ---- */

struct imap_acl *
imap_acl_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_acl *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return NULL;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	return a;
}

/* Of an identifier without a domain: that of who asks. */
static struct slice
own_domain(const struct imap_session *s)
{
	struct slice user = slice_str(s->user);

	return slice_from(user, slice_rfind(user, '@'));
}

void
imap_acl_parse_identifier(struct imap_cmd *c, struct imap_parser *p, struct imap_acl *a)
{
	char text[ACL_IDENTIFIER_MAX + 1];
	enum err e;

	imap_parser_sp(p);
	a->wire = imap_parser_astring(p);
	if (!imap_parser_ok(p))
		return;
	e = acl_identifier(a->wire, own_domain(c->s), text, &a->identifier);
	/* RFC 4314 s3: one that cannot be prepared is a mistake. */
	if (e == ERR_SYNTAX)
		imap_parser_fail(p, "Not an identifier");
	else if (e != ERR_OK)
		a->is_too_long = true;
	else if ((a->identifier = arena_dup(&c->arena, a->identifier)).p == NULL)
		imap_parser_fail(p, "Too many arguments");
}

void
imap_acl_parse_rights(struct imap_parser *p, struct imap_acl *a)
{
	imap_parser_sp(p);
	if (store_rights_parse(imap_parser_astring(p), &a->op, &a->rights) != ERR_OK)
		imap_parser_fail(p, "No such right");
}

/* ---- ask ---- */

bool
imap_acl_begin(struct imap_cmd *c, struct imap_acl *a)
{
	if (a->name_error == ERR_OK)
		a->name_error = imap_place_of(c->s, a->name, &a->place);
	/* s6: what cannot be is not there, and neither is what may not be seen. */
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, ERR_NOTFOUND);
	else if (a->is_too_long)
		imap_cmd_error(c, ERR_LIMIT);
	return c->answer == IMAP_ANSWER_NONE;
}

void
imap_acl_ask(struct imap_cmd *c, struct imap_acl *a, imap_reply_fn *fn)
{
	struct ipc_store_acl m = { .handle = a->place.handle, .mailbox = a->place.name };

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_acl, &m, fn, a);
}

void
imap_acl_change(struct imap_cmd *c, struct imap_acl *a, const char *done)
{
	struct ipc_store_set_acl m = {
		.handle = a->place.handle, .op = a->op, .rights = a->rights,
		.mailbox = a->place.name, .identifier = a->identifier,
	};

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_set_acl, &m, imap_cmd_on_ok,
	    (void *)(uintptr_t)done);
}

const struct ipc_store_acl_reply *
imap_acl_expect(struct imap_cmd *c, const struct imap_reply *r)
{
	const struct ipc_store_acl_reply *m = imap_cmd_expect(c, r, IPC_MSG_store_acl_reply);

	if (m == NULL || (m->rights & STORE_RIGHT_A))
		return m;
	imap_cmd_error(c, m->rights & STORE_RIGHT_L ? ERR_DENIED : ERR_NOTFOUND);
	return NULL;
}

/* ---- tell ---- */

void
imap_acl_put_mine(struct imap_session *s, struct slice name, uint32_t rights)
{
	struct buf *out = imap_session_out(s);

	buf_put_str(out, "* MYRIGHTS ");
	imap_mailbox_put(s, out, name);
	buf_put_char(out, ' ');
	store_rights_put(out, rights);
	buf_put_str(out, "\r\n");
}
