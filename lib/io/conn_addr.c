/* SPDX-License-Identifier: ISC */
#include "lib/io/conn_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/map.h"

static const uint8_t v4_prefix[12] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};

void
conn_addr_from(struct conn_addr *a, const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		memcpy(a->ip, v4_prefix, sizeof(v4_prefix));
		memcpy(a->ip + 12, &in->sin_addr, 4);
		a->port = ntohs(in->sin_port);
		a->is_inet = true;
		a->is_v4 = true;
	} else if (sa->sa_family == AF_INET6) {
		memcpy(a->ip, &in6->sin6_addr, 16);
		a->port = ntohs(in6->sin6_port);
		a->is_inet = true;
		a->is_v4 = memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
	}
}

enum err
conn_addr_parse(struct conn_addr *a, struct slice ip, uint16_t port)
{
	char text[CONN_ADDR_TEXT_BYTES];
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (!slice_to_cstr(ip, text, sizeof(text)))
		return ERR_SYNTAX;
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		conn_addr_from(a, (const void *)&in);
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		conn_addr_from(a, (const void *)&in6);
	else
		return ERR_SYNTAX;
	a->port = port;
	return ERR_OK;
}

unsigned
conn_addr_sockaddr(const struct conn_addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (!a->is_inet)
		return 0;
	if (a->is_v4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip + 12, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

void
conn_addr_ip_str(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *a)
{
	bool ok;

	if (!a->is_inet)
		ok = false;
	else if (a->is_v4)
		ok = inet_ntop(AF_INET, a->ip + 12, dst,
		    CONN_ADDR_TEXT_BYTES) != NULL;
	else
		ok = inet_ntop(AF_INET6, a->ip, dst,
		    CONN_ADDR_TEXT_BYTES) != NULL;
	if (!ok)
		memcpy(dst, "local", sizeof("local"));
}

void
conn_addr_str(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *a)
{
	char ip[CONN_ADDR_TEXT_BYTES];

	conn_addr_ip_str(ip, a);
	(void)snprintf(dst, CONN_ADDR_TEXT_BYTES, "[%.45s]:%u", ip,
	    (unsigned)a->port);
}

void
conn_addr_literal(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *a)
{
	char ip[CONN_ADDR_TEXT_BYTES];

	conn_addr_ip_str(ip, a);
	(void)snprintf(dst, CONN_ADDR_TEXT_BYTES, "[%s%.45s]",
	    a->is_inet && !a->is_v4 ? "IPv6:" : "", ip);
}

/* IPv6 hosts choose their low 64 bits freely; an IPv4 network is a /24. */
static size_t
net_bytes(const struct conn_addr *a)
{
	return a->is_v4 ? 15 : 8;
}

uint64_t
conn_addr_hash(const struct conn_addr *a)
{
	return hash_slice(slice_of(a->ip, sizeof(a->ip)));
}

uint64_t
conn_addr_net_hash(const struct conn_addr *a)
{
	return hash_slice(slice_of(a->ip, net_bytes(a)));
}

uint64_t
conn_addr_rate_key(const struct conn_addr *a)
{
	return a->is_v4 ? conn_addr_hash(a) : conn_addr_net_hash(a);
}

bool
conn_addr_same_ip(const struct conn_addr *a, const struct conn_addr *b)
{
	return a->is_inet == b->is_inet &&
	    memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool
conn_addr_same_net(const struct conn_addr *a, const struct conn_addr *b)
{
	return a->is_inet == b->is_inet && a->is_v4 == b->is_v4 &&
	    memcmp(a->ip, b->ip, net_bytes(a)) == 0;
}

bool
conn_addr_is_loopback(const struct conn_addr *a)
{
	static const uint8_t v6_loopback[16] = { [15] = 1 };

	if (!a->is_inet)
		return true;
	if (a->is_v4)
		return a->ip[12] == 127;
	return memcmp(a->ip, v6_loopback, sizeof(v6_loopback)) == 0;
}

bool
conn_addr_is_here(const struct conn_addr *peer, int fd)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_storage	storage;
	} at;
	socklen_t n = sizeof(at);
	struct conn_addr own;

	if (conn_addr_is_loopback(peer))
		return true;
	at.sa.sa_family = AF_UNSPEC;
	if (getsockname(fd, &at.sa, &n) != 0)
		return false;
	conn_addr_from(&own, &at.sa);
	return own.is_inet && conn_addr_same_ip(peer, &own);
}
