/* SPDX-License-Identifier: ISC */
/*
 * What keyd and store say to each other by way of a third process (grant.h,
 * pass.h): a body of fixed length with STAMP_BYTES of keyed BLAKE2b behind it,
 * under the subkey of a shared secret that its label names.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/slice.h"

#define STAMP_BYTES	24

/* Behind the body at p. */
void	 stamp_put(unsigned char *p, size_t body_bytes, const char *label,
	    const unsigned char secret[32]);
/* Body and stamp, and nothing else. */
bool	 stamp_ok(struct slice, size_t body_bytes, const char *label,
	    const unsigned char secret[32]);

#endif
