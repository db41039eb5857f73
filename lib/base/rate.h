/* SPDX-License-Identifier: ISC */
/*
 * How often something may happen for each of many keys: at most count times
 * at once, then evenly, count times in per_ms (the generic cell rate
 * algorithm).  A key costs one time: when its next one would be due had all
 * come evenly.  A key whose time is past is as one never seen and is
 * forgotten, so that memory grows with the keys busy at a time, up to max.
 * Pure: times are the caller's.
 */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"

struct rate {
	uint64_t	 count;		/* 0: no limit */
	uint64_t	 per_ms;
};

struct rate_table {
	struct map	 keys;
	size_t		 max;
	size_t		 sweep_at;	/* so many keys: forget the idle ones first */
};

void		 rate_init(struct rate_table *, size_t max);
void		 rate_fini(struct rate_table *);

/* ERR_OK: counted.  ERR_LIMIT: too often.  ERR_FULL: max keys are busy. */
enum err	 rate_take(struct rate_table *, uint64_t key, const struct rate *,
		    uint64_t now_ms) MUST_USE;
/* rate_take would answer ERR_LIMIT. */
bool		 rate_is_spent(const struct rate_table *, uint64_t key, const struct rate *,
		    uint64_t now_ms);

#endif
