/* SPDX-License-Identifier: ISC */
/*
 * The section keyd of godwit.conf, as keyd reads it.
 */
#ifndef KEYD_OPT_H
#define KEYD_OPT_H

#include "lib/conf/opt.h"

#define OPT OPT_FIELD
struct keyd_options {
#include "keyd/keyd.opt"
};
#undef OPT

extern const struct opt	keyd_opt_rows[];

#define KEYD_OPT_SECTION \
	OPT_SECTION("keyd", keyd_opt_rows, struct keyd_options)

#endif
