/* SPDX-License-Identifier: ISC */
/*
 * Time sources and their printed forms.  Only lib/io and lib/daemon call the
 * readers; everything else is handed a time.  Monotonic time drives timers
 * and IPC deadlines (CLOCK_MONOTONIC, the same in every process of a host).
 * Test builds can move both clocks forward.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#include "lib/base/buf.h"

uint64_t	 clock_mono_ms(void);
uint64_t	 clock_mono_us(void);
uint64_t	 clock_real_ms(void);		/* since 1970, UTC */

/* Test builds only: both clocks jump by this much. */
void		 clock_advance(int64_t ms);

void		 clock_put_rfc3339(struct buf *, uint64_t real_ms);	/* 2026-11-20T10:02:10.911Z */
void		 clock_put_rfc5322(struct buf *, uint64_t real_s);	/* Fri, 20 Nov 2026 10:02:10 +0000 */
void		 clock_put_imap(struct buf *, uint64_t real_s);	/* "20-Nov-2026 10:02:10 +0000" */
void		 clock_put_span(struct buf *, uint64_t seconds);	/* 12d 4h */

struct clock_date {
	int	 year, month, day;	/* month 1-12 */
	int	 hour, minute, second;
	int	 weekday;		/* 0 = Sunday */
};
void		 clock_to_date(int64_t unix_s, struct clock_date *);
int64_t		 clock_from_date(const struct clock_date *);	/* weekday ignored */

#endif
