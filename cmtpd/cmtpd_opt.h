/* SPDX-License-Identifier: ISC */
/*
 * Options of section cmtpd; see lib/conf/opt.h for the C types.
 */
#ifndef CMTPD_OPT_H
#define CMTPD_OPT_H

#include "lib/conf/opt.h"

struct cmtpd_options {
#define OPT OPT_FIELD
#include "cmtpd/cmtpd.opt"
#undef OPT
};

extern const struct opt	cmtpd_opt_rows[];
#define CMTPD_OPT_SECTION	OPT_SECTION("cmtpd", cmtpd_opt_rows, struct cmtpd_options)

#endif
