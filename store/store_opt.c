/* SPDX-License-Identifier: ISC */
#include "store/store_opt.h"

const struct opt	store_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct store_options, __VA_ARGS__)
#include "store/store.opt"
#undef OPT
	OPT_ROWS_END
};
