/* SPDX-License-Identifier: ISC */
#include "imapd/imapd_opt.h"

const struct opt	imapd_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct imapd_options, __VA_ARGS__)
#include "imapd/imapd.opt"
#undef OPT
	OPT_ROWS_END
};
