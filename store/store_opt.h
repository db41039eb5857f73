/* SPDX-License-Identifier: ISC */
/*
 * Options of section store; see lib/conf/opt.h for the C types.
 */
#ifndef STORE_OPT_H
#define STORE_OPT_H

#include "lib/conf/opt.h"

struct store_options {
#define OPT OPT_FIELD
#include "store/store.opt"
#undef OPT
};

extern const struct opt	store_opt_rows[];
#define STORE_OPT_SECTION	OPT_SECTION("store", store_opt_rows, struct store_options)

#endif
