/* SPDX-License-Identifier: ISC */
/*
 * The user and the domain of a command as an address of mail.  What no address
 * can be is ERR_SYNTAX or ERR_LIMIT.
 */
#ifndef CMTP_ADDRESS_H
#define CMTP_ADDRESS_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"

enum err	 cmtp_address_join(struct addr *, struct slice user, struct slice domain) MUST_USE;
/* An empty user is the null sender. */
enum err	 cmtp_address_sender(struct addr *, struct slice user, struct slice domain) MUST_USE;
/* The postmaster of this host. */
enum err	 cmtp_address_postmaster(struct addr *) MUST_USE;

#endif
