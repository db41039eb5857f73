/* SPDX-License-Identifier: ISC */
#include "imapd/imap_quota.h"

#include "imapd/imap_login.h"
#include "imapd/imap_mailbox.h"
#include "lib/mail/imap_text.h"

static void
put_resource(struct buf *out, const char *name, uint64_t used, uint64_t max, size_t start)
{
	if (max == 0)
		return;
	if (out->n > start)
		buf_put_char(out, ' ');
	buf_printf(out, "%s %llu %llu", name, (unsigned long long)used,
	    (unsigned long long)max);
}

/* RFC 9208 s5.1: STORAGE counts units of 1024 octets; a part of one is used. */
static uint64_t
units(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

/* s5: a root with no limit at all is none. */
static bool
is_limited(const struct ipc_quota *q)
{
	return q->max_bytes != 0 || q->max_messages != 0 || q->max_mailboxes != 0;
}

static void
put_quota(struct imap_session *s, const struct ipc_quota *q)
{
	struct buf *out = imap_session_out(s);
	size_t start;

	buf_put_str(out, "* QUOTA ");
	imap_text_put_string(out, q->root);
	buf_put_str(out, " (");
	start = out->n;
	/* Under a limit of less than a unit there is none left. */
	put_resource(out, "STORAGE", units(q->used_bytes), units(q->max_bytes), start);
	put_resource(out, "MESSAGE", q->used_messages, q->max_messages, start);
	put_resource(out, "MAILBOX", q->used_mailboxes, q->max_mailboxes, start);
	buf_put_str(out, ")\r\n");
}

static bool
next(struct ipc_reader *rd, struct ipc_quota *q)
{
	while (ipc_reader_more(rd)) {
		ipc_quota_get(rd, q);
		if (rd->bad)
			return false;
		if (is_limited(q))
			return true;
	}
	return false;
}

void
imap_quota_put_all(struct imap_session *s, const struct ipc_store_quota_reply *m,
    struct slice mailbox)
{
	struct ipc_reader rd = ipc_reader_of(m->quotas);
	struct buf *out = imap_session_out(s);
	struct ipc_quota q;

	buf_put_str(out, "* QUOTAROOT ");
	imap_mailbox_put(s, out, mailbox);
	while (next(&rd, &q)) {
		buf_put_char(out, ' ');
		imap_text_put_string(out, q.root);
	}
	buf_put_str(out, "\r\n");
	rd = ipc_reader_of(m->quotas);
	while (next(&rd, &q))
		put_quota(s, &q);
}

bool
imap_quota_put_one(struct imap_session *s, const struct ipc_store_quota_reply *m,
    struct slice root)
{
	struct ipc_reader rd = ipc_reader_of(m->quotas);
	struct ipc_quota q;

	while (next(&rd, &q)) {
		if (!slice_eq(q.root, root))
			continue;
		put_quota(s, &q);
		return true;
	}
	return false;
}

/* ---- of an account that is not the user's ---- */

struct other {
	struct slice	 root;
	uint64_t	 max_bytes;	/* as keyd has it: the store may hear of it later */
	void		(*done)(struct imap_cmd *);
	void		(*refused)(struct imap_cmd *, enum err);
};

void
imap_quota_no_root(struct imap_cmd *c, enum err e)
{
	/* Who may not know is told the same. */
	if (e == ERR_DENIED || e == ERR_NOTFOUND)
		imap_cmd_no(c, "NONEXISTENT", "There is no such quota root");
	else
		imap_cmd_error(c, e);
}

static void
on_other(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct other *o = arg;
	const struct ipc_store_quota_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_quota_reply);
	struct ipc_reader rd;
	struct ipc_quota q;

	if (m == NULL)
		return;
	rd = ipc_reader_of(m->quotas);
	while (ipc_reader_more(&rd)) {
		ipc_quota_get(&rd, &q);
		if (rd.bad)
			break;
		if (!slice_eq(q.root, o->root))
			continue;
		q.max_bytes = o->max_bytes;
		if (is_limited(&q))
			put_quota(s, &q);
		break;
	}
	o->done(s->cmd);
}

static void
on_permitted(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct other *o = arg;
	const struct ipc_quota_set *m = r->m;
	struct ipc_store_quota ask = { .handle = s->handle };

	if (r->error == ERR_OK && r->type == IPC_MSG_key_fail) {
		o->refused(s->cmd, ((const struct ipc_key_fail *)r->m)->error);
		return;
	}
	if (r->error != ERR_OK || r->type != IPC_MSG_quota_set) {
		imap_cmd_error(s->cmd, ERR_GONE);
		return;
	}
	o->max_bytes = m->quota_bytes;
	ask.account = m->account;
	(void)imap_cmd_call(s->cmd, IPC_STORE, IPC_MSG_store_quota, &ask, on_other, o);
}

void
imap_quota_of_other(struct imap_cmd *c, struct slice root, const struct ipc_set_quota *how,
    void (*done)(struct imap_cmd *), void (*refused)(struct imap_cmd *, enum err))
{
	struct ipc_set_quota m = *how;
	struct other *o = imap_cmd_alloc(c, sizeof(*o));
	char *text = arena_str(&c->arena, root);

	if (o == NULL)
		return;
	if (text == NULL || root.n > IMAP_USER_MAX || !utf8_ok(root)) {
		imap_quota_no_root(c, ERR_NOTFOUND);
		return;
	}
	for (size_t i = 0; i < root.n; i++)
		text[i] = ascii_lower(text[i]);
	*o = (struct other){ .root = slice_of(text, root.n), .done = done, .refused = refused };
	m.token = slice_of(c->s->token, c->s->token_bytes);
	m.address = o->root;
	(void)imap_cmd_call(c, IPC_KEYD, IPC_MSG_set_quota, &m, on_permitted, o);
}
