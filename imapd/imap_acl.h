/* SPDX-License-Identifier: ISC */
/*
 * What the commands of RFC 4314 have in common.  Letters of rights are those
 * of store_rights.h, identifiers those of acl_identifier.h; a name alone is of
 * the domain of who asks.
 */
#ifndef IMAP_ACL_H
#define IMAP_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_place.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct imap_acl {
	struct slice		 name;		/* of the mailbox */
	enum err		 name_error;
	struct imap_place	 place;
	struct slice		 wire;		/* identifier as it came */
	struct slice		 identifier;	/* as it is kept */
	bool			 is_too_long;	/* the identifier */
	uint8_t			 op;		/* enum store_op */
	uint32_t		 rights;	/* enum store_right bits */
};

/* SP mailbox; NULL: the command was answered. */
struct imap_acl	*imap_acl_parse(struct imap_cmd *, struct imap_parser *);
void		 imap_acl_parse_identifier(struct imap_cmd *, struct imap_parser *,
		    struct imap_acl *);
/* SP mod-rights (s3.1) */
void		 imap_acl_parse_rights(struct imap_parser *, struct imap_acl *);
/* Finds the mailbox; false: the command was answered. */
bool		 imap_acl_begin(struct imap_cmd *, struct imap_acl *);
/* Ask what is granted, or change it by op and rights. */
void		 imap_acl_ask(struct imap_cmd *, struct imap_acl *, imap_reply_fn *);
void		 imap_acl_change(struct imap_cmd *, struct imap_acl *, const char *done);
/* The answer of the store, when who asks may administer; else answered. */
const struct ipc_store_acl_reply *imap_acl_expect(struct imap_cmd *, const struct imap_reply *);

/* "* MYRIGHTS mailbox rights" */
void		 imap_acl_put_mine(struct imap_session *, struct slice name, uint32_t rights);

#endif
