/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_resolv_conf.h"

#include "lib/base/num.h"

#define DNS_PORT	53
#define TIMEOUT_MAX_S	30		/* resolv.conf(5) */
#define ATTEMPTS_MAX	5

/* The next word; empty at the end. */
static struct slice
next_word(struct slice *rest)
{
	size_t n = 0;
	struct slice word;

	*rest = slice_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	word = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return word;
}

static void
add_server(struct dns_config *c, struct slice word)
{
	if (c->server_count < DNS_SERVERS_MAX &&
	    conn_addr_parse(&c->servers[c->server_count], word,
	    DNS_PORT) == ERR_OK)
		c->server_count++;
}

/* "timeout:n": in seconds, capped as resolv.conf(5) says. */
static void
set_option(struct dns_config *c, struct slice word)
{
	struct slice name, value = slice_cut(word, ':', &name);
	uint32_t n;

	if (num_parse_u32(value, UINT32_MAX, &n) != ERR_OK || n == 0)
		return;
	if (slice_eq_str(name, "timeout"))
		c->timeout_ms = (n < TIMEOUT_MAX_S ? n : TIMEOUT_MAX_S) * 1000;
	else if (slice_eq_str(name, "attempts"))
		c->attempts = n < ATTEMPTS_MAX ? n : ATTEMPTS_MAX;
}

static void
parse_line(struct dns_config *c, struct slice line)
{
	struct slice word = next_word(&line);

	if (slice_eq_str(word, "nameserver")) {
		add_server(c, next_word(&line));
	} else if (slice_eq_str(word, "options")) {
		while ((word = next_word(&line)).n > 0)
			set_option(c, word);
	}
}

void
dns_resolv_conf_parse(struct slice text, struct dns_config *c)
{
	struct slice line;

	text = slice_head(text, DNS_RESOLV_CONF_BYTES_MAX);
	c->server_count = 0;
	while (text.n > 0) {
		text = slice_cut(text, '\n', &line);
		parse_line(c, line);
	}
	if (c->server_count == 0)
		add_server(c, SLICE_LIT("127.0.0.1"));
}
