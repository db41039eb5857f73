/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_box.h"

#include <stdio.h>
#include <sysexits.h>

enum { LINE_MAX_BYTES = 65536 };

static int
box_fault(const struct gwcmtp_box *b, enum err e, const char *what)
{
	struct slice text = slice_head(buf_slice(&b->client.text), 300);
	const char *kind = e == ERR_SYNTAX ? "that is no IMAP" :
	    e == ERR_STATE ? "the server says: " : e == ERR_GONE ? "the connection ended: " : "";

	(void)fprintf(stderr, "gwcmtp: %s: %s: %s", b->place.host, what, kind);
	/* What a server says may not move the cursor. */
	for (size_t i = 0; i < text.n && e != ERR_SYNTAX; i++)
		(void)fputc(ascii_is_print(text.p[i]) ? text.p[i] : '?', stderr);
	(void)fputc('\n', stderr);
	return e == ERR_STATE ? EX_UNAVAILABLE : gwcmtp_tool_exit_of(e);
}

int
gwcmtp_box_init(struct gwcmtp *g, struct gwcmtp_box *b)
{
	*b = (struct gwcmtp_box){ .link = NULL };
	if (g->server == NULL)
		return gwcmtp_tool_fault(EX_USAGE, "read", "no IMAP server is named: -s imaps://host");
	if (mail_place_parse(&b->place, g->server) != ERR_OK || !b->place.is_url)
		return gwcmtp_tool_fault(EX_USAGE, g->server, "not imaps://host or imap://host");
	return EX_OK;
}

void
gwcmtp_box_fini(struct gwcmtp_box *b)
{
	if (b->has_client)
		imap_client_fini(&b->client);
	link_free(&b->link);
	if (b->has_tls)
		gwcmtp_tls_fini(&b->tls);
}

static int
handshake(struct gwcmtp_box *b)
{
	enum err e;

	if (b->place.is_implicit && link_tls(b->link, b->tls.ctx, &b->tls.demand) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, b->place.host, link_reason(b->link));
	return (e = imap_client_greet(&b->client)) != ERR_OK ? box_fault(b, e, "greeting") :
	    !b->place.is_implicit && (e = imap_client_starttls(&b->client, b->tls.ctx,
	    &b->tls.demand)) != ERR_OK ? box_fault(b, e, "STARTTLS") : EX_OK;
}

int
gwcmtp_box_connect(struct gwcmtp *g, struct gwcmtp_box *b)
{
	const char *why;
	int fd, code = gwcmtp_tls_init(g, &b->tls, b->place.host);
	enum err e;

	b->has_tls = true;
	if (code != EX_OK)
		return code;
	e = link_dial(g->net.loop, b->place.host, b->place.port, GWCMTP_DIAL_MS, &fd, &why);
	if (e != ERR_OK)
		return gwcmtp_tool_fault(gwcmtp_tool_exit_of(e), b->place.host, why);
	b->link = link_new(g->net.loop, fd);
	imap_client_init(&b->client, b->link);
	b->has_client = true;
	if ((code = handshake(b)) == EX_OK)
		code = gwcmtp_tls_judge(g, &b->tls, b->link, b->place.port);
	return code;
}

static enum err
on_exists(void *arg, const struct imap_answer *a)
{
	struct gwcmtp_box *b = arg;

	if (a->has_number && slice_ieq_str(a->word, "EXISTS"))
		b->exists = a->number;
	return ERR_OK;
}

int
gwcmtp_box_enter(struct gwcmtp *g, struct gwcmtp_box *b, const char *address,
    struct slice password)
{
	const char *login = g->login != NULL ? g->login :
	    b->place.user[0] != '\0' ? b->place.user : address;
	enum err e = imap_client_login(&b->client, slice_str(login), password);

	if (e != ERR_OK)
		return e == ERR_STATE ? (void)box_fault(b, e, "login"), EX_NOPERM :
		    box_fault(b, e, "login");
	buf_put_str(&b->client.say, "EXAMINE ");
	imap_client_put_mailbox(&b->client, slice_str(g->mailbox));
	e = imap_client_run(&b->client, on_exists, b);
	return e == ERR_OK ? EX_OK : box_fault(b, e, g->mailbox);
}

/* ---- messages ---- */

struct rows {
	struct gwcmtp_box_row	*v;
	unsigned		 n, most;
};

static enum err
on_row(void *arg, const struct imap_answer *a)
{
	struct rows *r = arg;
	struct imap_fetched f;
	struct buf b;
	enum err e;

	if (!a->has_number || !slice_ieq_str(a->word, "FETCH"))
		return ERR_OK;
	buf_init(&b, LINE_MAX_BYTES);
	e = imap_answer_fetch(a->rest, &f, &b);
	buf_fini(&b);
	/* Unasked ones have no UID or no size; a server that sends more is none. */
	if (e != ERR_OK || f.uid == 0 || !f.has_size)
		return e;
	if (r->n == r->most)
		return ERR_SYNTAX;
	r->v[r->n++] = (struct gwcmtp_box_row){ f.uid, f.size, f.internal_s };
	return ERR_OK;
}

int
gwcmtp_box_rows(struct gwcmtp_box *b, struct gwcmtp_box_row *v, unsigned count, unsigned *n)
{
	struct rows rows = { v, 0, count };
	enum err e = ERR_OK;

	*n = 0;
	if (b->exists == 0)
		return EX_OK;
	buf_printf(&b->client.say, "FETCH %u:%u (UID INTERNALDATE RFC822.SIZE)",
	    b->exists > count ? b->exists - count + 1 : 1, b->exists);
	e = imap_client_run(&b->client, on_row, &rows);
	*n = rows.n;
	return e == ERR_OK ? EX_OK : box_fault(b, e, "FETCH");
}

static enum err
on_size(void *arg, uint64_t bytes)
{
	(void)arg;
	return bytes <= GWCMTP_BOX_MESSAGE_MAX ? ERR_OK : ERR_TOOBIG;
}

static enum err
on_data(void *arg, struct slice bytes)
{
	buf_put_slice(arg, bytes);
	return buf_err(arg) == ERR_OK ? ERR_OK : ERR_TOOBIG;
}

int
gwcmtp_box_fetch(struct gwcmtp_box *b, uint32_t uid, struct buf *out)
{
	const struct mail_taker taker = { out, on_size, on_data };
	enum err e = imap_client_ask(&b->client, uid);

	if (e == ERR_OK)
		e = imap_client_read(&b->client, &taker);
	if (e == ERR_NOTFOUND)
		return EX_NOINPUT;
	if (e == ERR_TOOBIG)
		return gwcmtp_tool_fault(EX_DATAERR, "message", "it is too large to be opened here");
	return e == ERR_OK ? EX_OK : box_fault(b, e, "UID FETCH");
}
