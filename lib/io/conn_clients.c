/* SPDX-License-Identifier: ISC */
#include "lib/io/conn_clients.h"

#include <stdlib.h>

#include "lib/base/must.h"

struct client {
	struct map_node		 node;
	struct conn_addr	 addr;
	unsigned		 count;
};

typedef bool same_fn(const struct conn_addr *, const struct conn_addr *);

void
conn_clients_init(struct conn_clients *c)
{
	map_init(&c->by_ip);
	map_init(&c->by_net);
}

void
conn_clients_fini(struct conn_clients *c)
{
	must(c->by_ip.count == 0 && c->by_net.count == 0);
	map_fini(&c->by_ip);
	map_fini(&c->by_net);
}

static struct client *
find(const struct map *m, uint64_t hash, same_fn *same, const struct conn_addr *addr)
{
	for (struct map_node *n = map_first(m, hash); n != NULL; n = map_next(n)) {
		struct client *c = obj_of(n, struct client, node);

		if (same(&c->addr, addr))
			return c;
	}
	return NULL;
}

static void
enter(struct map *m, uint64_t hash, same_fn *same, const struct conn_addr *addr)
{
	struct client *c = find(m, hash, same, addr);

	if (c == NULL) {
		c = must_alloc(1, sizeof(*c));
		c->addr = *addr;
		map_insert(m, &c->node, hash);
	}
	c->count++;
}

static void
leave(struct map *m, uint64_t hash, same_fn *same, const struct conn_addr *addr)
{
	struct client *c = find(m, hash, same, addr);

	must(c != NULL);
	if (--c->count > 0)
		return;
	map_remove(m, &c->node);
	free(c);
}

unsigned
conn_clients_of_ip(const struct conn_clients *c, const struct conn_addr *addr)
{
	const struct client *x = find(&c->by_ip, conn_addr_hash(addr), conn_addr_same_ip, addr);

	return x != NULL ? x->count : 0;
}

unsigned
conn_clients_of_net(const struct conn_clients *c, const struct conn_addr *addr)
{
	const struct client *x = find(&c->by_net, conn_addr_net_hash(addr), conn_addr_same_net, addr);

	return x != NULL ? x->count : 0;
}

void
conn_clients_enter(struct conn_clients *c, const struct conn_addr *addr)
{
	enter(&c->by_ip, conn_addr_hash(addr), conn_addr_same_ip, addr);
	enter(&c->by_net, conn_addr_net_hash(addr), conn_addr_same_net, addr);
}

void
conn_clients_leave(struct conn_clients *c, const struct conn_addr *addr)
{
	leave(&c->by_ip, conn_addr_hash(addr), conn_addr_same_ip, addr);
	leave(&c->by_net, conn_addr_net_hash(addr), conn_addr_same_net, addr);
}
