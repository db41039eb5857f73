/* SPDX-License-Identifier: ISC */
/*
 * Identifiers of access rights (RFC 4314 s2, s3): "anyone" or a user's
 * address, either with "-" in front.  They are compared with the addresses of
 * accounts, so that they take the same form: prepared by SASLprep, then as
 * addr.h has it.  One that stands for another text than it shows (a ligature,
 * a letter of double width) is refused, not turned into somebody else.
 */
#ifndef ACL_IDENTIFIER_H
#define ACL_IDENTIFIER_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"

#define ACL_IDENTIFIER_MAX	(1 + ADDR_TEXT_MAX)

/*
 * domain, with its "@", completes a name alone.  ERR_SYNTAX: it cannot be
 * prepared (s3: BAD); ERR_LIMIT: no account has so long an address.
 */
enum err	 acl_identifier(struct slice text, struct slice domain,
		    char dst[ACL_IDENTIFIER_MAX + 1], struct slice *out) MUST_USE;

#endif
