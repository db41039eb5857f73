/* SPDX-License-Identifier: ISC */
/*
 * The options as text for people: mdoc for godwit.conf(5), the explanation of
 * one, and the list that tests/golden/options.txt pins.
 */
#ifndef OPT_MAN_H
#define OPT_MAN_H

#include "lib/base/buf.h"
#include "lib/conf/opt.h"

void	 opt_man_mdoc(const struct opt_section *defs, struct buf *);
void	 opt_man_golden(const struct opt_section *defs, struct buf *);
void	 opt_man_explain(const struct opt_section *, const struct opt *, struct buf *);
const char *opt_man_when(enum opt_when);

#endif
