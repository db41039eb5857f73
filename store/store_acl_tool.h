/* SPDX-License-Identifier: ISC */
/*
 * gwuser acl: an operator sees and changes who may do what in a mailbox, as its
 * owner could (store_acl.h).  Verbs and arguments, as lib/daemon/tool.h has them:
 *
 *	acl.list ACCOUNT MAILBOX			acl.del ACCOUNT MAILBOX IDENTIFIER
 *	acl.set ACCOUNT MAILBOX IDENTIFIER RIGHTS
 *
 * ACCOUNT is its number, which keyd knows.  An identifier without a domain is
 * of the account's.  Changes are in the log.
 */
#ifndef STORE_ACL_TOOL_H
#define STORE_ACL_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "store/store_core.h"

/*
 * The exit code and what is to be said.  *changed: the account whose changes
 * must be durable before the answer goes; 0: none.
 */
uint8_t		 acl_tool(struct store *, struct slice verb, struct slice args, uint32_t uid,
		    struct buf *out, uint64_t *changed);

#endif
