/* SPDX-License-Identifier: ISC */
/*
 * CREATE (RFC 9051 s6.3.4, RFC 6154 s3, RFC 8474 s4.1): "CREATE" SP mailbox
 * [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"].  A separator at the
 * end says that children will follow: nothing to do but to drop it.  \All and
 * \Flagged are views of other mailboxes, of which there are none here.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_objectid.h"
#include "imapd/imap_place.h"
#include "imapd/imap_special.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"

struct args {
	struct slice	 wire;
	struct slice	 name;
	enum err	 name_error;
	uint32_t	 special;
	bool		 bad_use;
};

static void
parse_use(struct imap_parser *p, struct args *a)
{
	uint32_t bit;

	imap_parser_sp(p);
	imap_parser_want(p, '(');
	if (!imap_parser_take_word(p, "USE"))
		imap_parser_fail(p, "Unknown parameter");
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	if (!imap_parser_take(p, ')')) {
		do {
			imap_parser_want(p, '\\');
			bit = imap_special_find(imap_parser_atom(p));
			a->bad_use |= bit == 0 || bit == STORE_ALL || bit == STORE_SPECIAL_FLAGGED;
			a->special |= bit;
		} while (imap_parser_take(p, ' '));
		imap_parser_want(p, ')');
	}
	imap_parser_want(p, ')');
}

void
cmd_create_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->wire = imap_parser_astring(p);
	if (slice_ends(a->wire, "/"))
		a->wire.n--;
	a->name = imap_mailbox_take(p, a->wire, &a->name_error);
	if (!imap_parser_at_end(p))
		parse_use(p, a);
}

/* RFC 9208 s4.3.1: the limit of mailboxes is a quota. */
static bool
is_over_limit(const struct imap_reply *r)
{
	const struct ipc_store_fail *f = r->m;

	return r->error == ERR_OK && r->type == IPC_MSG_store_fail && f->error == ERR_LIMIT;
}

static void
on_created(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	const struct ipc_store_ok *m;
	struct buf code;

	if (is_over_limit(r)) {
		imap_cmd_no(s->cmd, "OVERQUOTA", "Too many mailboxes");
		return;
	}
	m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok);
	if (m == NULL)
		return;
	log_event(LOG_mailbox, log_session(s->sid), log_str("action", "create"),
	    log_text("mailbox", a->name));
	imap_notify_own(s, a->name);
	/* RFC 9051 s6.3.4: only in rev2, where the wire's name is UTF-8 as kept. */
	if (imap_session_is(s, IMAP_EN_REV2) && !slice_eq(a->wire, a->name))
		imap_mailbox_put_renamed(s, imap_session_out(s), a->name, a->wire);
	buf_init(&code, 64);
	imap_objectid_put_mailbox(&code, m->mailbox);
	imap_cmd_ok_code(s->cmd, imap_cmd_text(s->cmd, &code), "Create completed");
	buf_fini(&code);
}

void
cmd_create_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_create m = { .special = a->special };
	struct imap_place place;

	if (a->name_error == ERR_OK)
		a->name_error = imap_place_of(c->s, a->name, &place);
	if (a->name_error != ERR_OK) {
		imap_cmd_error(c, a->name_error);
		return;
	}
	m.handle = place.handle;
	m.name = place.name;
	/* The uses of an account's mailboxes are its owner's to give. */
	if (a->bad_use || (a->special != 0 && place.guest != NULL))
		imap_cmd_no(c, "USEATTR", "Not a special use that this server has");
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_create, &m, on_created, a);
}
