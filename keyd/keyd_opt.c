/* SPDX-License-Identifier: ISC */
#include "keyd/keyd_opt.h"

#define OPT(...)	OPT_ROW(struct keyd_options, __VA_ARGS__)
const struct opt keyd_opt_rows[] = {
#include "keyd/keyd.opt"
	OPT_ROWS_END
};
#undef OPT
