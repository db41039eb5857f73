/* SPDX-License-Identifier: ISC */
/*
 * The columns of gwshape: ages that double (5, 10, 20 ... minutes) or grow by
 * the same, and one for what is older.  Pure.
 */
#ifndef QUEUE_AGES_H
#define QUEUE_AGES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define QUEUE_AGES_MAX		30u
/* A row, at most: name, total, columns of up to 20 digits. */
#define QUEUE_AGES_ROW_BYTES	(40u + 22u + QUEUE_AGES_MAX * 21u)
#define QUEUE_AGES_MINUTES	100000u	/* of the first, at most */

struct queue_ages {
	uint32_t	 count;		/* 2 to QUEUE_AGES_MAX */
	uint32_t	 minutes;	/* of the first */
	bool		 is_linear;
};

/* As qshape's: 5 minutes to 1280, and older. */
#define QUEUE_AGES_DEFAULT	((struct queue_ages){ .count = 10, .minutes = 5 })

bool		 queue_ages_ok(const struct queue_ages *);
/* The column of an age. */
unsigned	 queue_ages_of(const struct queue_ages *, uint64_t age_ms);

/* A table: the head, then rows of count columns, their total first. */
void		 queue_ages_put_head(struct buf *, const struct queue_ages *);
void		 queue_ages_put_row(struct buf *, const struct queue_ages *, struct slice name,
		    const uint64_t *columns);

#endif
