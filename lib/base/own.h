/* SPDX-License-Identifier: ISC */
/*
 * Bytes that a struct owns behind a slice: others see them as any borrowed
 * ones.  An empty slice owns nothing.
 */
#ifndef OWN_H
#define OWN_H

#include "lib/base/cc.h"
#include "lib/base/slice.h"

struct slice	 own_slice(struct slice) MUST_USE;	/* a copy */
void		 own_free(struct slice *);		/* of own_slice; SLICE_NONE is legal */

#endif
