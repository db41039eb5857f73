/* SPDX-License-Identifier: ISC */
/*
 * LOGIN of CMTP 1 (man/cmtp.7): an account's key under a password of its own,
 * made when an operator says so, and given to anybody who asks: whoever has it
 * can guess the password at leisure.  So the mailbox's password is refused,
 * and keys that only their owner can open are not wrapped anew at all.
 *
 * Who has none gets one that opens for nobody, the same each time.
 */
#ifndef KEY_XZIBIT_H
#define KEY_XZIBIT_H

#include "keyd/key_tool.h"

void	 key_xzibit_on_login(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

/* what gwkey asks for */
void	 key_xzibit_make(const struct key_tool_request *);	/* USER; password */
void	 key_xzibit_drop(const struct key_tool_request *);	/* USER: LOGIN2's record too */
void	 key_xzibit_list(const struct key_tool_request *);

#endif
