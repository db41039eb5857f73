/* SPDX-License-Identifier: ISC */
/*
 * What relay remembers of other domains' keys of CMTP 2 (lib/cmtp/cmtp_pin.h),
 * in keys/pins: so that a change of a key is seen after a restart too, and by
 * all relays.  keyd does not read a pin.  Whoever replaces one names the hash
 * of the one that he saw; of two at a time one wins.
 *
 * keyd.cmtp_pins_max of them are kept: then the one that was asked for the
 * longest ago gives way, but no server's within its announced life.
 */
#ifndef KEY_PIN_H
#define KEY_PIN_H

#include "keyd/key_tool.h"

struct key_book *key_pin_open(struct keyd *);

void		 key_pin_on_get(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_pin_on_put(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

/* what gwkey asks for: a domain's server, or one of its users, is seen anew */
void		 key_pin_forget(const struct key_tool_request *);

#endif
