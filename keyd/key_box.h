/* SPDX-License-Identifier: ISC */
/*
 * Boxes of CMTP 1 that came for an account: imapd, with the owner's token of
 * scope mail, names the ephemeral key of each and gets what makes the box's key
 * (crypto_box_beforenm), never the secret.  Where only the owner's device has
 * that secret nothing is opened.  Counted as openings of mail are.
 */
#ifndef KEY_BOX_H
#define KEY_BOX_H

#include "keyd/key_state.h"

#define KEY_BOXES_MAX	64u

void		 key_box_on_open(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
