/* SPDX-License-Identifier: ISC */
/* One gzip member (RFC 1952) without name or time: equal input, equal output. */
#ifndef GZIP_H
#define GZIP_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Appended; ERR_TOOBIG: more than the buf may hold, or than 1 GiB. */
enum err	 gzip_put(struct buf *, struct slice) MUST_USE;

#endif
