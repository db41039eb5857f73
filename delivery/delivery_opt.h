/* SPDX-License-Identifier: ISC */
/*
 * Options of the sections deliver and relay; see lib/conf/opt.h for the C types.
 */
#ifndef DELIVERY_OPT_H
#define DELIVERY_OPT_H

#include "lib/conf/opt.h"

struct deliver_options {
#define OPT OPT_FIELD
#include "delivery/delivery.opt"
#undef OPT
};

struct relay_options {
#define OPT OPT_FIELD
#include "delivery/relay.opt"
#undef OPT
};
enum relay_preference { RELAY_PREFER_ANY, RELAY_PREFER_IPV6, RELAY_PREFER_IPV4 };

extern const struct opt	delivery_opt_rows[];
extern const struct opt	relay_opt_rows[];
#define DELIVERY_OPT_SECTION	OPT_SECTION("deliver", delivery_opt_rows, struct deliver_options)
#define RELAY_OPT_SECTION	OPT_SECTION("relay", relay_opt_rows, struct relay_options)

#endif
