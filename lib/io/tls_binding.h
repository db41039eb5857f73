/* SPDX-License-Identifier: ISC */
/*
 * Channel bindings (RFC 5056) of a TLS connection, for SASL mechanisms whose
 * name ends in -PLUS (RFC 5802 s6): bytes that both ends of one connection
 * can tell and that a man in the middle makes differ.  Either side; see
 * conn_tls_binding.  tls-unique is not among them: it is broken before, and
 * undefined in, TLS 1.3 (RFC 9266 s1).
 */
#ifndef TLS_BINDING_H
#define TLS_BINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/cc.h"
#include "lib/base/slice.h"

#define TLS_BINDING_MAX		64u	/* bytes: SHA-512 */

#define TLS_BINDING_MAP(B)						\
	B(EXPORTER,  "tls-exporter")		/* RFC 9266 s2 */	\
	B(END_POINT, "tls-server-end-point")	/* RFC 5929 s4 */

enum tls_binding_type {
#define B(name, text)	TLS_BINDING_##name,
	TLS_BINDING_MAP(B)
#undef B
};

struct tls_binding {
	const char	*type;		/* static: as in "p=TYPE,," */
	size_t		 n;
	unsigned char	 bytes[TLS_BINDING_MAX];
};

const char	*tls_binding_name(enum tls_binding_type);
/* False: not one of ours. Names are compared as they are (RFC 5802 s7). */
bool		 tls_binding_find(struct slice name, enum tls_binding_type *) MUST_USE;

#endif
