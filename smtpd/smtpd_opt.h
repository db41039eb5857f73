/* SPDX-License-Identifier: ISC */
/*
 * Options of section smtpd; see lib/conf/opt.h for the C types.
 */
#ifndef SMTPD_OPT_H
#define SMTPD_OPT_H

#include "lib/conf/opt.h"

struct smtpd_options {
#define OPT OPT_FIELD
#include "smtpd/smtpd.opt"
#undef OPT
};

extern const struct opt	smtpd_opt_rows[];
#define SMTPD_OPT_SECTION	OPT_SECTION("smtpd", smtpd_opt_rows, struct smtpd_options)

#endif
