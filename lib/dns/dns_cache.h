/* SPDX-License-Identifier: ISC */
/*
 * Answers by name and type until a time; pure, the time is handed in.  What
 * was used least recently goes first when there are too many, or too many
 * bytes.  The cache holds a reference to each answer.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/dns/dns_answer.h"

struct dns_cache {
	struct map	 map;
	struct list	 by_use;	/* the oldest first */
	size_t		 count_max;
	size_t		 bytes_max;
	size_t		 bytes;		/* of entries and answers */
};

void		 dns_cache_init(struct dns_cache *, size_t count_max, size_t bytes_max);
void		 dns_cache_set_limit(struct dns_cache *, size_t count_max);
void		 dns_cache_clear(struct dns_cache *);
void		 dns_cache_fini(struct dns_cache *);

/* Replaces what was there; names are in the form of dns_name_read. */
void		 dns_cache_put(struct dns_cache *, struct slice name, enum dns_type,
		    const struct dns_answer *, uint64_t until_ms);
/* Borrowed until the cache changes; NULL: not known, or no longer. */
const struct dns_answer *dns_cache_find(struct dns_cache *, struct slice name,
		    enum dns_type, uint64_t now_ms);

#endif
