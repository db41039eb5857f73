/* SPDX-License-Identifier: ISC */
/*
 * The verbs of credentials: accounts are made, passwords set, sealing
 * changed, app passwords and recovery codes made.  Each may wait for Argon2id
 * twice: to check the present password, and to make a slot for the new one.
 *
 *	user.add USER [MODE [KEY]]		password
 *	user.passwd USER [old | reset]		password; old: present, new
 *	user.sealing USER MODE [KEY]		password, when one mode is password
 *	user.renew USER				password, when sealing is password
 *	user.recovery USER			password: a new code
 *	user.recover USER			password, code
 *	app.add USER NAME			password, when sealing is password
 *	app.del USER NAME, app.list USER
 *
 * KEY is the public key of sealing = client (key_public.h).  What is told once (codes, app passwords) is in the answer and nowhere else.
 */
#ifndef KEY_ACCOUNT_H
#define KEY_ACCOUNT_H

#include "keyd/key_tool.h"

void	 key_account_add(const struct key_tool_request *);
void	 key_account_passwd(const struct key_tool_request *);
void	 key_account_sealing(const struct key_tool_request *);
void	 key_account_renew(const struct key_tool_request *);
void	 key_account_recovery(const struct key_tool_request *);
void	 key_account_recover(const struct key_tool_request *);
void	 key_account_app_add(const struct key_tool_request *);
void	 key_account_app_del(const struct key_tool_request *);
void	 key_account_app_list(const struct key_tool_request *);

const char *key_account_sealing_name(enum sealing);

#endif
