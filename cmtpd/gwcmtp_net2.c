/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_net2.h"

#include <stdio.h>
#include <sysexits.h>

#include "cmtpd/gwcmtp_hosts.h"
#include "lib/smtp/smtp_caps.h"
#include "lib/smtp/smtp_reply_parser.h"

#define IMPLICIT	"cmtps://"

enum { PORT_SMTP = 25 };

/* A whole reply of SMTP: its code, and what EHLO's offers. */
static enum err
read_reply(struct gwcmtp_net *n, unsigned *code, struct smtp_caps *caps)
{
	struct smtp_reply_parser p;
	enum smtp_reply_event ev = SMTP_REPLY_MORE;
	struct slice in, rest;
	enum err e = ERR_OK;

	smtp_reply_parser_init(&p);
	*caps = (struct smtp_caps){ .set = 0 };
	while (e == ERR_OK && ev != SMTP_REPLY_END) {
		in = rest = link_input(n->link);
		ev = smtp_reply_parser_feed(&p, &rest);
		if (ev == SMTP_REPLY_BAD)
			e = gwcmtp_net_fail(n, ERR_SYNTAX, "%s: that is no SMTP", n->host);
		else if (ev != SMTP_REPLY_MORE && p.line_count > 1)
			smtp_caps_take_line(caps, p.text);
		link_used(n->link, in.n - rest.n);
		if (ev == SMTP_REPLY_MORE)
			e = gwcmtp_net_fill(n);
	}
	*code = p.code;
	smtp_reply_parser_fini(&p);
	return e;
}

/* A command that is answered by this code; NULL: the greeting. */
static enum err
say(struct gwcmtp_net *n, const char *line, unsigned want, struct smtp_caps *caps)
{
	unsigned code = 0;
	enum err e = line == NULL ? ERR_OK : gwcmtp_net_write(n, slice_str(line));

	if (e == ERR_OK)
		e = read_reply(n, &code, caps);
	if (e == ERR_OK && code != want)
		e = gwcmtp_net_fail(n, code / 100 == 4 ? ERR_AGAIN : ERR_UNSUPPORTED,
		    "%s: the server says %u", n->host, code);
	return e;
}

/* Whoever asks for keys is a user's program and has no name in the DNS. */
static enum err
ehlo(struct gwcmtp_net *n, enum smtp_cap cap, const char *what)
{
	struct smtp_caps caps;
	enum err e = say(n, "EHLO [127.0.0.1]\r\n", 250, &caps);

	if (e == ERR_OK && !smtp_caps_has(&caps, cap))
		e = gwcmtp_net_fail(n, ERR_UNSUPPORTED, "%s does not offer %s", n->host, what);
	return e;
}

static enum err
up_to_tls(struct gwcmtp_net *n)
{
	struct smtp_caps caps;
	enum err e = say(n, NULL, 220, &caps);

	if (e == ERR_OK)
		e = ehlo(n, SMTP_CAP_STARTTLS, "STARTTLS");
	return e == ERR_OK ? say(n, "STARTTLS\r\n", 220, &caps) : e;
}

static enum err
up_to_ohai(struct gwcmtp_net *n, bool is_implicit)
{
	struct cmtp_reply banner;
	enum err e = is_implicit ? gwcmtp_net_read(n, CMTP_REPLY_WORDS, &banner) :
	    ehlo(n, SMTP_CAP_CMTP2, "version 2 of CMTP");

	return e == ERR_OK ? gwcmtp_net_ohai(n, SLICE_LIT("2")) : e;
}

static int
speak(struct gwcmtp *g, struct gwcmtp_tls *t, const struct gwcmtp_host *h, bool is_implicit)
{
	struct gwcmtp_net *n = &g->net;
	char port[6];
	enum err e;
	int code;

	if (!is_implicit && (e = up_to_tls(n)) != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	if (link_tls(n->link, t->ctx, &t->demand) != ERR_OK)
		return gwcmtp_tool_fault(EX_PROTOCOL, n->host, link_reason(n->link));
	(void)snprintf(port, sizeof(port), "%u", h->port);
	if ((code = gwcmtp_tls_judge(g, t, n->link, port)) != EX_OK)
		return code;
	e = up_to_ohai(n, is_implicit);
	return e == ERR_OK ? EX_OK : gwcmtp_tool_net_fault(g, e);
}

static int
try_host(struct gwcmtp *g, struct gwcmtp_tls *t, const struct gwcmtp_host *h, bool is_implicit)
{
	enum err e = gwcmtp_net_dial(&g->net, h);
	int code;

	if (e != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	/* The name that the certificate must have stays as long as the connection. */
	if ((code = gwcmtp_tls_init(g, t, g->net.host)) == EX_OK)
		code = speak(g, t, h, is_implicit);
	if (code != EX_OK) {
		gwcmtp_net_hang_up(&g->net);
		gwcmtp_tls_fini(t);
	}
	return code;
}

int
gwcmtp_net2_open(struct gwcmtp *g, struct gwcmtp_tls *t, const char *domain)
{
	struct gwcmtp_host hosts[GWCMTP_HOSTS_MAX];
	bool is_implicit = slice_istarts(slice_str(g->server), IMPLICIT);
	const char *server = is_implicit ? g->server + sizeof(IMPLICIT) - 1 : g->server;
	unsigned count = 1;
	enum err e;
	int code = EX_NOHOST;

	*t = (struct gwcmtp_tls){ .ctx = NULL };
	if (server != NULL)
		e = gwcmtp_hosts_read(&g->net, &hosts[0], server, is_implicit ? CMTP_PORT :
		    PORT_SMTP);
	else
		e = gwcmtp_hosts_of(&g->net, domain, hosts, &count);
	if (e != ERR_OK)
		return gwcmtp_tool_net_fault(g, e);
	for (unsigned i = 0; i < count; i++) {
		if (server == NULL)
			hosts[i].port = PORT_SMTP;
		code = try_host(g, t, &hosts[i], is_implicit);
		/* Whoever is not trusted may not send us on to others. */
		if (code == EX_OK || code == EX_NOPERM)
			break;
	}
	return code;
}
