/* SPDX-License-Identifier: ISC */
/*
 * lib/smtp's client over a link: what it wants is noted in its calls, and done
 * between them.
 */
#include "cmtpd/gwcmtp_submit.h"

#include <stdio.h>
#include <sysexits.h>

#include "cmtpd/gwcmtp_hosts.h"
#include "cmtpd/gwcmtp_tls.h"
#include "lib/base/must.h"
#include "lib/smtp/smtp_client.h"

#define IMPLICIT	"submissions://"
#define STARTTLS	"submission://"

enum { PORT_IMPLICIT = 465, PORT_STARTTLS = 587, OUT_MAX = 4 << 20, PIECE_BYTES = 256 << 10 };

struct submit {
	struct gwcmtp			*g;
	struct gwcmtp_host		 host;
	struct gwcmtp_tls		 tls;
	struct smtp_client_config	 config;
	struct smtp_client		 client;
	struct smtp_client_message	 message;
	struct buf			 out;
	struct slice			 left;		/* of the text */
	struct slice			 password;
	bool				 wants_tls, wants_body, is_closed, is_told;
	int				 code;
};

/* What a server says is printable: smtp_result.h. */
static void
tell(struct submit *s, const struct smtp_result *r, int code)
{
	if (s->is_told)
		return;
	s->is_told = true;
	s->code = code;
	if (code != EX_OK)
		(void)fprintf(stderr, "gwcmtp: %s: %s\n", s->host.name, r->text);
}

/* ---- what the client wants ---- */

static struct buf *
on_out(void *arg)
{
	return &((struct submit *)arg)->out;
}

static bool
on_is_clogged(void *arg)
{
	return ((struct submit *)arg)->out.n > OUT_MAX / 4;
}

static enum err
on_start_tls(void *arg)
{
	((struct submit *)arg)->wants_tls = true;
	return ERR_OK;
}

static bool
on_binding(void *arg, struct sasl_binding *b)
{
	(void)arg;
	(void)b;
	return false;
}

static void
on_want_secret(void *arg)
{
	struct submit *s = arg;

	smtp_client_secret(&s->client, ERR_OK, s->password);
}

static void
on_want_body(void *arg)
{
	((struct submit *)arg)->wants_body = true;
}

/* Silence is the link's matter. */
static void
on_deadline(void *arg, enum smtp_client_phase phase)
{
	(void)arg;
	(void)phase;
}

static void
on_ready(void *arg)
{
	struct submit *s = arg;
	enum err e = smtp_client_next(&s->client, &s->message);

	must(e == ERR_OK);
}

static void
on_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	(void)idx;
	tell(arg, r, r->error == ERR_OK ? EX_OK : err_class(r->error) == ERR_CLASS_TEMP ?
	    EX_TEMPFAIL : EX_UNAVAILABLE);
}

static void
on_done(void *arg)
{
	smtp_client_quit(&((struct submit *)arg)->client);
}

static void
on_closed(void *arg, enum smtp_client_end how, const struct smtp_result *why)
{
	struct submit *s = arg;

	s->is_closed = true;
	tell(s, why, how == SMTP_END_AUTH ? EX_NOPERM : how == SMTP_END_TLS ||
	    how == SMTP_END_VIOLATION ? EX_PROTOCOL : EX_TEMPFAIL);
}

static const struct smtp_client_host host_calls = {
	.out = on_out, .is_clogged = on_is_clogged, .start_tls = on_start_tls,
	.binding = on_binding, .want_secret = on_want_secret, .want_body = on_want_body,
	.deadline = on_deadline, .ready = on_ready, .rcpt = on_rcpt, .done = on_done,
	.closed = on_closed,
};

/* ---- and what is done ---- */

static int
handshake(struct submit *s)
{
	char port[6];

	if (link_tls(s->g->net.link, s->tls.ctx, &s->tls.demand) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, s->host.name, link_reason(s->g->net.link));
	(void)snprintf(port, sizeof(port), "%u", s->host.port);
	return gwcmtp_tls_judge(s->g, &s->tls, s->g->net.link, port);
}

static void
do_tls(struct submit *s)
{
	int code;

	s->wants_tls = false;
	if ((code = handshake(s)) != EX_OK) {
		s->is_told = true;
		s->code = code;
	}
	smtp_client_on_tls(&s->client, code == EX_OK);
}

static void
do_body(struct submit *s)
{
	struct slice piece = slice_head(s->left, PIECE_BYTES);

	s->wants_body = false;
	s->left = slice_from(s->left, piece.n);
	smtp_client_body(&s->client, piece, s->left.n == 0);
}

static void
do_send(struct submit *s)
{
	enum err e = link_write(s->g->net.link, buf_slice(&s->out));

	buf_wipe(&s->out);
	if (e == ERR_OK)
		smtp_client_on_drained(&s->client);
	else
		smtp_client_on_eof(&s->client);
}

static void
do_receive(struct submit *s)
{
	struct link *link = s->g->net.link;

	if (link_input(link).n == 0 && link_fill(link) != ERR_OK)
		smtp_client_on_eof(&s->client);
	else
		link_used(link, smtp_client_on_data(&s->client, link_input(link)));
}

static void
talk(struct submit *s)
{
	smtp_client_start(&s->client);
	while (!s->is_closed) {
		if (s->out.n > 0)
			do_send(s);
		else if (s->wants_tls)
			do_tls(s);
		else if (s->wants_body)
			do_body(s);
		else
			do_receive(s);
	}
}

/* ---- the whole ---- */

static int
read_server(struct submit *s)
{
	struct slice server = slice_str(s->g->server);
	bool is_implicit = slice_istarts(server, IMPLICIT);
	size_t n = is_implicit ? sizeof(IMPLICIT) - 1 : sizeof(STARTTLS) - 1;

	if (!is_implicit && !slice_istarts(server, STARTTLS))
		return gwcmtp_tool_fault(EX_USAGE, "send", "no server is named: -s submissions://host");
	if (gwcmtp_hosts_read(&s->g->net, &s->host, s->g->server + n, is_implicit ? PORT_IMPLICIT :
	    PORT_STARTTLS) != ERR_OK)
		return gwcmtp_tool_net_fault(s->g, ERR_STATE);
	s->config.tls = is_implicit ? SMTP_CLIENT_TLS_IMPLICIT : SMTP_CLIENT_TLS_MUST;
	return EX_OK;
}

static int
connect_to(struct submit *s)
{
	enum err e = gwcmtp_net_dial(&s->g->net, &s->host);
	int code;

	if (e != ERR_OK)
		return gwcmtp_tool_net_fault(s->g, e);
	code = gwcmtp_tls_init(s->g, &s->tls, s->host.name);
	return code == EX_OK && s->config.tls == SMTP_CLIENT_TLS_IMPLICIT ? handshake(s) : code;
}

static bool
is_ascii(const char *text)
{
	return ascii_length(slice_str(text)) == slice_str(text).n;
}

int
gwcmtp_submit(struct gwcmtp *g, const char *from, const char *to, struct slice password,
    struct slice message)
{
	const struct smtp_client_rcpt rcpt = { .address = slice_str(to) };
	struct submit s = { .g = g, .left = message, .password = password,
		.code = EX_SOFTWARE };

	if ((s.code = read_server(&s)) != EX_OK)
		return s.code;
	s.config.ehlo = "[127.0.0.1]";
	s.config.host = s.host.name;
	s.config.user = slice_str(g->login != NULL ? g->login : from);
	s.message = (struct smtp_client_message){ .sender = slice_str(from), .size = message.n,
		.flags = SMTP_CLIENT_8BIT | (is_ascii(from) && is_ascii(to) ? 0 :
		SMTP_CLIENT_UTF8_HEADER),
		.rcpts = &rcpt, .rcpt_count = 1 };
	if ((s.code = connect_to(&s)) == EX_OK) {
		buf_init(&s.out, OUT_MAX);
		s.out.secret = true;
		smtp_client_init(&s.client, &s.config, &host_calls, &s);
		talk(&s);
		smtp_client_fini(&s.client);
		buf_fini(&s.out);
	}
	gwcmtp_net_hang_up(&g->net);
	gwcmtp_tls_fini(&s.tls);
	return s.code;
}
