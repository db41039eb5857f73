/* SPDX-License-Identifier: ISC */
#include "imapd/imap_copy.h"

#include <string.h>

#include "imapd/imap_carry.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_place.h"
#include "imapd/imap_seqset.h"
#include "lib/base/enc.h"

#define COPYUID_MAX	(256u << 10)

struct args {
	struct slice	 set;
	struct slice	 name;
	enum err	 name_error;
	bool		 move;
	struct imap_place to;
};

void
imap_copy_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	imap_seqset_read(p, &a->set);
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
}

void
imap_copy_answer(struct imap_cmd *c, bool move, uint32_t uidvalidity, struct slice from,
    struct slice to)
{
	const char *done = move ? "Move completed" : "Copy completed";
	struct buf code;

	/* RFC 7162 s3.2: as for EXPUNGE. */
	c->tells_highest = move && from.n > 0 && imap_session_is(c->s, IMAP_EN_CONDSTORE);
	if (from.n == 0) {
		imap_cmd_ok(c, "No messages");
		return;
	}
	buf_init(&code, COPYUID_MAX);
	buf_printf(&code, "COPYUID %u ", uidvalidity);
	imap_seqset_put(&code, from);
	buf_put_char(&code, ' ');
	imap_seqset_put(&code, to);
	if (buf_err(&code) != ERR_OK) {
		imap_cmd_ok(c, done);
	} else if (move) {
		/* RFC 6851 s4.3: before the EXPUNGE responses. */
		buf_printf(imap_session_out(c->s), "* OK [%s] Moved\r\n", buf_cstr(&code));
		imap_cmd_ok(c, done);
	} else {
		imap_cmd_ok_code(c, imap_cmd_text(c, &code), done);
	}
	buf_fini(&code);
}

static void
on_copied(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	struct imap_cmd *c = s->cmd;
	const struct ipc_store_copied *m;

	/* RFC 3501 s6.4.7: the client may create the mailbox and try again. */
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail) {
		const struct ipc_store_fail *f = r->m;

		if (f->error == ERR_NOTFOUND) {
			imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
			return;
		}
	}
	m = imap_cmd_expect(c, r, IPC_MSG_store_copied);
	if (m == NULL)
		return;
	if (m->to.n >= 8)
		imap_notify_own_uids(s, m->uidvalidity, dec_le32(m->to.p),
		    dec_le32(m->to.p + m->to.n - 4));
	imap_copy_answer(c, a->move, m->uidvalidity, m->from, m->to);
}

static void
start(struct imap_cmd *c, struct slice set)
{
	struct args *a = c->priv;
	struct ipc_store_copy m = {
		.handle = imap_view_handle(c->s),
		.mailbox = c->s->view.mailbox,
		.v = c->s->view.v,
		.uidnext = c->s->view.uidnext,
		.by_uid = c->by_uid,
		.move = a->move,
		.to = a->to.name,
		.set = set,
	};

	if (a->to.guest != c->s->view.guest)
		imap_carry_start(c, &a->to, set, a->move);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_copy, &m, on_copied, a);
}

/* RFC 9738 s3.1: COPY takes all or none. */
static void
limit(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	const struct imap_limit_want want = {
		.max = a->move ? imap_limit_messages(c->s) : imap_limit_saves(c->s),
		.how = a->move ? IMAP_LIMIT_CUT : IMAP_LIMIT_REFUSE_HINT,
		.set = a->set, .by_uid = c->by_uid,
	};

	imap_limit_run(c, &want, start);
}

void
imap_copy_run(struct imap_cmd *c, bool move)
{
	struct args *a = c->priv;

	a->move = move;
	if (a->name_error == ERR_OK)
		a->name_error = imap_place_of(c->s, a->name, &a->to);
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else if (move && c->s->view.readonly)
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
	else if (!c->by_uid && !imap_seqset_fits(a->set, c->s->view.exists))
		imap_cmd_bad(c, "No such message");
	else
		limit(c);
}
