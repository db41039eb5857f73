/* SPDX-License-Identifier: ISC */
/*
 * URLFETCH: "URLFETCH" 1*(SP (url-full / "(" url-full *(SP url-fetch-param) ")"))
 * (RFC 4467 s7, RFC 5524 s3).  Each URL is answered by a response of its own,
 * with NIL for what is not there or not allowed: which of them is not told.
 * keyd checks token and access (url_check); a message of another account then
 * comes with a pass, and streams as for FETCH.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_source.h"
#include "imapd/imap_urlauth.h"
#include "lib/base/must.h"
#include "lib/crypto/pass.h"
#include "lib/mail/imap_structure.h"
#include "lib/mail/imap_text.h"

/* url-fetch-param; none: the text alone, in the form of RFC 4467. */
enum param { BODY = 1, BINARY = 2, STRUCTURE = 4 };

enum stage { NEXT, WAITING, READING, STREAMING };

struct args {
	struct { struct slice text; unsigned params; } v[IMAP_URLS_MAX];
	uint32_t		 count;
};

struct urlfetch {
	const struct args	*args;
	uint32_t		 at;
	enum stage		 stage;
	struct imap_urlauth	 url;
	struct imap_item	 items[2];	/* what is read, and the structure */
	uint64_t		 mailbox;
	struct imap_source	 source;
	char			 pass[PASS_BYTES];
};

/* RFC 5524 s3.1: each once, and not both forms of the text. */
static unsigned
parse_param(struct imap_parser *p, unsigned before)
{
	static const struct { const char *name; enum param bit; } params[] = {
		{ "BODY", BODY }, { "BINARY", BINARY }, { "BODYPARTSTRUCTURE", STRUCTURE },
	};
	struct slice name = imap_parser_atom(p);
	unsigned bit = 0;

	for (size_t i = 0; i < lengthof(params); i++)
		if (slice_ieq_str(name, params[i].name))
			bit = params[i].bit;
	if (bit == 0 || (before & bit) || ((before | bit) & (BODY | BINARY)) == (BODY | BINARY))
		imap_parser_fail(p, "Not what a URL can be asked for");
	return before | bit;
}

static void
parse_url(struct imap_parser *p, struct args *a)
{
	bool extended = imap_parser_take(p, '(');
	uint32_t i = a->count++;

	a->v[i].text = imap_parser_astring(p);
	while (extended && imap_parser_ok(p) && imap_parser_take(p, ' '))
		a->v[i].params = parse_param(p, a->v[i].params);
	if (extended)
		imap_parser_want(p, ')');
}

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
		parse_url(p, a);
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
	imap_text_put_string(out, f->args->v[f->at].text);
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
begin(struct urlfetch *f, const struct imap_walk_at *at)
{
	unsigned params = f->args->v[f->at].params;

	f->stage = READING;
	f->items[0] = f->url.item;
	if ((params & BINARY) && f->url.item.what == MIME_SECTION_ALL)
		f->items[0].kind = IMAP_ITEM_BINARY;
	f->items[1] = (struct imap_item){ .kind = IMAP_ITEM_BODYSTRUCTURE };
	imap_source_begin(&f->source, at, f->url.url.uid, f->items, params & STRUCTURE ? 2 : 1);
}

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
	begin(f, &at);
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
	begin(f, &at);
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
	if (imap_urlauth_parse(&f->url, f->args->v[f->at].text, s->shared->hostname,
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

/* Was it encoded, and is it not now? */
static bool
is_decoded(const struct urlfetch *f)
{
	enum mime_code code = f->source.section.part.code;

	return f->items[0].kind == IMAP_ITEM_BINARY &&
	    (code == MIME_CODE_BASE64 || code == MIME_CODE_QP);
}

/* Of the part that the URL names or lies in; false: there is none. */
static bool
find_structure(struct urlfetch *f, struct slice *part)
{
	*part = SLICE_NONE;
	return !(f->args->v[f->at].params & STRUCTURE) ||
	    imap_structure_part(imap_message_structure(&f->source.message),
	    f->url.item.path, f->url.item.path_count, part);
}

/* RFC 5524 s3.2: as the text is told here. */
static void
put_structure(const struct urlfetch *f, struct slice part, struct buf *out)
{
	const struct imap_section *x = &f->source.section;
	struct imap_decoded d = { x->has_nul, x->bytes, x->lines };

	if (is_decoded(f))
		imap_structure_put_decoded(out, part, &d);
	else
		buf_put_slice(out, part);
}

/* What has an encoding that is not known, or of a whole body of which nobody
 * knows whether it is one part. */
static bool
cannot_decode(const struct urlfetch *f)
{
	return (f->args->v[f->at].params & BINARY) &&
	    (f->url.item.what == MIME_SECTION_TEXT ||
	    (f->items[0].kind == IMAP_ITEM_BINARY &&
	    f->source.section.part.code == MIME_CODE_UNKNOWN));
}

/* The URL and what of it stands before its text; true: the text follows. */
static bool
put_head(struct imap_cmd *c, struct slice structure)
{
	const struct urlfetch *f = c->priv;
	const struct imap_section *x = &f->source.section;
	unsigned params = f->args->v[f->at].params;
	bool follows = (params & ~(unsigned)STRUCTURE) != 0 || params == 0;
	struct buf *out = imap_session_out(c->s);

	put_url(c);
	if (params & STRUCTURE) {
		buf_put_str(out, "(BODYPARTSTRUCTURE ");
		put_structure(f, structure, out);
		buf_put_str(out, follows ? ") " : ")");
	}
	if (params & (BODY | BINARY))
		buf_put_str(out, params & BODY ? "(BODY " : "(BINARY ");
	if (follows && cannot_decode(f)) {
		buf_put_str(out, "NIL)");
		follows = false;
	}
	if (follows)
		buf_printf(out, "%s{%llu}\r\n", x->has_nul ? "~" : "",
		    (unsigned long long)x->bytes);
	return follows;
}

static void
end_url(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;

	buf_put_str(imap_session_out(c->s), "\r\n");
	c->mid_response = false;
	f->at++;
	f->stage = NEXT;
}

static bool
begin_text(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	enum err e = imap_source_ready(&f->source);
	struct slice structure;

	if (e == ERR_AGAIN || c->answer != IMAP_ANSWER_NONE)
		return false;
	if (e != ERR_OK || !find_structure(f, &structure)) {
		put_nil(c);
	} else if (put_head(c, structure)) {
		c->mid_response = true;
		f->stage = STREAMING;
	} else {
		end_url(c);
	}
	return true;
}

static bool
stream(struct imap_cmd *c)
{
	struct urlfetch *f = c->priv;
	struct imap_session *s = c->s;
	enum err e = imap_source_tell(&f->source, imap_session_out(s));

	if (e == ERR_END) {
		if (f->args->v[f->at].params != 0)
			buf_put_char(imap_session_out(s), ')');
		end_url(c);
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
