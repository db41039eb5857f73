/* SPDX-License-Identifier: ISC */
/*
 * The inner side of queue_resolve: its records and how to look them up.
 */
#ifndef QUEUE_FACTS_H
#define QUEUE_FACTS_H

#include "queue/queue_resolve.h"

struct queue_domain {
	struct map_node	 node;
	unsigned	 class;		/* enum conf_class */
	uint64_t	 size_limit;	/* 0: none */
	struct queue_map *aliases;	/* NULL: no table */
	struct queue_map *recipients;
	size_t		 name_n;
	char		 name[ADDR_DOMAIN_MAX + 1];
	char		 target[ADDR_DOMAIN_MAX + 1];
};

struct queue_alias {
	struct map_node	 node;
	uint32_t	 generation;
	size_t		 address_n;
	size_t		 targets_n;	/* NUL-terminated strings */
	char		 bytes[];	/* address, targets */
};

const struct queue_domain	*queue_facts_domain(const struct queue_resolver *,
				    struct slice);
struct queue_alias		*queue_facts_alias(const struct queue_resolver *,
				    struct slice);
const struct queue_account	*queue_facts_first(struct queue_resolver *);

#endif
