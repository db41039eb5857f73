/* SPDX-License-Identifier: ISC */
/*
 * Text to number: decimal digits only, no sign, no space, not empty.  Numbers
 * within a smaller type.
 */
#ifndef NUM_H
#define NUM_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

enum err	 num_parse_u64(struct slice, uint64_t max, uint64_t *) MUST_USE;
enum err	 num_parse_u32(struct slice, uint32_t max, uint32_t *) MUST_USE;
/* Reads leading digits and moves *s past them. */
enum err	 num_read_u64(struct slice *s, uint64_t max, uint64_t *) MUST_USE;

static inline uint32_t
num_cap_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

#endif
