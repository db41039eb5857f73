/* SPDX-License-Identifier: ISC */
/*
 * SASLprep (RFC 4013, stringprep RFC 3454) of names that users are compared
 * by, and of passwords.  Pure.  Code points that Unicode 3.2 had not assigned are let through,
 * as in queries (RFC 3454 s7): what is compared is a name in use, and its own
 * preparation has the same tables.
 */
#ifndef SASLPREP_H
#define SASLPREP_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define SASLPREP_MAX	1024	/* bytes that come in */

/*
 * Appends what is compared.  ERR_SYNTAX: no UTF-8, a prohibited character, or
 * both directions of writing in a way that RFC 3454 s6 forbids.  ERR_LIMIT.
 * ERR_CONFLICT: it would be another name than the text that was written: a
 * compatibility character stands for something else (s2.2: NFKC).
 */
enum err	 saslprep(struct slice, struct buf *out) MUST_USE;

/*
 * The same for a password, which may become another text (RFC 5802 s5.1: what
 * a client's SCRAM starts from).  RFC 8265 s4.2 would keep compatibility
 * characters, but SCRAM's clients do as RFC 5802 says, and a verifier of
 * SCRAM has one form only.  ERR_NOTFOUND: it stays as it is: it is ASCII, no
 * text, or what may not be in a password.  out: SASLPREP_OUT_MAX, secret.
 */
#define SASLPREP_OUT_MAX	(18 * SASLPREP_MAX)
enum err	 saslprep_password(struct slice, struct buf *out) MUST_USE;

#endif
