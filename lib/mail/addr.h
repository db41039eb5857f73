/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses: the paths of MAIL and RCPT (RFC 5321 s4.1.2, RFC 6531
 * s3.3), address literals, their canonical form and the parts around the
 * recipient delimiter.  A struct addr is a plain value: copy it freely.
 *
 * The local part is kept without quotes and backslashes, so "a b"@x and
 * "a\ b"@x are equal; addr_put quotes again where needed.  Canonical form:
 * local part in NFC with ASCII letters lowered, domain as lower-case A-labels
 * (literals in the form of inet_ntop).  Source routes are read and dropped
 * (RFC 5321 s3.6.1).  Limits: RFC 5321 s4.5.3.1.  An underscore is accepted
 * in a domain: deviates from the grammar because hosts with one send mail.
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define ADDR_LOCAL_MAX	64	/* octets, without quoting */
#define ADDR_DOMAIN_MAX	255
#define ADDR_PATH_MAX	256	/* with < and >, as written, without route */
#define ADDR_ROUTE_MAX	512
#define ADDR_TEXT_MAX	320	/* wire form of any struct addr */

struct addr {
	unsigned char	 local_n;
	unsigned char	 domain_n;	/* 0 with local_n > 0: bare postmaster */
	bool		 is_utf8;	/* either part is not ASCII */
	bool		 is_literal;	/* the domain is [...] */
	char		 local[ADDR_LOCAL_MAX + 1];	/* NUL-terminated both */
	char		 domain[ADDR_DOMAIN_MAX + 1];
};

enum addr_flag {
	ADDR_UTF8 = 1,			/* SMTPUTF8 is in force */
	ADDR_NULL_OK = 2,		/* <> is legal: MAIL */
	ADDR_POSTMASTER_OK = 4		/* <postmaster> is legal: RCPT, VRFY */
};

/* parse: SYNTAX, LIMIT (too long), UNSUPPORTED (not ASCII without ADDR_UTF8) */
/* <path> at the start of *s; moves *s behind the ">". */
enum err	 addr_parse_path(struct slice *s, unsigned flags, struct addr *) MUST_USE;
/* A mailbox alone, local@domain, no brackets, nothing behind. */
enum err	 addr_parse(struct slice, unsigned flags, struct addr *) MUST_USE;
/* A domain or address literal as in EHLO; flags: ADDR_UTF8. */
enum err	 addr_check_domain(struct slice, unsigned flags) MUST_USE;

/* look */
bool		 addr_is_null(const struct addr *);
struct slice	 addr_local(const struct addr *);	/* unquoted */
struct slice	 addr_domain(const struct addr *);
void		 addr_put(struct buf *, const struct addr *);	/* no brackets */
struct slice	 addr_text(const struct addr *, char dst[ADDR_TEXT_MAX + 1]);

/* canonical form */
/* SYNTAX: the domain is not a valid IDN; LIMIT: longer than allowed then. */
enum err	 addr_canon(const struct addr *, struct addr *out) MUST_USE;
/* addr_parse with all forms allowed, then addr_canon, then addr_text. */
enum err	 addr_canon_text(struct slice, char dst[ADDR_TEXT_MAX + 1],
		    struct slice *out) MUST_USE;
enum err	 addr_canon_domain(struct slice, char dst[ADDR_DOMAIN_MAX + 1],
		    struct slice *out) MUST_USE;
bool		 addr_domain_eq(struct slice, struct slice);	/* A- and U-labels alike */

/*
 * Cut the local part at the first of delimiters ("+"; empty: never) that is
 * not its first byte.  Without one, base is all and ext is SLICE_NONE.
 */
void		 addr_split(const struct addr *, const char *delimiters,
		    struct slice *base, struct slice *ext);
/* The address without its extension. */
void		 addr_strip(const struct addr *, const char *delimiters, struct addr *out);

#endif
