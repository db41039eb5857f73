/* SPDX-License-Identifier: ISC */
/*
 * Every section of godwit.conf: the shared ones and each daemon's own.
 */
#ifndef MASTER_SECTIONS_H
#define MASTER_SECTIONS_H

#include "lib/conf/opt.h"

extern const struct opt_section	master_sections[];	/* ends with a NULL name */

#endif
