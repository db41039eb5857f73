/* SPDX-License-Identifier: ISC */
/*
 * The verbs alias.add alias.del alias.list of key_tool.h.
 */
#ifndef KEY_ALIAS_H
#define KEY_ALIAS_H

#include "keyd/key_tool.h"

void		 key_alias_add(const struct key_tool_request *);	/* address target ... */
void		 key_alias_del(const struct key_tool_request *);	/* address [target ...] */
void		 key_alias_list(const struct key_tool_request *);	/* [cursor] */

#endif
