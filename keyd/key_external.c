/* SPDX-License-Identifier: ISC */
#include "keyd/key_external.h"

#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "keyd/key_tls.h"
#include "keyd/key_token.h"

/* The account of one name, which must be an address. */
static struct key_account *
account_of(const struct keyd *k, struct slice name)
{
	char mem[KEY_ADDRESS_MAX + 1];
	struct slice address;

	if (slice_find(name, '@') == name.n ||
	    key_login_address(k, name, mem, &address) != ERR_OK)
		return NULL;
	return key_ring_find_address(k->ring, address);
}

/* Whom the certificate names and the client wants to be; NULL. */
static struct key_account *
find(const struct keyd *k, struct slice names, struct slice user)
{
	char mem[KEY_ADDRESS_MAX + 1];
	struct slice wanted = SLICE_NONE, name;

	if (user.n > 0 && key_login_address(k, user, mem, &wanted) != ERR_OK)
		return NULL;
	while (names.n > 0) {
		struct key_account *a;

		names = slice_cut(names, '\0', &name);
		a = account_of(k, name);
		if (a != NULL && (wanted.n == 0 || slice_eq(a->address, wanted)))
			return a;
	}
	return NULL;
}

void
key_external_on_login(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_login_external *m = msg;
	const struct key_grant grant = {
		.scope = ipc_peer_role(p) == IPC_IMAPD ? TOKEN_INDEX : TOKEN_SUBMIT,
		.session_max = m->session_max,
	};
	struct key_proof proof = { .error = ERR_AUTH };

	if (!m->tls || !key_tls_proves_clients(k)) {
		key_gate_refuse(p, in->id, ERR_DENIED, "nobody logs in by certificate");
		return;
	}
	proof.account = find(k, m->names, m->user);
	if (proof.account != NULL)
		proof.error = ERR_OK;
	key_login_answer(k, p, in->id, &grant, &proof);
}
