/* SPDX-License-Identifier: ISC */
#include "queue/queue_opt.h"

const struct opt	queue_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct queue_options, __VA_ARGS__)
#include "queue/queue.opt"
#undef OPT
	OPT_ROWS_END
};
