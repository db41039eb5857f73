/* SPDX-License-Identifier: ISC */
/*
 * A slice as the libraries of cryptography take it: they want an address
 * where there is nothing too.
 */
#ifndef CRY_BYTES_H
#define CRY_BYTES_H

#include "lib/base/slice.h"

static inline const unsigned char *
cry_bytes(struct slice s)
{
	return (const unsigned char *)(s.n > 0 ? s.p : "");
}

#endif
