/* SPDX-License-Identifier: ISC */
/*
 * What the sections route and relay say about hosts, certificates and own
 * addresses, looked at before any daemon has it: each text that relay could
 * not use is a line of errors.
 */
#ifndef MASTER_ROUTES_H
#define MASTER_ROUTES_H

#include "lib/base/buf.h"
#include "lib/conf/conf_file.h"

void	 master_routes_check(const struct conf *, struct buf *errors);

#endif
