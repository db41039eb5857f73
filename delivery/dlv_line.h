/* SPDX-License-Identifier: ISC */
/*
 * The log's line about a recipient, as relay and deliver both write it: whose
 * it is, what its sender wrote where that is another address (orig_to), and
 * how long each part of the way took.  Pure.
 */
#ifndef DLV_LINE_H
#define DLV_LINE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/slice.h"

/* Slices are borrowed until dlv_line_end. */
struct dlv_about {
	uint64_t	 session;	/* that brought the message; 0: none did */
	uint64_t	 msg;
	struct slice	 to;
	struct slice	 original;	/* as given in RCPT; empty: the same */
};

/* Spans: arrival to attempt, to us, to the host's greeting, and sent. */
struct dlv_delays {
	uint64_t	before_ms, queue_ms, setup_ms, send_ms;
};

struct dlv_line {
	struct log_kv	 kv[16];
	size_t		 n;
	struct buf	 delays;
};

void	 dlv_line_begin(struct dlv_line *, const struct dlv_about *);
void	 dlv_line_put(struct dlv_line *, struct log_kv);
void	 dlv_line_put_delays(struct dlv_line *, const struct dlv_delays *);
void	 dlv_line_end(struct dlv_line *, enum log_event);	/* writes it */

/* "0.08/0/0/0.003" */
void	 dlv_delays_put(struct buf *, const struct dlv_delays *);

#endif
