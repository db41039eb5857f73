/* SPDX-License-Identifier: ISC */
/*
 * URLFETCH: "URLFETCH" 1*(SP url-full) (RFC 4467 s7).  Each URL is answered by
 * a response of its own, with NIL for what is not there or not allowed: which
 * of them is not told.  keyd checks token and access (url_check); a message of
 * another account then comes with a pass, and streams as for FETCH.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_source.h"
#include "imapd/imap_urlauth.h"
#include "lib/base/must.h"
#include "lib/crypto/pass.h"
#include "lib/mail/imap_text.h"

enum stage { NEXT, WAITING, READING, STREAMING };

struct args {
	struct slice		 texts[IMAP_URLS_MAX];
	uint32_t		 count;
};

struct urlfetch {
	const struct args	*args;
	uint32_t		 at;
	enum stage		 stage;
	struct imap_urlauth	 url;
	uint64_t		 mailbox;
	struct imap_source	 source;
	char			 pass[PASS_BYTES];
};

void
cmd_urlfetch_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	do {
		imap_parser_sp(p);
		if (a->count == IMAP_URLS_MAX) {
			imap_parser_fail(p, "Too many URLs");
			return;
		}
		a->texts[a->count++] = imap_parser_astring(p);
	} while (!imap_parser_at_end(p));
}

static void
fini(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;

	imap_source_fini(&f->source);
	free(f);
}

static void
put_url(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	struct buf *out = imap_session_out(c->s);

	buf_put_str(out, "* URLFETCH ");
	imap_text_put_string(out, f->args->texts[f->at]);
	buf_put_char(out, ' ');
}

static void
put_nil(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;

	put_url(c);
	buf_put_str(imap_session_out(c->s), "NIL\r\n");
	f->at++;
	f->stage = NEXT;
}

/* ---- may it be read, and where is it ---- */

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct urlfetch *f = arg;
	const struct ipc_store_status_reply *m = r->m;
	struct imap_walk_at at = { .handle = s->handle, .mailbox = f->mailbox };

	if (r->error != ERR_OK || r->type != IPC_MSG_store_status_reply ||
	    m->mailbox != f->mailbox || (f->url.url.uidvalidity != 0 &&
	    f->url.url.uidvalidity != m->uidvalidity)) {
		put_nil(s->cmd);
		return;
	}
	at.v = m->modseq;
	at.uidnext = m->uidnext;
	f->stage = READING;
	imap_source_begin(&f->source, &at, f->url.url.uid, &f->url.item);
}

static void
read_own(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	struct ipc_store_status m = { .handle = c->s->handle, .name = f->url.name };

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_status, f);
}

static void
on_pass(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct urlfetch *f = arg;
	const struct ipc_url_pass *m;
	struct imap_walk_at at = { .handle = s->handle, .name = f->url.name };

	if (r->error == ERR_OK && r->type == IPC_MSG_key_fail &&
	    ((const struct ipc_key_fail *)r->m)->error == ERR_NOTFOUND) {
		put_nil(s->cmd);
		return;
	}
	m = imap_cmd_expect(s->cmd, r, IPC_MSG_url_pass);
	if (m == NULL)
		return;
	if (m->pass.n == 0) {
		read_own(s->cmd);
		return;
	}
	at.pass = slice_head(m->pass, sizeof(f->pass));
	memcpy(f->pass, at.pass.p, at.pass.n);
	at.pass.p = f->pass;
	f->stage = READING;
	imap_source_begin(&f->source, &at, f->url.url.uid, &f->url.item);
}

static void
check(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	const struct imap_session *s = c->s;
	unsigned char mac[URL_MAC_BYTES];
	struct ipc_url_check m = { .token = slice_of(s->token, s->token_bytes),
		.mac = slice_of(mac, sizeof(mac)) };
	struct buf terms;

	if (f->at == f->args->count) {
		imap_cmd_ok(c, "Urlfetch completed");
		return;
	}
	if (imap_urlauth_parse(&f->url, f->args->texts[f->at], s->shared->hostname,
	    &c->arena) != ERR_OK || imap_urlauth_token(&f->url, &f->mailbox, mac) != ERR_OK) {
		put_nil(c);
		return;
	}
	f->stage = WAITING;
	buf_init(&terms, 512);
	imap_urlauth_terms(&f->url, f->mailbox, &terms);
	m.owner = f->url.owner;
	m.terms = buf_slice(&terms);
	(void)imap_cmd_call(c, IPC_KEYD, IPC_MSG_url_check, &m, on_pass, f);
	buf_fini(&terms);
}

/* ---- reading ---- */

static bool
begin_text(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	enum err e = imap_source_ready(&f->source);

	if (e == ERR_AGAIN || c->answer != IMAP_ANSWER_NONE)
		return false;
	if (e != ERR_OK) {
		put_nil(c);
		return true;
	}
	put_url(c);
	buf_printf(imap_session_out(c->s), "{%llu}\r\n",
	    (unsigned long long)f->source.section.bytes);
	c->mid_response = true;
	f->stage = STREAMING;
	return true;
}

static bool
stream(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	struct imap_session *s = c->s;
	enum err e = imap_source_tell(&f->source, imap_session_out(s));

	if (e == ERR_END) {
		buf_put_str(imap_session_out(s), "\r\n");
		c->mid_response = false;
		f->at++;
		f->stage = NEXT;
	} else if (e != ERR_OK && e != ERR_AGAIN) {
		/* In the middle of a literal: nothing true could follow. */
		imap_cmd_no(c, "CORRUPTION", "A message could not be read to its end");
		s->closing = true;
		s->host->close(s->host_arg, "corrupt message");
	}
	return e == ERR_OK || e == ERR_END;
}

static void
step(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	struct imap_session *s = c->s;
	bool goes_on = true;

	while (goes_on && c->answer == IMAP_ANSWER_NONE && !s->closing &&
	    !s->host->is_clogged(s->host_arg)) {
		switch (f->stage) {
		case NEXT:
			check(c);
			break;
		case WAITING:
			goes_on = false;
			break;
		case READING:
			goes_on = begin_text(c);
			break;
		case STREAMING:
			goes_on = stream(c);
			break;
		}
	}
}

void
cmd_urlfetch_run(struct imap_cmd *c)
{
	struct urlfetch *f = must_alloc(1, sizeof(*f));

	f->args = c->priv;
	imap_source_init(&f->source, c);
	c->priv = f;
	c->fini = fini;
	c->resume = step;
	step(c);
}
