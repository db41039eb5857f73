/* SPDX-License-Identifier: ISC */
/*
 * What keyd remembers of other domains and their users: pins, whose bytes it
 * keeps without reading them (keyd/key_pin.h).  What a pin says is told by
 * lib/cmtp/cmtp_pin.h for CMTP 2 and by dlv_pin1.h for CMTP 1.
 *
 * ERR_GONE: keyd is not there, and nobody is called; else as ipc_call.
 */
#ifndef DLV_PIN_H
#define DLV_PIN_H

#include "delivery/dlv_pool.h"

struct dlv_pin {
	struct slice	 domain;
	struct slice	 user;		/* empty: the server */
	struct slice	 before;	/* as it was got; empty: there was none */
	struct slice	 bytes;
	uint64_t	 keep_until_s;	/* real time; 0: a newer one may take its place */
};

/* fn gets IPC_MSG_pin. */
enum err	 dlv_pin_get(struct dlv_pool *, struct slice domain, struct slice user,
		    struct dlv_keyd_call *, ipc_reply_fn *, void *arg) MUST_USE;
/* fn gets IPC_MSG_pin_kept, or why not: another relay may have put one meanwhile. */
enum err	 dlv_pin_put(struct dlv_pool *, const struct dlv_pin *, struct dlv_keyd_call *,
		    ipc_reply_fn *, void *arg) MUST_USE;
/* The same when nobody waits for it: what is not kept is seen anew next time. */
void		 dlv_pin_leave(struct dlv_pool *, const struct dlv_pin *);

#endif
