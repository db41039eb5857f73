/* SPDX-License-Identifier: ISC */
#include "keyd/key_srs.h"

#include "lib/base/enc.h"
#include "lib/base/secret.h"

static void
make_key(const struct keyd *k, unsigned char out[CRY_KEY_BYTES], uint64_t period)
{
	unsigned char number[8];

	enc_le64(number, period);
	cry_mac(out, CRY_KEY_BYTES, k->roots.srs, slice_of(number, sizeof(number)));
}

void
key_srs_on_keys(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const uint64_t period = key_now_s(k) / KEY_SRS_PERIOD_S;
	unsigned char keys[2 * CRY_KEY_BYTES];
	const struct ipc_srs_keys_reply reply = {
		.until_s = (period + 1) * KEY_SRS_PERIOD_S,
		.keys = slice_of(keys, sizeof(keys))
	};

	(void)msg;
	make_key(k, keys, period);
	make_key(k, keys + CRY_KEY_BYTES, period == 0 ? 0 : period - 1);
	ipc_reply(p, in->id, IPC_MSG_srs_keys_reply, &reply);
	secret_wipe(keys, sizeof(keys));
}
