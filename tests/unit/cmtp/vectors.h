/* SPDX-License-Identifier: ISC */
/*
 * tests/golden/cmtp1.txt, cmtp2.txt and opaque.txt: "name (remark) =" and lines of hex
 * digits below it.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "lib/base/buf.h"

#define VECTOR_MAX	2000

/* The bytes of the n-th vector of that name; the test fails without it. */
void	 vector_get(struct buf *, const char *name, unsigned nth);
/* Of cmtp2.txt. */
void	 vector_get_2(struct buf *, const char *name);
/* Of opaque.txt. */
void	 vector_get_opaque(struct buf *, const char *name);

#endif
