/* SPDX-License-Identifier: ISC */
/*
 * Fields of the journal's records whose length is fixed: keys, salts and
 * wraps.  They are written as a blob of that length; another length makes
 * the reader bad.
 */
#ifndef KEY_FIXED_H
#define KEY_FIXED_H

#include <string.h>

#include "lib/ipc/ipc_codec.h"

static inline void
key_fixed_put(struct buf *b, const unsigned char *bytes, size_t n)
{
	ipc_put_var(b, slice_of(bytes, n), n);
}

/* Exactly n bytes, or the reader goes bad. */
static inline void
key_fixed_get(struct ipc_reader *r, unsigned char *dst, size_t n)
{
	struct slice s = ipc_get_var(r, n);

	if (s.n == n)
		memcpy(dst, s.p, n);
	else
		r->bad = true;
}

#endif
