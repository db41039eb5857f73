/* SPDX-License-Identifier: ISC */
#include "smtpd/smtpd_opt.h"

const struct opt	smtpd_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct smtpd_options, __VA_ARGS__)
#include "smtpd/smtpd.opt"
#undef OPT
	OPT_ROWS_END
};
