/* SPDX-License-Identifier: ISC */
/*
 * The public part of an X25519 key (RFC 7748 s6.1).  libsodium's function for it
 * climbs the whole ladder, its Ed25519 has tables of the base point: that finds
 * the same point on the other curve, and RFC 7748 s4.1 says how to come back.
 * What is computed here is public already, and takes no branch for it either.
 */
#ifndef TLS_X25519_BASE_H
#define TLS_X25519_BASE_H

#include <stdbool.h>

#include "lib/base/cc.h"

/* 32 bytes each.  False: the private part is zeros. */
bool		 tls_x25519_base(unsigned char *public, const unsigned char *private)
		    MUST_USE;

#ifdef __SIZEOF_INT128__
/* u = (1 + y) / (1 - y) of a point as Ed25519 writes it; 0 where y is 1.  For tests. */
void		 tls_x25519_u(unsigned char *u, const unsigned char *point);
#endif

#endif
