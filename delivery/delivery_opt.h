/* SPDX-License-Identifier: ISC */
/*
 * Options of section deliver; see lib/conf/opt.h for the C types.
 */
#ifndef DELIVERY_OPT_H
#define DELIVERY_OPT_H

#include "lib/conf/opt.h"

struct deliver_options {
#define OPT OPT_FIELD
#include "delivery/delivery.opt"
#undef OPT
};

extern const struct opt	delivery_opt_rows[];
#define DELIVERY_OPT_SECTION	OPT_SECTION("deliver", delivery_opt_rows, struct deliver_options)

#endif
