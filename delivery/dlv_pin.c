/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_pin.h"

#include "lib/crypto/cry_hasher.h"

enum err
dlv_pin_get(struct dlv_pool *p, struct slice domain, struct slice user, struct dlv_keyd_call *call,
    ipc_reply_fn *fn, void *arg)
{
	const struct ipc_pin_get m = { .domain = domain, .user = user };

	return dlv_pool_call_keyd(p, IPC_MSG_pin_get, &m, call, fn, arg);
}

enum err
dlv_pin_put(struct dlv_pool *p, const struct dlv_pin *pin, struct dlv_keyd_call *call,
    ipc_reply_fn *fn, void *arg)
{
	unsigned char hash[CRY_HASH_BYTES];
	struct ipc_pin_put m = { .domain = pin->domain, .user = pin->user,
		.keep_until_s = pin->keep_until_s, .pin = pin->bytes };

	cry_hash(hash, sizeof(hash), pin->before);
	if (pin->before.n > 0)
		m.before = slice_of(hash, sizeof(hash));
	return dlv_pool_call_keyd(p, IPC_MSG_pin_put, &m, call, fn, arg);
}

static void
on_left(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	(void)arg, (void)e, (void)type, (void)msg, (void)in;
}

void
dlv_pin_leave(struct dlv_pool *p, const struct dlv_pin *pin)
{
	struct dlv_keyd_call call;
	enum err e = dlv_pin_put(p, pin, &call, on_left, NULL);

	(void)e;
}
