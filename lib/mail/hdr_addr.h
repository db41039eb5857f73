/* SPDX-License-Identifier: ISC */
/*
 * Address lists of header fields (RFC 5322 s3.4), as ENVELOPE wants them:
 * display name, obsolete route, local part, domain; groups as a start and an
 * end.  Broken input gives what can be had and never fails: an address
 * without a domain has an empty one.  At most HDR_ADDR_MAX entries of a
 * field are given.  A comment behind an address without a display name is
 * its name (the old "a@b (Name)").
 */
#ifndef HDR_ADDR_H
#define HDR_ADDR_H

#include <stdbool.h>

#include "lib/base/buf_small.h"
#include "lib/base/slice.h"

#define HDR_ADDR_MAX	10000

enum hdr_addr_kind { HDR_ADDR_MAILBOX, HDR_ADDR_GROUP, HDR_ADDR_GROUP_END };

struct hdr_addr {
	enum hdr_addr_kind	kind;
	bool			has_name;
	struct slice		name;	/* unquoted, RFC 2047 words as they are; of a group too */
	struct slice		route;	/* "@a,@b", mostly empty */
	struct slice		local;	/* unquoted */
	struct slice		domain;
};

struct hdr_addr_iter {
	struct slice	rest;
	struct buf_small text;		/* what the current entry borrows ... */
	struct buf_small note;		/* ... and its comments */
	unsigned	count;
	bool		in_group;
	bool		capped;		/* HDR_ADDR_MAX was reached */
};

/* Not to be moved until hdr_addr_fini. */
void	 hdr_addr_init(struct hdr_addr_iter *, struct slice value);
void	 hdr_addr_fini(struct hdr_addr_iter *);
/* The entry is valid until the next call. */
bool	 hdr_addr_next(struct hdr_addr_iter *, struct hdr_addr *);

#endif
