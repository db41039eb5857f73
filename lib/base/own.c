/* SPDX-License-Identifier: ISC */
#include "lib/base/own.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

struct slice
own_slice(struct slice s)
{
	char *p;

	if (s.n == 0)
		return SLICE_NONE;
	p = must_alloc(1, s.n);
	memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

void
own_free(struct slice *s)
{
	/* Ours by own_slice: the const is that of the borrowers. */
	char *p;

	memcpy(&p, &s->p, sizeof(p));
	free(p);
	*s = SLICE_NONE;
}
