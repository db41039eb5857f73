/* SPDX-License-Identifier: ISC */
/*
 * store_append: a message for a mailbox, from deliver exactly once; several
 * of a session as one (MULTIAPPEND, RFC 3502) and in place of another one
 * (REPLACE, RFC 8508), all in one transaction.
 */
#ifndef STORE_APPEND_H
#define STORE_APPEND_H

#include "lib/ipc/ipc_peer.h"

void	 store_on_append(struct ipc_peer *, const void *, struct ipc_in *);

#endif
