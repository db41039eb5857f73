/* SPDX-License-Identifier: ISC */
/*
 * Rights in letters (RFC 4314 s2.1), as clients and operators write them.  The
 * obsolete "c" stands for "kx", "d" for "te" (s2.1.1); both are taken, and told
 * where one of what they stand for is.
 */
#ifndef STORE_RIGHTS_H
#define STORE_RIGHTS_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* mod-rights (s3.1): op of store_proto.h, bits of enum store_right; SYNTAX. */
enum err	 store_rights_parse(struct slice, uint8_t *op, uint32_t *rights) MUST_USE;
/* "lrswipkxteacd", or "" in quotes. */
void		 store_rights_put(struct buf *, uint32_t rights);

#endif
