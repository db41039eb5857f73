/* SPDX-License-Identifier: ISC */
/*
 * Options of section imapd; see lib/conf/opt.h for the C types.
 */
#ifndef IMAPD_OPT_H
#define IMAPD_OPT_H

#include "lib/conf/opt.h"

struct imapd_options {
#define OPT OPT_FIELD
#include "imapd/imapd.opt"
#undef OPT
};

extern const struct opt	imapd_opt_rows[];
#define IMAPD_OPT_SECTION	OPT_SECTION("imapd", imapd_opt_rows, struct imapd_options)

#endif
