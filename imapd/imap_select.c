/* SPDX-License-Identifier: ISC */
#include "imapd/imap_select.h"

#include "imapd/imap_ahead.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_known.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_objectid.h"
#include "imapd/imap_place.h"
#include "imapd/imap_resync.h"
#include "imapd/imap_sync.h"
#include "lib/ipc/store_proto.h"

#define RIGHTS_TO_CHANGE \
	(STORE_RIGHT_I | STORE_RIGHT_E | STORE_RIGHT_S | STORE_RIGHT_T | STORE_RIGHT_W)

struct args {
	struct slice		 name;
	struct slice		 wire;		/* as the client wrote it */
	enum err		 name_error;
	struct imap_place	 place;
	uint64_t		 pulse;		/* before the store was asked; 0: not known */
	bool			 examine;
	bool			 condstore;
	struct imap_resync	*resync;	/* NULL: no QRESYNC */
};

/* select-param (RFC 4466 s2.1): each at most once. */
static void
parse_param(struct imap_cmd *c, struct args *a, struct imap_parser *p)
{
	struct slice name = imap_parser_atom(p);

	if (slice_ieq_str(name, "CONDSTORE") && !a->condstore) {
		a->condstore = true;
	} else if (slice_ieq_str(name, "QRESYNC") && a->resync == NULL) {
		imap_parser_sp(p);
		a->resync = imap_resync_parse(c, p);
	} else {
		imap_parser_fail(p, "Unknown parameter");
	}
}

void
imap_select_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->wire = imap_parser_astring(p);
	a->name = imap_mailbox_take(p, a->wire, &a->name_error);
	if (!imap_parser_take(p, ' '))
		return;
	imap_parser_want(p, '(');
	do
		parse_param(c, a, p);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
	/* RFC 7162 s3.2.5 */
	if (a->resync != NULL && !imap_session_is(c->s, IMAP_EN_QRESYNC))
		imap_parser_fail(p, "ENABLE QRESYNC first");
}

/* RFC 9051 s6.3.2: the name as it is kept, and when that differs as it came. */
static void
put_name(struct imap_session *s, const struct args *a)
{
	imap_mailbox_put_renamed(s, imap_session_out(s), a->name, a->wire);
}

static void
put_facts(struct imap_session *s, const struct ipc_store_selected *m)
{
	bool rev2 = imap_session_is(s, IMAP_EN_REV2);
	struct buf *out = imap_session_out(s);

	imap_flags_put_list(out, m->keywords);
	buf_put_str(out, "* OK [PERMANENTFLAGS (");
	if (!s->view.readonly)
		imap_flags_put_permanent(out, m->keywords, m->rights);
	buf_put_str(out, ")] Flags that are kept\r\n");
	buf_printf(out, "* %u EXISTS\r\n", m->exists);
	if (!rev2)
		buf_printf(out, "* %u RECENT\r\n", m->recent);
	if (!rev2 && m->first_unseen != 0 && !imap_session_is(s, IMAP_EN_UIDONLY))
		buf_printf(out, "* OK [UNSEEN %u] First unseen\r\n", m->first_unseen);
	buf_printf(out, "* OK [UIDVALIDITY %u] UIDs valid\r\n", m->uidvalidity);
	buf_printf(out, "* OK [UIDNEXT %u] Predicted next UID\r\n", m->uidnext);
	buf_put_str(out, "* OK [");
	imap_objectid_put_mailbox(out, m->mailbox);
	buf_put_str(out, "] Its id\r\n");
	/* RFC 7162 s3.1.2.1: with every SELECT. */
	buf_printf(out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
	    (unsigned long long)imap_sync_highest(s));
}

static void
done(struct imap_cmd *c)
{
	bool readonly = c->s->view.readonly;

	imap_cmd_ok_code(c, readonly ? "READ-ONLY" : "READ-WRITE",
	    readonly ? "Examine completed" : "Select completed");
}

static void
select_it(struct imap_session *s, const struct args *a, const struct ipc_store_selected *m)
{
	s->view.mailbox = m->mailbox;
	s->view.guest = a->place.guest;
	s->view.rights = m->rights;
	s->view.v = s->view.r = m->modseq;
	s->view.pulse = a->pulse;
	s->view.uidvalidity = m->uidvalidity;
	s->view.uidnext = m->uidnext;
	s->view.exists = m->exists;
	/* RFC 4314 s5.2: nothing in it could be changed. */
	s->view.readonly = a->examine || !(m->rights & RIGHTS_TO_CHANGE);
	s->view.recent.count = m->recent;
	if (m->recent_uid != 0 && m->recent_uid < m->uidnext)
		imap_recent_add(&s->view.recent, m->recent_uid, m->uidnext - 1);
	(void)imap_sync_keywords(s, m->keywords);
	imap_ahead_select(s);
	s->state = IMAP_SELECTED;
	if (s->view.guest != NULL)
		s->host->set_guest(s->host_arg, s->view.guest->handle);
	put_facts(s, m);
	if (imap_session_is(s, IMAP_EN_REV2))
		put_name(s, a);
	if (a->resync != NULL)
		imap_resync_start(a->resync, done);
	else
		done(s->cmd);
}

static void
on_selected(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	const struct ipc_store_selected *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_selected);

	if (m == NULL)
		return;
	if (a->pulse != 0) {
		s->pulse = a->pulse;
		imap_known_keep(s->shared->known, s->account, a->place.name, a->pulse, m);
	}
	select_it(s, a, m);
}

/* The store would say the same as before, and it would say it to this session. */
static bool
is_known(struct imap_session *s, struct args *a)
{
	const struct ipc_store_selected *m;

	a->pulse = a->place.guest == NULL ? imap_session_pulse(s) : 0;
	if (s->handle == 0 || a->pulse != s->pulse)
		return false;
	m = imap_known_find(s->shared->known, s->account, a->place.name, a->pulse);
	if (m != NULL)
		select_it(s, a, m);
	return m != NULL;
}

void
imap_select_run(struct imap_cmd *c, bool examine)
{
	struct args *a = c->priv;
	struct ipc_store_select m = { .examine = examine };

	/* RFC 7162 s3.2.11: what follows is of another mailbox. */
	if (c->s->state == IMAP_SELECTED)
		buf_put_str(imap_session_out(c->s), "* OK [CLOSED] Left the mailbox before\r\n");
	imap_session_unselect(c->s);
	if (a->condstore)
		imap_session_enable(c->s, IMAP_EN_CONDSTORE);
	a->examine = examine;
	if (a->name_error != ERR_OK || imap_place_of(c->s, a->name, &a->place) != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
		return;
	}
	if (is_known(c->s, a))
		return;
	m.handle = a->place.handle;
	m.name = a->place.name;
	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_select, &m, on_selected, a);
}
