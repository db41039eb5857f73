/* SPDX-License-Identifier: ISC */
/*
 * Postage that other servers ask for (man/cmtp.7), paid by work in the loop's
 * pool: one evaluation at a time, so its memory is that of one price; in slices
 * of DLV_POSTAGE_SLICE, after each of which the next payer of the line has its
 * turn.  The loop itself never waits.
 *
 * A price is worth at most DLV_POSTAGE_WORK_MAX on average; who has no solution
 * in DLV_POSTAGE_MS, or when the price expires, gives up.
 */
#ifndef DLV_POSTAGE_H
#define DLV_POSTAGE_H

#include "lib/cmtp/cmtp2_postage.h"
#include "lib/io/loop.h"

/* Work is KiB of memory, times passes, times evaluations: 2^20 take about a second. */
#define DLV_POSTAGE_WORK_MAX	(64ull << 20)
#define DLV_POSTAGE_SLICE	(256ull << 10)	/* or one evaluation */
#define DLV_POSTAGE_LINE_MAX	8u
#define DLV_POSTAGE_MS		240000u		/* the host waits with an open session */

struct dlv_postage;
struct dlv_payer;

/*
 * ERR_OK: this counter solves it.  ERR_TIMEOUT: no solution in time, ERR_BUSY: no
 * memory for it.
 */
typedef void dlv_paid_fn(void *arg, enum err, uint64_t counter);

struct dlv_postage *dlv_postage_new(struct loop *);
/* Nobody is told any more; what the pool has at work ends by itself. */
void		 dlv_postage_free(struct dlv_postage **);

/* ERR_LIMIT: nobody here pays as much.  ERR_TIMEOUT: it has expired. */
enum err	 dlv_postage_judge(const struct cmtp2_price *, uint64_t now_s) MUST_USE;
/* Of a price that was judged; NULL: the line is full; else fn once, never inside. */
struct dlv_payer *dlv_postage_pay(struct dlv_postage *, const struct cmtp2_price *,
		    const unsigned char digest[CMTP_DIGEST_BYTES], dlv_paid_fn *, void *arg);
void		 dlv_postage_cancel(struct dlv_payer **);	/* NULL inside is legal */

#endif
