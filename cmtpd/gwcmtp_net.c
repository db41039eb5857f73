/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_net.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_resolv_conf.h"

enum { PORT_SMTP = 25, PIECE_BYTES = 256 << 10 };

struct host {
	char		 name[256];
	uint16_t	 port;
};

static enum err fault(struct gwcmtp_net *, enum err, const char *, ...) PRINTF_LIKE(3, 4);

static enum err
fault(struct gwcmtp_net *n, enum err e, const char *fmt, ...)
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

static void
hang_up(struct gwcmtp_net *n)
{
	if (n->link != NULL)
		link_free(&n->link);
}

void
gwcmtp_net_fini(struct gwcmtp_net *n)
{
	hang_up(n);
	loop_free(&n->loop);
}

/* ---- whom to ask ---- */

/* "host", "host:port", "[v6]" or "[v6]:port". */
static enum err
read_server(struct host *h, const char *server)
{
	struct slice s = slice_str(server), port = SLICE_NONE, name;
	uint32_t value = CMTP_PORT;

	if (slice_starts(s, "[")) {
		s = slice_cut(slice_from(s, 1), ']', &name);
		if (s.n > 0 && s.p[0] != ':')
			return ERR_SYNTAX;
		port = slice_from(s, 1);
	} else {
		port = slice_cut(s, ':', &name);
		if (slice_ends(s, ":"))
			return ERR_SYNTAX;
	}
	if (port.n > 0 && (num_parse_u32(port, 65535, &value) != ERR_OK || value == 0))
		return ERR_SYNTAX;
	h->port = (uint16_t)value;
	return name.n > 0 && slice_to_cstr(name, h->name, sizeof(h->name)) ? ERR_OK : ERR_SYNTAX;
}

struct question {
	struct loop		*loop;
	struct dns_answer	*answer;
};

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct question *q = arg;

	q->answer = dns_answer_ref(a);
	loop_stop(q->loop);
}

static void
read_resolv_conf(struct dns_config *c)
{
	static char text[DNS_RESOLV_CONF_BYTES_MAX];
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	dns_resolv_conf_parse(slice_of(text, n > 0 ? (size_t)n : 0), c);
	if (fd >= 0)
		(void)close(fd);
}

/* RFC 5321 s5.1; RFC 7505: a domain without mail. */
static enum err
read_mx(struct gwcmtp_net *n, const struct dns_answer *a, const char *domain,
    struct host *hosts, unsigned *count)
{
	if (a->status == DNS_SERVFAIL)
		return fault(n, ERR_AGAIN, "%s: %s", domain, a->reason);
	if (a->status == DNS_NXDOMAIN)
		return fault(n, ERR_NOTFOUND, "%s: no such domain", domain);
	for (size_t i = 0; i < a->count && *count < GWCMTP_HOSTS_MAX; i++) {
		struct host *h = &hosts[*count];

		if (a->records[i].data.n == 0)
			return fault(n, ERR_NOTFOUND, "%s takes no mail", domain);
		h->port = CMTP_PORT;
		*count += slice_to_cstr(a->records[i].data, h->name, sizeof(h->name));
	}
	if (*count == 0) {
		(void)snprintf(hosts[0].name, sizeof(hosts[0].name), "%s", domain);
		hosts[0].port = CMTP_PORT;
		*count = 1;
	}
	return ERR_OK;
}

static enum err
ask_mx(struct gwcmtp_net *n, const char *domain, struct host *hosts, unsigned *count)
{
	struct dns_config config = { .timeout_ms = 5000, .attempts = 2 };
	struct question q = { .loop = n->loop };
	struct dns_ticket *ticket = NULL;
	struct dns *dns;
	enum err e;

	read_resolv_conf(&config);
	dns = dns_new(n->loop, &config);
	e = dns_ask(dns, slice_str(domain), DNS_MX, loop_now(n->loop) + GWCMTP_DNS_MS, on_answer,
	    &q, &ticket);
	if (e != ERR_OK)
		e = fault(n, ERR_STATE, "%s: no domain name", domain);
	else {
		loop_run(n->loop);
		e = read_mx(n, q.answer, domain, hosts, count);
		dns_answer_unref(&q.answer);
	}
	dns_free(&dns);
	return e;
}

/* ---- the connection ---- */

static enum err
dial(struct gwcmtp_net *n, const struct host *h)
{
	const char *why;
	char port[6];
	enum err e;
	int fd;

	(void)snprintf(port, sizeof(port), "%u", h->port);
	e = link_dial(n->loop, h->name, port, GWCMTP_DIAL_MS, &fd, &why);
	if (e != ERR_OK)
		return fault(n, e, "%s port %s: %s", h->name, port, why);
	n->link = link_new(n->loop, fd);
	(void)snprintf(n->host, sizeof(n->host), "%s", h->name);
	return ERR_OK;
}

static enum err
fill(struct gwcmtp_net *n)
{
	return link_fill(n->link) == ERR_OK ? ERR_OK :
	    fault(n, ERR_GONE, "%s: the connection ended: %s", n->host, link_reason(n->link));
}

enum err
gwcmtp_net_write(struct gwcmtp_net *n, struct slice s)
{
	for (; s.n > 0; s = slice_from(s, PIECE_BYTES))
		if (link_write(n->link, slice_head(s, PIECE_BYTES)) != ERR_OK)
			return fault(n, ERR_GONE, "%s: the connection ended: %s", n->host,
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
		if (e != ERR_SHORT || (e = fill(n)) != ERR_OK)
			break;
	}
	if (e == ERR_OK)
		link_used(n->link, in.n - rest.n);
	else if (e != ERR_GONE)
		e = fault(n, ERR_SYNTAX, "%s: that is no reply of CMTP", n->host);
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
		if ((e = fill(n)) != ERR_OK)
			return e;
	if (!slice_starts(in, "220"))
		return gwcmtp_net_read(n, CMTP_REPLY_WORDS, &r);
	while (!has_smtp_greeting(in, &used)) {
		if (in.n > GWCMTP_GREETING_MAX)
			return fault(n, ERR_SYNTAX, "%s: no greeting of SMTP", n->host);
		if ((e = fill(n)) != ERR_OK)
			return e;
		in = link_input(n->link);
	}
	link_used(n->link, used);
	return ERR_OK;
}

static enum err
say_ohai(struct gwcmtp_net *n)
{
	struct cmtp_reply r;
	struct buf b;
	enum err e;

	buf_init(&b, 64);
	if ((e = read_banner(n)) == ERR_OK &&
	    (e = cmtp_put_command(&b, CMTP_OHAI, NULL, 0)) == ERR_OK &&
	    (e = gwcmtp_net_write(n, buf_slice(&b))) == ERR_OK)
		e = gwcmtp_net_read(n, CMTP_REPLY_WORDS, &r);
	buf_fini(&b);
	if (e == ERR_OK && !cmtp_reply_has_version(r.words, SLICE_LIT("1")))
		e = fault(n, ERR_UNSUPPORTED, "%s does not speak version 1 of CMTP", n->host);
	return e;
}

static enum err
try_host(struct gwcmtp_net *n, const struct host *h)
{
	enum err e = dial(n, h);

	if (e == ERR_OK && (e = say_ohai(n)) != ERR_OK)
		hang_up(n);
	return e;
}

enum err
gwcmtp_net_open(struct gwcmtp_net *n, const char *domain, const char *server)
{
	struct host hosts[GWCMTP_HOSTS_MAX];
	unsigned count = 0;
	enum err e = ERR_OK;

	if (server != NULL) {
		if (read_server(&hosts[0], server) != ERR_OK)
			return fault(n, ERR_STATE, "%s: no host and port", server);
		return try_host(n, &hosts[0]);
	}
	if ((e = ask_mx(n, domain, hosts, &count)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < count; i++) {
		if ((e = try_host(n, &hosts[i])) == ERR_OK)
			return ERR_OK;
		/* Where 9001 is closed CMTP may be behind SMTP's greeting. */
		hosts[i].port = PORT_SMTP;
		if ((e = try_host(n, &hosts[i])) == ERR_OK)
			return ERR_OK;
	}
	return e;
}
