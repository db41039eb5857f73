/* SPDX-License-Identifier: ISC */
/* A message that is complete, to the store; and the file of what is too long for a request. */
#include "imapd/imap_append_priv.h"

#include "imapd/imap_fresh.h"
#include "imapd/imap_notify.h"
#include "lib/base/log.h"

/* ERR_OK, or what the store refused it with. */
static enum err
refusal_of(const struct imap_reply *r)
{
	return r->error == ERR_OK && r->type == IPC_MSG_store_fail ?
	    ((const struct ipc_store_fail *)r->m)->error : ERR_OK;
}

static void
tell_appended(struct imap_cmd *c, const struct ipc_store_appended *m)
{
	const struct imap_append *a = c->priv;
	struct imap_session *s = c->s;
	struct buf code;

	log_event(LOG_append, log_session(s->sid), log_text("mailbox", a->text.name),
	    log_num("uid", m->uid), log_num("size", a->size_sum));
	if (a->place.guest == s->view.guest)
		imap_notify_own_uids(s, m->uidvalidity, m->uid, m->uid + m->count - 1);
	buf_init(&code, 64);
	buf_printf(&code, "APPENDUID %u %u", m->uidvalidity, m->uid);
	/* RFC 4315 s4: a set of UIDs, for RFC 3502 */
	if (m->count > 1)
		buf_printf(&code, ":%u", m->uid + m->count - 1);
	if (a->text.replaced.n == 0) {
		imap_cmd_ok_code(c, imap_cmd_text(c, &code), "Append completed");
	} else {
		/* RFC 8508 s4.3: before the EXPUNGE response. */
		buf_printf(imap_session_out(s), "* OK [%s] Replacement is there\r\n",
		    buf_cstr(&code));
		/* RFC 8508 s4.5: as for EXPUNGE. */
		c->tells_highest = imap_session_is(s, IMAP_EN_CONDSTORE);
		imap_cmd_ok(c, "Replace completed");
	}
	buf_fini(&code);
}

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_append *a = arg;
	struct imap_cmd *c = s->cmd;
	const struct ipc_store_appended *m;

	a->waiting = false;
	m = imap_deposit_result(&a->deposit, r);
	if (refusal_of(r) == ERR_NOTFOUND) {
		imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	if (refusal_of(r) == ERR_GONE && a->text.replaced.n > 0) {
		imap_cmd_no(c, "EXPUNGEISSUED", "The message is no longer there");
		return;
	}
	if (m == NULL) {
		(void)imap_cmd_expect(c, r, IPC_MSG_store_appended);
	} else if (a->goes_on) {
		a->stage = IMAP_STAGE_SCANNING;
	} else {
		a->columns = imap_fresh_appended(c, m);
		tell_appended(c, m);
	}
}

/* The message is complete. */
void
imap_append_hand_end(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	enum err e = imap_deposit_end(&a->deposit);

	a->stage = IMAP_STAGE_SEALED;
	if (e != ERR_OK)
		imap_append_stop_with(c, e);
	else if (a->place.guest == NULL)
		imap_fresh_add(c->s, &a->deposit.kit->mime,
		    !a->goes_on && a->messages == 1 ? a->place.name : SLICE_NONE);
}

void
imap_append_hand_over(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_append *m = &a->deposit.append;
	const struct imap_append_text *t = &a->text;
	enum err e;

	m->mailbox = a->place.name;
	m->flags = t->flags.system;
	m->keywords = t->flags.keywords;
	m->internal_s = t->has_date ? (t->internal_s > 0 ? (uint64_t)t->internal_s : 0) :
	    s->host->real_s(s->host_arg);
	m->more = a->goes_on;
	a->size_sum += a->size;
	m->replace_mailbox = a->text.replaced.n > 0 ? s->view.mailbox : 0;
	m->replace_uid = a->text.replaced.n > 0 ? a->replaced_uid : 0;
	a->stage = IMAP_STAGE_APPENDING;
	e = imap_deposit_send(&a->deposit, on_appended, a);
	a->waiting = e == ERR_OK;
	if (e != ERR_OK)
		imap_cmd_error(c, e);
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct imap_append *a = arg;
	int fd;

	a->waiting = false;
	if (imap_cmd_expect(c, r, IPC_MSG_store_file_ok) == NULL) {
		imap_append_stop(c);
		return;
	}
	fd = ipc_take_fd(r->in, 0);
	if (fd < 0)
		imap_append_stop_with(c, ERR_GONE);
	else if (a->catenate != NULL && imap_draft_needs_file(&a->catenate->draft))
		imap_draft_take_file(&a->catenate->draft, fd);
	else if (imap_deposit_take_file(&a->deposit, fd) != ERR_OK)
		imap_append_stop_with(c, ERR_FULL);
}

/* What no longer fits in a request, or in memory, needs a file. */
void
imap_append_hand_file(struct imap_cmd *c, enum imap_append_stage after)
{
	struct imap_append *a = c->priv;
	struct ipc_store_file m = { 0 };

	a->stage = IMAP_STAGE_MAKING_FILE;
	a->after = after;
	c->wants_input = false;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_file, &m, on_file, a);
	if (!a->waiting)
		imap_append_stop(c);
}
