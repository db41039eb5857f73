/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_net.h"

#include <stdarg.h>
#include <stdio.h>

#include "cmtpd/gwcmtp_hosts.h"
#include "lib/cmtp/cmtp_put.h"

enum { PORT_SMTP = 25, PIECE_BYTES = 256 << 10 };

enum err
gwcmtp_net_fail(struct gwcmtp_net *n, enum err e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
	return e;
}

void
gwcmtp_net_init(struct gwcmtp_net *n)
{
	*n = (struct gwcmtp_net){ .loop = loop_new() };
}

void
gwcmtp_net_hang_up(struct gwcmtp_net *n)
{
	if (n->link != NULL)
		link_free(&n->link);
}

void
gwcmtp_net_fini(struct gwcmtp_net *n)
{
	gwcmtp_net_hang_up(n);
	loop_free(&n->loop);
}

/* ---- the connection ---- */

enum err
gwcmtp_net_dial(struct gwcmtp_net *n, const struct gwcmtp_host *h)
{
	const char *why;
	char port[6];
	enum err e;
	int fd;

	(void)snprintf(port, sizeof(port), "%u", h->port);
	e = link_dial(n->loop, h->name, port, GWCMTP_DIAL_MS, &fd, &why);
	if (e != ERR_OK)
		return gwcmtp_net_fail(n, e, "%s port %s: %s", h->name, port, why);
	n->link = link_new(n->loop, fd);
	(void)snprintf(n->host, sizeof(n->host), "%s", h->name);
	return ERR_OK;
}

enum err
gwcmtp_net_fill(struct gwcmtp_net *n)
{
	return link_fill(n->link) == ERR_OK ? ERR_OK :
	    gwcmtp_net_fail(n, ERR_GONE, "%s: the connection ended: %s", n->host, link_reason(n->link));
}

enum err
gwcmtp_net_write(struct gwcmtp_net *n, struct slice s)
{
	for (; s.n > 0; s = slice_from(s, PIECE_BYTES))
		if (link_write(n->link, slice_head(s, PIECE_BYTES)) != ERR_OK)
			return gwcmtp_net_fail(n, ERR_GONE, "%s: the connection ended: %s", n->host,
			    link_reason(n->link));
	return ERR_OK;
}

enum err
gwcmtp_net_read(struct gwcmtp_net *n, enum cmtp_reply_form form, struct cmtp_reply *r)
{
	struct slice in, rest;
	enum err e;

	for (;;) {
		in = rest = link_input(n->link);
		e = in.n == 0 ? ERR_SHORT : cmtp_reply_read(r, form, &rest);
		if (e != ERR_SHORT || (e = gwcmtp_net_fill(n)) != ERR_OK)
			break;
	}
	if (e == ERR_OK)
		link_used(n->link, in.n - rest.n);
	else if (e != ERR_GONE)
		e = gwcmtp_net_fail(n, ERR_SYNTAX, "%s: that is no reply of CMTP", n->host);
	return e;
}

/* A whole greeting of SMTP stands there, of one line or more. */
static bool
has_smtp_greeting(struct slice in, size_t *used)
{
	struct slice rest = in, line;

	while (slice_find(rest, '\n') < rest.n) {
		rest = slice_cut(rest, '\n', &line);
		if (!slice_starts(line, "220-")) {
			*used = in.n - rest.n;
			return true;
		}
	}
	return false;
}

/* The banner of the native port, or SMTP's greeting. */
static enum err
read_banner(struct gwcmtp_net *n)
{
	struct cmtp_reply r;
	struct slice in;
	size_t used = 0;
	enum err e;

	while ((in = link_input(n->link)).n < 4)
		if ((e = gwcmtp_net_fill(n)) != ERR_OK)
			return e;
	if (!slice_starts(in, "220"))
		return gwcmtp_net_read(n, CMTP_REPLY_WORDS, &r);
	while (!has_smtp_greeting(in, &used)) {
		if (in.n > GWCMTP_GREETING_MAX)
			return gwcmtp_net_fail(n, ERR_SYNTAX, "%s: no greeting of SMTP", n->host);
		if ((e = gwcmtp_net_fill(n)) != ERR_OK)
			return e;
		in = link_input(n->link);
	}
	link_used(n->link, used);
	return ERR_OK;
}

/* Behind the banner. */
enum err
gwcmtp_net_ohai(struct gwcmtp_net *n, struct slice version)
{
	struct cmtp_reply r;
	struct buf b;
	enum err e;

	buf_init(&b, 64);
	if ((e = cmtp_put_command(&b, CMTP_OHAI, NULL, 0)) == ERR_OK &&
	    (e = gwcmtp_net_write(n, buf_slice(&b))) == ERR_OK)
		e = gwcmtp_net_read(n, CMTP_REPLY_WORDS, &r);
	buf_fini(&b);
	if (e == ERR_OK && !cmtp_reply_has_version(r.words, version))
		e = gwcmtp_net_fail(n, ERR_UNSUPPORTED,
		    "%s does not speak version %.*s of CMTP", n->host,
		    SLICE_FMT(version));
	return e;
}

static enum err
try_host(struct gwcmtp_net *n, const struct gwcmtp_host *h)
{
	enum err e = gwcmtp_net_dial(n, h);

	if (e == ERR_OK && ((e = read_banner(n)) != ERR_OK ||
	    (e = gwcmtp_net_ohai(n, SLICE_LIT("1"))) != ERR_OK))
		gwcmtp_net_hang_up(n);
	return e;
}

enum err
gwcmtp_net_open(struct gwcmtp_net *n, const char *domain, const char *server)
{
	struct gwcmtp_host hosts[GWCMTP_HOSTS_MAX];
	unsigned count = 0;
	enum err e = ERR_OK;

	if (server != NULL) {
		if ((e = gwcmtp_hosts_read(n, &hosts[0], server, CMTP_PORT)) != ERR_OK)
			return e;
		return try_host(n, &hosts[0]);
	}
	if ((e = gwcmtp_hosts_of(n, domain, hosts, &count)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < count; i++) {
		hosts[i].port = CMTP_PORT;
		if ((e = try_host(n, &hosts[i])) == ERR_OK)
			return ERR_OK;
		/* Where 9001 is closed CMTP may be behind SMTP's greeting. */
		hosts[i].port = PORT_SMTP;
		if ((e = try_host(n, &hosts[i])) == ERR_OK)
			return ERR_OK;
	}
	return e;
}
