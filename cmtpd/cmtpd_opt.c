/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtpd_opt.h"

const struct opt	cmtpd_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct cmtpd_options, __VA_ARGS__)
#include "cmtpd/cmtpd.opt"
#undef OPT
	OPT_ROWS_END
};
