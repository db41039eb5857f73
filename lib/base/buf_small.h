/* SPDX-License-Identifier: ISC */
/*
 * A buffer for one text within a function, which is short as a rule: up to
 * BUF_SMALL_BYTES are in the struct and need no allocation.  The struct is not
 * to be moved between buf_small_init and buf_small_fini; s->b is used as any
 * buffer of that max.
 */
#ifndef BUF_SMALL_H
#define BUF_SMALL_H

#include "lib/base/buf.h"

#define BUF_SMALL_BYTES	511

struct buf_small {
	struct buf	b;
	char		mem[BUF_SMALL_BYTES + 1];
};

static inline struct buf *
buf_small_init(struct buf_small *s, size_t max)
{
	if (max <= BUF_SMALL_BYTES) {
		buf_lend(&s->b, s->mem, sizeof(s->mem));
		s->b.max = max;
	} else {
		buf_init(&s->b, max);
	}
	return &s->b;
}

static inline void
buf_small_fini(struct buf_small *s)
{
	if (s->b.mem != s->mem)
		buf_fini(&s->b);
}

#endif
