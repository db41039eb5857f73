/* SPDX-License-Identifier: ISC */
/*
 * GENURLAUTH: "GENURLAUTH" 1*(SP url-rump SP mechanism) (RFC 4467 s7).  One
 * mechanism, INTERNAL.  All or none: keyd makes the MACs one after the other.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_urlauth.h"
#include "lib/mail/imap_text.h"

#define ANSWER_MAX	(IMAP_URLS_MAX * (IMAP_URL_MAX + 128u))

struct args {
	struct slice		 texts[IMAP_URLS_MAX];
	uint32_t		 count;
	uint32_t		 at;
	bool			 known;		/* all mechanisms are */
	struct imap_urlauth	 url;
	uint64_t		 mailbox;
	struct buf		 answer;
};

void
cmd_genurlauth_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	a->known = true;
	do {
		imap_parser_sp(p);
		if (a->count == IMAP_URLS_MAX) {
			imap_parser_fail(p, "Too many URLs");
			return;
		}
		a->texts[a->count++] = imap_parser_astring(p);
		imap_parser_sp(p);
		a->known = slice_ieq_str(imap_parser_atom(p), "INTERNAL") && a->known;
	} while (!imap_parser_at_end(p));
}

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	buf_fini(&a->answer);
}

static void	 next(struct imap_cmd *);

static void
on_made(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_url_made *m = imap_cmd_expect(s->cmd, r, IPC_MSG_url_made);
	struct buf url;

	if (m == NULL)
		return;
	buf_init(&url, IMAP_URL_MAX + 128);
	imap_urlauth_put(&a->url, a->mailbox, m->mac, &url);
	buf_put_char(&a->answer, ' ');
	imap_text_put_string(&a->answer, buf_slice(&url));
	buf_fini(&url);
	a->at++;
	next(s->cmd);
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_status_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
	struct ipc_url_make make = { .token = slice_of(s->token, s->token_bytes) };
	struct buf terms;

	if (m == NULL)
		return;
	if (a->url.url.uidvalidity != 0 && a->url.url.uidvalidity != m->uidvalidity) {
		imap_cmd_no(s->cmd, "NONEXISTENT", "The UIDVALIDITY is another");
		return;
	}
	a->mailbox = m->mailbox;
	buf_init(&terms, 512);
	imap_urlauth_terms(&a->url, a->mailbox, &terms);
	make.terms = buf_slice(&terms);
	(void)imap_cmd_call(s->cmd, IPC_KEYD, IPC_MSG_url_make, &make, on_made, a);
	buf_fini(&terms);
}

static void
next(struct imap_cmd *c)
{
	struct args *a = c->priv;
	const struct imap_session *s = c->s;
	struct ipc_store_status m = { .handle = s->handle };
	enum err e;

	if (a->at == a->count) {
		buf_put_str(imap_session_out(c->s), "* GENURLAUTH");
		buf_put_slice(imap_session_out(c->s), buf_slice(&a->answer));
		buf_put_str(imap_session_out(c->s), "\r\n");
		imap_cmd_ok(c, "Genurlauth completed");
		return;
	}
	e = imap_urlauth_parse(&a->url, a->texts[a->at], s->shared->hostname, &c->arena);
	if (e == ERR_LIMIT) {
		imap_cmd_error(c, e);
	} else if (e != ERR_OK || a->url.url.mechanism.n > 0) {
		imap_cmd_bad(c, "Not the URL of a message here with an access, and no more");
	} else if (!slice_eq_str(a->url.owner, s->user)) {
		/* RFC 4467 s7: only of the session's own user */
		imap_cmd_no(c, "NOPERM", "The URL is of another user");
	} else {
		m.name = a->url.name;
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_status, a);
	}
}

void
cmd_genurlauth_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (!a->known) {
		imap_cmd_no(c, "CANNOT", "The only mechanism is INTERNAL");
		return;
	}
	buf_init(&a->answer, ANSWER_MAX);
	c->fini = fini;
	next(c);
}
