/* SPDX-License-Identifier: ISC */
#include "lib/conf/opt_net.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/base/num.h"

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct slice
strip_brackets(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

static enum err
parse_ip(struct slice s, unsigned char addr[16], bool *v4)
{
	char text[INET6_ADDRSTRLEN];

	if (!slice_to_cstr(s, text, sizeof(text)))
		return ERR_SYNTAX;
	*v4 = inet_pton(AF_INET, text, addr + 12) == 1;
	if (*v4) {
		memcpy(addr, mapped, sizeof(mapped));
		return ERR_OK;
	}
	return inet_pton(AF_INET6, text, addr) == 1 ? ERR_OK : ERR_SYNTAX;
}

enum err
opt_net_parse_ip(struct slice s, unsigned char addr[16])
{
	bool v4;

	return parse_ip(strip_brackets(s), addr, &v4);
}

static bool
bit(const unsigned char addr[16], unsigned i)
{
	return (addr[i / 8] >> (7 - i % 8) & 1) != 0;
}

enum err
opt_net_parse(struct slice s, struct opt_net *net)
{
	struct slice host, bits;
	uint64_t n;
	bool v4;

	bits = slice_cut(s, '/', &host);
	if (parse_ip(strip_brackets(host), net->addr, &v4) != ERR_OK)
		return ERR_SYNTAX;
	n = v4 ? 32 : 128;
	if (host.n < s.n && num_parse_u64(bits, n, &n) != ERR_OK)
		return ERR_SYNTAX;
	net->bits = (unsigned)n + (v4 ? 96 : 0);
	for (unsigned i = net->bits; i < 128; i++) {
		if (bit(net->addr, i))
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

bool
opt_net_has(const struct opt_net *net, const unsigned char addr[16])
{
	size_t whole = net->bits / 8;

	if (memcmp(net->addr, addr, whole) != 0)
		return false;
	for (unsigned i = (unsigned)whole * 8; i < net->bits; i++) {
		if (bit(net->addr, i) != bit(addr, i))
			return false;
	}
	return true;
}

bool
opt_net_list_has(const struct opt_list *l, const unsigned char addr[16])
{
	struct opt_net net;

	for (uint32_t i = 0; i < l->n; i++) {
		if (opt_net_parse(slice_str(l->v[i]), &net) == ERR_OK && opt_net_has(&net, addr))
			return true;
	}
	return false;
}

enum err
opt_net_parse_addr(struct slice s, struct opt_net_addr *a)
{
	size_t colon = slice_rfind(s, ':');
	struct slice host = slice_head(s, colon);
	unsigned char addr[16];
	uint64_t port;
	bool v4;

	if (colon == s.n || num_parse_u64(slice_from(s, colon + 1), 65535, &port) != ERR_OK ||
	    port == 0)
		return ERR_SYNTAX;
	*a = (struct opt_net_addr){ .host = OPT_NET_ANY, .port = (uint16_t)port };
	if (slice_eq_str(host, "*"))
		return ERR_OK;
	if (strip_brackets(host).n == host.n) {
		if (parse_ip(host, addr, &v4) != ERR_OK || !v4)
			return ERR_SYNTAX;
		a->host = OPT_NET_V4;
		memcpy(a->addr, addr + 12, 4);
		return ERR_OK;
	}
	/* A mapped address cannot be bound on a socket for IPv6 only. */
	if (parse_ip(strip_brackets(host), addr, &v4) != ERR_OK || v4 ||
	    memcmp(addr, mapped, sizeof(mapped)) == 0)
		return ERR_SYNTAX;
	a->host = OPT_NET_V6;
	memcpy(a->addr, addr, 16);
	return ERR_OK;
}
