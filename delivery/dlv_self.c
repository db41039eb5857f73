/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_self.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/opt_net.h"

struct dlv_self {
	char			*hostname;
	struct conn_addr	*interfaces;
	unsigned		 interface_count;
	struct conn_addr	*listeners;	/* not is_inet: every address */
	unsigned		 listener_count;
};

static const unsigned char	mapped[12] = { [10] = 0xff, [11] = 0xff };

struct dlv_self *
dlv_self_new(const char *hostname)
{
	struct dlv_self *self = must_alloc(1, sizeof(*self));

	self->hostname = must_alloc(1, strlen(hostname) + 1);
	memcpy(self->hostname, hostname, strlen(hostname));
	return self;
}

void
dlv_self_free(struct dlv_self **selfp)
{
	struct dlv_self *self = *selfp;

	*selfp = NULL;
	if (self == NULL)
		return;
	free(self->hostname);
	free(self->interfaces);
	free(self->listeners);
	free(self);
}

static void
add(struct conn_addr **v, unsigned *count, const struct conn_addr *a)
{
	if (*count == DLV_SELF_MAX)
		return;
	*v = must_realloc(*v, *count + 1, sizeof(**v));
	(*v)[(*count)++] = *a;
}

void
dlv_self_add_interface(struct dlv_self *self, const struct conn_addr *a)
{
	add(&self->interfaces, &self->interface_count, a);
}

enum err
dlv_self_add_listener(struct dlv_self *self, struct slice text)
{
	struct conn_addr a = { .is_inet = true };
	struct opt_net_addr from;

	if (opt_net_parse_addr(text, &from) != ERR_OK)
		return ERR_SYNTAX;
	a.port = from.port;
	switch (from.host) {
	case OPT_NET_ANY:
		a.is_inet = false;
		break;
	case OPT_NET_V4:
		memcpy(a.ip, mapped, sizeof(mapped));
		memcpy(a.ip + sizeof(mapped), from.addr, 4);
		a.is_v4 = true;
		break;
	case OPT_NET_V6:
		memcpy(a.ip, from.addr, sizeof(a.ip));
		break;
	}
	add(&self->listeners, &self->listener_count, &a);
	return ERR_OK;
}

/* A listener with the port 25 of 0.0.0.0 or :: was configured by hand. */
static bool
is_unspecified(const struct conn_addr *a)
{
	static const unsigned char zero[16];

	return a->is_v4 ? memcmp(a->ip + 12, zero, 4) == 0 : memcmp(a->ip, zero, 16) == 0;
}

bool
dlv_self_is_name(const struct dlv_self *self, struct slice name, uint16_t port)
{
	if (!slice_ieq_str(name, self->hostname))
		return false;
	for (unsigned i = 0; i < self->listener_count; i++)
		if (self->listeners[i].port == port)
			return true;
	return false;
}

/* Whether a listener on every address has this one. */
static bool
is_here(const struct dlv_self *self, const struct conn_addr *a)
{
	if (conn_addr_is_loopback(a) || is_unspecified(a))
		return true;
	for (unsigned i = 0; i < self->interface_count; i++)
		if (conn_addr_same_ip(&self->interfaces[i], a))
			return true;
	return false;
}

bool
dlv_self_is_addr(const struct dlv_self *self, const struct conn_addr *a)
{
	for (unsigned i = 0; i < self->listener_count; i++) {
		const struct conn_addr *l = &self->listeners[i];

		if (l->port == a->port && (l->is_inet && !is_unspecified(l) ?
		    conn_addr_same_ip(l, a) : is_here(self, a)))
			return true;
	}
	return false;
}
