/* SPDX-License-Identifier: ISC */
/*
 * The epochs that an answer's sealed objects name, each once, as REC epoch.
 */
#ifndef STORE_EPOCHS_H
#define STORE_EPOCHS_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/store_op.h"

struct epochs {
	struct buf	 list;
	uint64_t	 last[16];	/* named already */
	unsigned	 last_n;
};

void		 epochs_init(struct epochs *);
void		 epochs_fini(struct epochs *);
/* ERR_FULL: the answer has no room for one more.  One that is lost is left out. */
enum err	 epochs_put(struct epochs *, struct op *, uint64_t epoch) MUST_USE;

#endif
