/* SPDX-License-Identifier: ISC */
/*
 * Options of section queue; see lib/conf/opt.h for the C types.
 */
#ifndef QUEUE_OPT_H
#define QUEUE_OPT_H

#include "lib/conf/opt.h"

struct queue_options {
#define OPT OPT_FIELD
#include "queue/queue.opt"
#undef OPT
};

extern const struct opt	queue_opt_rows[];
#define QUEUE_OPT_SECTION	OPT_SECTION("queue", queue_opt_rows, struct queue_options)

#endif
