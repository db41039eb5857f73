/* SPDX-License-Identifier: ISC */
/*
 * URLs that carry authorization (RFC 4467): the MAC of what one says under the
 * access key of its mailbox, and whether a session may use it.
 *
 * An access key is made from the root key, account, mailbox and a number that
 * RESETKEY changes (key_more.h): nothing secret is stored.  The store gives a
 * message of another account only for a pass (lib/crypto/pass.h) made here, and
 * with it a grant for that message alone.  Nobody else's mail is opened for a
 * URL when its owner's sealing lets only him open it.
 */
#ifndef KEY_URL_H
#define KEY_URL_H

#include "keyd/key_state.h"

void	 key_url_on_make(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void	 key_url_on_check(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void	 key_url_on_reset(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
