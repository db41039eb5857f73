/* SPDX-License-Identifier: ISC */
/*
 * Quotas that users set for others (imapd's SETQUOTA): those whom quota_admins
 * of the account's domain names, with a token for reading mail.  Nobody else
 * learns which accounts there are.
 */
#ifndef KEY_QUOTA_H
#define KEY_QUOTA_H

#include "keyd/key_state.h"

void	 key_quota_on_set(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
