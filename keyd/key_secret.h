/* SPDX-License-Identifier: ISC */
/*
 * Passwords with which relay logs in elsewhere, one for each route that has a
 * login, by the route's title.  Kept in the ring, wrapped under the root key
 * and bound to the name.  Only relay is told one; each use is in the log.
 */
#ifndef KEY_SECRET_H
#define KEY_SECRET_H

#include "keyd/key_tool.h"

void		 key_secret_on_route(struct keyd *, struct ipc_peer *, const void *msg,
		    struct ipc_in *);

/* what gwkey asks for */
void		 key_secret_set(const struct key_tool_request *);
void		 key_secret_del(const struct key_tool_request *);
void		 key_secret_list(const struct key_tool_request *);

#endif
