/* SPDX-License-Identifier: ISC */
/*
 * What the resolver asks lookup tables: which keys, in which order, and what
 * a value means as a list of addresses.  Pure: a table is a name that the
 * owner of the resolver gave, and a function that finds a key in it.
 *
 * Keys are in canonical form: user+ext@domain, user@domain, user+ext, user;
 * for what is left over @domain.  A value is a list of addresses parted by
 * commas; one without a domain is in that of the recipient, one without a
 * local part ("@other.example") keeps the recipient's.
 */
#ifndef QUEUE_LOOKUP_H
#define QUEUE_LOOKUP_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"

struct queue_map;

/*
 * ERR_OK: the value, borrowed until the next call.  ERR_NOTFOUND.  Anything
 * else: the table cannot tell now.
 */
typedef enum err queue_lookup_fn(struct queue_map *, struct slice key, struct slice *value);

/* addr is canonical, stripped the same without its extension. */
enum err	 queue_lookup_address(queue_lookup_fn *, struct queue_map *,
		    const struct addr *, const struct addr *stripped, struct slice *value) MUST_USE;
enum err	 queue_lookup_rest(queue_lookup_fn *, struct queue_map *,
		    const struct addr *, struct slice *value) MUST_USE;

/* The next of the list, trimmed and not empty; false at its end. */
bool		 queue_lookup_next(struct slice *list, struct slice *one);
/* It, for a recipient: ERR_SYNTAX, ERR_LIMIT. */
enum err	 queue_lookup_target(struct slice one, const struct addr *rcpt,
		    struct addr *out) MUST_USE;

#endif
