/* SPDX-License-Identifier: ISC */
/*
 * Domain names: the ones we ask for, and those that come back.  Pure.  In
 * text: lower case, no last dot, the root is empty.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define DNS_NAME_MAX		253	/* in text (RFC 1035 s2.3.4) */
#define DNS_NAME_WIRE_MAX	255
#define DNS_NAME_LABEL_MAX	63
#define DNS_NAME_PUT_MAX	1012	/* of dns_name_put: each byte as \DDD */

struct dns_name {
	char	 text[DNS_NAME_MAX];
	size_t	 n;
};

/*
 * ERR_SYNTAX for what is empty, too long, has an empty label or a byte other
 * than a letter, digit, "-" or "_"; and for addresses: a last label of digits
 * only is never a name (RFC 3696 s2).
 */
enum err	 dns_name_read(struct dns_name *, struct slice) MUST_USE;

static inline struct slice
dns_name_slice(const struct dns_name *d)
{
	return slice_of(d->text, d->n);
}

/* The name as it stands in a question; how many bytes. */
size_t		 dns_name_wire(const struct dns_name *,
		    uint8_t dst[DNS_NAME_WIRE_MAX]);

/* A name from the wire, not compressed, as text; bytes of no host name as \DDD. */
enum err	 dns_name_put(struct buf *, const uint8_t *wire, size_t n) MUST_USE;

#endif
