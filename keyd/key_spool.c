/* SPDX-License-Identifier: ISC */
#include "keyd/key_spool.h"

#include "keyd/key_gate.h"
#include "keyd/key_pair.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"

/* Numbers run from 1 without gaps. */
static uint32_t
newest(const struct keyd *k)
{
	uint32_t id = 0;

	while (id < KEY_SPOOL_KEYS_MAX &&
	    key_ring_value(k->ring, KEY_VALUE_SPOOL + id + 1).n > 0)
		id++;
	return id;
}

void
key_spool_init(struct keyd *k)
{
	unsigned char key[32], wrapped[KEY_WRAPPED_BYTES];
	enum err e;

	if (newest(k) > 0)
		return;
	cry_random(key, sizeof(key));
	key_pair_wrap_value(wrapped, k->aead, k->roots.value, KEY_VALUE_SPOOL + 1, key);
	secret_wipe(key, sizeof(key));
	e = key_ring_put_value(k->ring, KEY_VALUE_SPOOL + 1, slice_of(wrapped, sizeof(wrapped)));
	if (e != ERR_OK)
		log_fatal("keys/ring cannot be written: %s", err_text(e));
	log_event(LOG_key, log_str("action", "make"), log_str("key", "spool-1"));
}

void
key_spool_on_key(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_spool_key *m = msg;
	unsigned char key[32] = { 0 };
	struct ipc_spool_key_reply reply = { .id = m->id == 0 ? newest(k) : m->id,
		.key = slice_of(key, sizeof(key)) };

	if (reply.id == 0 || reply.id > newest(k)) {
		key_gate_refuse(p, in->id, ERR_NOTFOUND, "no such spool key");
		return;
	}
	if (key_pair_unwrap_value(key, k->aead, k->roots.value, KEY_VALUE_SPOOL + reply.id,
	    key_ring_value(k->ring, KEY_VALUE_SPOOL + reply.id)) != ERR_OK)
		key_gate_refuse(p, in->id, ERR_CORRUPT, "the spool key does not open");
	else
		ipc_reply(p, in->id, IPC_MSG_spool_key_reply, &reply);
	secret_wipe(key, sizeof(key));
}
