/* SPDX-License-Identifier: ISC */
#include "keyd/key_box.h"

#include "keyd/key_cmtp.h"
#include "keyd/key_gate.h"
#include "keyd/key_pair.h"
#include "keyd/key_token.h"
#include "keyd/key_vault.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"

/* The X25519 form of the account's pair for CMTP 1. */
static enum err
pair_open(struct keyd *k, const struct key_account *a, uint32_t generation,
    unsigned char public_key[CRY_KEY_BYTES], unsigned char secret[CRY_KEY_BYTES])
{
	unsigned char ed_public[CRY_KEY_BYTES], ed_secret[CRY_ED_SECRET_BYTES], master[32];
	struct key_opener by = { .root = k->roots.account };
	struct key_pair pair;
	enum err e;

	if (key_vault_get(k, a->id, &by.vault, master) == ERR_OK)
		by.master = master;
	e = key_pair_open(&pair, a, generation, k->aead, &by);
	secret_wipe(master, sizeof(master));
	if (e != ERR_OK)
		return e;
	key_cmtp_pair(ed_public, ed_secret, &pair);
	cry_ed_box_secret(secret, ed_secret);
	e = cry_ed_box_public(public_key, ed_public);
	secret_wipe(&pair, sizeof(pair));
	secret_wipe(ed_secret, sizeof(ed_secret));
	return e;
}

static void
refuse(struct ipc_peer *p, uint64_t id, enum err e)
{
	const char *text = "these boxes do not open here";

	if (e == ERR_AUTH)
		text = "this session has ended";
	else if (e == ERR_STATE)
		text = "the mail is closed until the next login";
	else if (e == ERR_BUSY)
		text = "too many messages at once; try again";
	key_gate_refuse(p, id, e, text);
}

/* A key of no order is refused with all that came with it. */
static enum err
open_all(const struct ipc_cmtp_box_open *m, const unsigned char secret[CRY_KEY_BYTES],
    unsigned char *shared)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < m->ephemeral.n && e == ERR_OK; i += CRY_KEY_BYTES)
		e = cry_box_shared(shared + i, (const unsigned char *)m->ephemeral.p + i, secret);
	return e;
}

void
key_box_on_open(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_box_open *m = msg;
	unsigned char shared[KEY_BOXES_MAX * CRY_KEY_BYTES], secret[CRY_KEY_BYTES];
	unsigned char public_key[CRY_KEY_BYTES];
	struct ipc_cmtp_boxes reply = { .public_key = slice_of(public_key, sizeof(public_key)),
		.shared = slice_of(shared, m->ephemeral.n), .generation = m->generation };
	struct key_session *session;
	struct key_account *a;
	enum err e;

	if (m->ephemeral.n == 0 || m->ephemeral.n % CRY_KEY_BYTES != 0 ||
	    m->ephemeral.n > sizeof(shared)) {
		ipc_peer_violation(p, "malformed boxes");
		return;
	}
	e = key_token_check(k, m->token, TOKEN_MAIL, ipc_peer_role(p), ipc_peer_instance(p),
	    &session, &a);
	if (e == ERR_OK && !key_session_allows(session, &key_options(k)->user_open_rate,
	    m->ephemeral.n / CRY_KEY_BYTES, loop_now(k->loop)))
		e = ERR_BUSY;
	if (e == ERR_OK && m->generation == 0)
		reply.generation = a->generation;
	if (e == ERR_OK)
		e = pair_open(k, a, reply.generation, public_key, secret);
	if (e == ERR_OK)
		e = open_all(m, secret, shared);
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp_boxes, &reply);
	else
		refuse(p, in->id, e);
	secret_wipe(secret, sizeof(secret));
	secret_wipe(shared, sizeof(shared));
}
