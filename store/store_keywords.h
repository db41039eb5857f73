/* SPDX-License-Identifier: ISC */
/*
 * The keywords of a mailbox: up to 24 names, NUL-terminated, bit 8 first,
 * never removed while the mailbox lives.
 */
#ifndef STORE_KEYWORDS_H
#define STORE_KEYWORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_op.h"

#define KEYWORDS_BYTES_MAX	1900
#define KEYWORD_MAX		100

/* Names as they came: atoms of at most KEYWORD_MAX bytes.  ERR_VIOLATION, ERR_LIMIT. */
enum err	 keywords_check(struct slice names) MUST_USE;
/* The names of a mailbox; empty when there are none. */
enum err	 keywords_load(struct op *, uint32_t mailbox, struct buf *) MUST_USE;
/*
 * The bits of names; unknown ones are added (write transactions) or left out.
 * ERR_LIMIT when there is no bit left.
 */
enum err	 keywords_bits(struct op *, uint32_t mailbox, struct slice names, bool add,
		    uint32_t *bits) MUST_USE;
/* The names but the first n. */
struct slice	 keywords_from(struct slice all, uint32_t n);
/* Names of the bits, to carry them to another mailbox. */
void		 keywords_names(struct slice all, uint32_t bits, struct buf *names);

#endif
