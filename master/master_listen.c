/* SPDX-License-Identifier: ISC */
#include "master/master_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/opt_net.h"
#include "lib/sys/fd.h"

union address {
	struct sockaddr		sa;
	struct sockaddr_in	v4;
	struct sockaddr_in6	v6;
};

static socklen_t
fill(union address *a, const struct opt_net_addr *from, bool v6, char text[64])
{
	char ip[INET6_ADDRSTRLEN];

	memset(a, 0, sizeof(*a));
	if (v6) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(from->port);
		memcpy(&a->v6.sin6_addr, from->addr, 16);
		inet_ntop(AF_INET6, &a->v6.sin6_addr, ip, sizeof(ip));
		snprintf(text, 64, "[%s]:%u", ip, from->port);
		return sizeof(a->v6);
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons(from->port);
	memcpy(&a->v4.sin_addr, from->addr, 4);
	inet_ntop(AF_INET, &a->v4.sin_addr, ip, sizeof(ip));
	snprintf(text, 64, "%s:%u", ip, from->port);
	return sizeof(a->v4);
}

static int
open_socket(const union address *a, socklen_t n, bool v6)
{
	const int on = 1;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (!v6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, &a->sa, n) == 0 && listen(fd, MASTER_BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void
add(struct master_listeners *l, struct master_listener *one, const char *title)
{
	one->title = must_alloc(strlen(title) + 1, 1);
	memcpy(one->title, title, strlen(title));
	l->v = must_realloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = *one;
	log_event(LOG_listen, log_str("listener", title), log_str("address", one->address));
}

static enum err
bind_one(struct master_listeners *l, const struct conf_section *s, const struct opt_net_addr *from,
    bool v6, bool optional, struct buf *why)
{
	const struct listen_options *o = s->values;
	struct master_listener one = { .service = o->service };
	union address a;
	socklen_t n = fill(&a, from, v6, one.address);

	one.fd = open_socket(&a, n, v6);
	if (one.fd < 0) {
		if (optional && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			return ERR_OK;
		buf_printf(why, "listen \"%s\": %s: %s\n", s->title, one.address,
		    strerror(errno));
		return errno == EADDRINUSE ? ERR_EXISTS : err_from_errno(errno);
	}
	add(l, &one, s->title);
	return ERR_OK;
}

static enum err
bind_text(struct master_listeners *l, const struct conf_section *s, const char *text,
    struct buf *why)
{
	struct opt_net_addr a;
	enum err e;

	if (opt_net_parse_addr(slice_str(text), &a) != ERR_OK)
		return ERR_SYNTAX;
	if (a.host != OPT_NET_ANY)
		return bind_one(l, s, &a, a.host == OPT_NET_V6, false, why);
	e = bind_one(l, s, &a, true, true, why);
	return e == ERR_OK ? bind_one(l, s, &a, false, false, why) : e;
}

enum err
master_listen_bind(struct master_listeners *l, const struct conf *c, struct buf *why)
{
	const struct conf_section *s;
	enum err e = ERR_OK;

	*l = (struct master_listeners){ NULL, 0 };
	for (size_t i = 0; e == ERR_OK && (s = conf_find(c, "listen", i)) != NULL; i++) {
		const struct listen_options *o = s->values;

		for (uint32_t j = 0; e == ERR_OK && j < o->address.n; j++)
			e = bind_text(l, s, o->address.v[j], why);
	}
	if (e != ERR_OK)
		master_listen_close(l);
	return e;
}

enum err
master_listen_local(struct master_listeners *l, const char *run_dir, struct buf *why)
{
	struct master_listener one = { .service = CONF_SERVICE_SUBMISSION,
	    .address = MASTER_LISTEN_LOCAL };
	enum err e = fd_unix_listen(run_dir, "submit", 0666, MASTER_BACKLOG, &one.fd);

	if (e != ERR_OK) {
		buf_printf(why, "%s/submit: %s\n", run_dir, strerror(errno));
		return e;
	}
	add(l, &one, MASTER_LISTEN_LOCAL);
	return ERR_OK;
}

void
master_listen_close(struct master_listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		close(l->v[i].fd);
		free(l->v[i].title);
	}
	free(l->v);
	*l = (struct master_listeners){ NULL, 0 };
}
