/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_resolv_conf.h"

/* "host", "host:port", "[v6]" or "[v6]:port". */
static enum err
read_server(struct gwcmtp_host *h, const char *server, uint16_t usual)
{
	struct slice s = slice_str(server), port = SLICE_NONE, name;
	uint32_t value = usual;

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

enum err
gwcmtp_hosts_read(struct gwcmtp_net *n, struct gwcmtp_host *h, const char *server, uint16_t usual)
{
	return read_server(h, server, usual) == ERR_OK ? ERR_OK :
	    gwcmtp_net_fail(n, ERR_STATE, "%s: no host and port", server);
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
    struct gwcmtp_host *hosts, unsigned *count)
{
	if (a->status == DNS_SERVFAIL)
		return gwcmtp_net_fail(n, ERR_AGAIN, "%s: %s", domain, a->reason);
	if (a->status == DNS_NXDOMAIN)
		return gwcmtp_net_fail(n, ERR_NOTFOUND, "%s: no such domain", domain);
	for (size_t i = 0; i < a->count && *count < GWCMTP_HOSTS_MAX; i++) {
		struct gwcmtp_host *h = &hosts[*count];

		if (a->records[i].data.n == 0)
			return gwcmtp_net_fail(n, ERR_NOTFOUND, "%s takes no mail", domain);
		*count += slice_to_cstr(a->records[i].data, h->name, sizeof(h->name));
	}
	if (*count == 0) {
		(void)snprintf(hosts[0].name, sizeof(hosts[0].name), "%s", domain);
		*count = 1;
	}
	return ERR_OK;
}

enum err
gwcmtp_hosts_of(struct gwcmtp_net *n, const char *domain, struct gwcmtp_host *hosts, unsigned *count)
{
	struct dns_config config = { .timeout_ms = 5000, .attempts = 2 };
	struct question q = { .loop = n->loop };
	struct dns_ticket *ticket = NULL;
	struct dns *dns;
	enum err e;

	*count = 0;
	read_resolv_conf(&config);
	dns = dns_new(n->loop, &config);
	e = dns_ask(dns, slice_str(domain), DNS_MX, loop_now(n->loop) + GWCMTP_DNS_MS, on_answer,
	    &q, &ticket);
	if (e != ERR_OK)
		e = gwcmtp_net_fail(n, ERR_STATE, "%s: no domain name", domain);
	else {
		loop_run(n->loop);
		e = read_mx(n, q.answer, domain, hosts, count);
		dns_answer_unref(&q.answer);
	}
	dns_free(&dns);
	return e;
}
