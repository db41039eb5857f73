/* SPDX-License-Identifier: ISC */
#include "delivery/delivery_opt.h"

const struct opt	delivery_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct deliver_options, __VA_ARGS__)
#include "delivery/delivery.opt"
#undef OPT
	OPT_ROWS_END
};

const struct opt	relay_opt_rows[] = {
#define OPT(...)	OPT_ROW(struct relay_options, __VA_ARGS__)
#include "delivery/relay.opt"
#undef OPT
	OPT_ROWS_END
};
