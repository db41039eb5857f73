/* SPDX-License-Identifier: ISC */
/*
 * REGISTER2 of CMTP 2 (man/cmtp.7): a user proves by the mailbox's password
 * who it is, and leaves a record of another password and a bundle for it.
 *
 * keyd never sees that other password, but it can tell whether it is the
 * mailbox's: it makes of that one the masking key that a record of it has.
 * Two runs of Argon2id in the threads of key_hash.h for each request, the
 * second only when the password is right.
 */
#ifndef KEY_ENROL_H
#define KEY_ENROL_H

#include "keyd/key_state.h"

void	 key_enrol_on_register(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void	 key_enrol_on_record(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
