/* SPDX-License-Identifier: ISC */
/*
 * A self-signed P-256 certificate for a new instance, in PEM, good until the
 * operator has a real one.  The key's PEM is wiped by the caller.
 */
#ifndef CERT_MAKE_H
#define CERT_MAKE_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

#define CERT_MAKE_DAYS	3650

/* Subject and alternative names: host, and those of names (may be NULL). */
enum err	 cert_make(const char *host, const char *const *names, struct buf *cert_pem,
		    struct buf *key_pem) MUST_USE;

#endif
