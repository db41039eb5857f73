/* SPDX-License-Identifier: ISC */
/*
 * Where this host itself takes mail: its name and the addresses and ports of
 * its SMTP listeners, so that mail is not sent in circles (RFC 5321 s5.1).
 * A listener on every address stands for those of the interfaces, and for
 * all that loops back.  Pure; the caller lists the interfaces.
 */
#ifndef DLV_SELF_H
#define DLV_SELF_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/conn_addr.h"

#define DLV_SELF_MAX	4096u	/* addresses with ports, and interfaces */

struct dlv_self;

struct dlv_self	*dlv_self_new(const char *hostname);
void		 dlv_self_free(struct dlv_self **);
void		 dlv_self_add_interface(struct dlv_self *, const struct conn_addr *);
/* "*:25", "192.0.2.1:25", "[::1]:25"; after the interfaces.  ERR_SYNTAX. */
enum err	 dlv_self_add_listener(struct dlv_self *, struct slice) MUST_USE;

bool		 dlv_self_is_name(const struct dlv_self *, struct slice name, uint16_t port);
bool		 dlv_self_is_addr(const struct dlv_self *, const struct conn_addr *);

#endif
