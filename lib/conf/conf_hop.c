/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_hop.h"

#include <string.h>

#include "lib/base/num.h"
#include "lib/conf/opt_net.h"
#include "lib/mail/addr.h"

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

enum err
conf_hop_parse_ip(struct slice s, struct conn_addr *a)
{
	*a = (struct conn_addr){ .is_inet = true };
	/* RFC 5321 s4.1.3 */
	if (slice_istarts(s, "IPv6:"))
		s = slice_from(s, 5);
	if (s.n == 0 || s.p[0] == '[' || opt_net_parse_ip(s, a->ip) != ERR_OK)
		return ERR_SYNTAX;
	a->is_v4 = memcmp(a->ip, mapped, sizeof(mapped)) == 0;
	return ERR_OK;
}

static enum err
parse_port(struct slice s, uint16_t *port)
{
	uint32_t n;

	if (num_parse_u32(s, 65535, &n) != ERR_OK || n == 0)
		return ERR_SYNTAX;
	*port = (uint16_t)n;
	return ERR_OK;
}

static enum err
parse_name(struct slice s, struct conf_hop *h)
{
	char mem[ADDR_DOMAIN_MAX + 1];
	struct slice name;

	/* A domain ends at the root, written or not. */
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || s.p[0] == '[' || addr_canon_domain(s, mem, &name) != ERR_OK ||
	    !slice_to_cstr(name, h->host, sizeof(h->host)))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* What stands in brackets, then maybe a port. */
static enum err
parse_bracketed(struct slice s, struct conf_hop *h)
{
	size_t end = slice_find(s, ']');
	struct slice inner, rest;

	if (end == s.n)
		return ERR_SYNTAX;
	inner = slice_of(s.p + 1, end - 1);
	rest = slice_from(s, end + 1);
	if (rest.n > 0 && (rest.p[0] != ':' ||
	    parse_port(slice_from(rest, 1), &h->port) != ERR_OK))
		return ERR_SYNTAX;
	if (conf_hop_parse_ip(inner, &h->addr) != ERR_OK)
		return parse_name(inner, h);
	h->is_address = true;
	h->addr.port = h->port;
	return ERR_OK;
}

enum err
conf_hop_parse(struct slice s, uint16_t default_port, struct conf_hop *h)
{
	struct slice name;
	struct slice port;

	*h = (struct conf_hop){ .port = default_port };
	if (s.n > 0 && s.p[0] == '[')
		return parse_bracketed(s, h);
	port = slice_cut(s, ':', &name);
	if (name.n < s.n && parse_port(port, &h->port) != ERR_OK)
		return ERR_SYNTAX;
	h->has_mx = true;
	return parse_name(name, h);
}
