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

static bool
is_wanted(const struct key_account *a, struct slice wanted)
{
	return a != NULL && (wanted.n == 0 || slice_eq(a->address, wanted));
}

/* Whom an authority's certificate names, and the client wants to be; NULL. */
static struct key_account *
find_by_name(const struct keyd *k, struct slice names, struct slice wanted)
{
	struct slice name;

	while (names.n > 0 && key_tls_proves_clients(k)) {
		struct key_account *a;

		names = slice_cut(names, '\0', &name);
		a = account_of(k, name);
		if (is_wanted(a, wanted))
			return a;
	}
	return NULL;
}

/* Whose the certificate or its public key is; NULL. */
static struct key_account *
find_by_print(const struct keyd *k, struct slice prints, struct slice wanted)
{
	for (; prints.n >= KEY_PRINT_BYTES; prints = slice_from(prints, KEY_PRINT_BYTES)) {
		const struct key_print *p = key_prints_find(key_ring_prints(k->ring),
		    (const unsigned char *)prints.p);
		struct key_account *a = p != NULL ? key_ring_find(k->ring, p->account) : NULL;

		if (is_wanted(a, wanted))
			return a;
	}
	return NULL;
}

static struct key_account *
find(const struct keyd *k, const struct ipc_login_external *m)
{
	char mem[KEY_ADDRESS_MAX + 1];
	struct slice wanted = SLICE_NONE;
	struct key_account *a;

	if (m->user.n > 0 && key_login_address(k, m->user, mem, &wanted) != ERR_OK)
		return NULL;
	a = find_by_name(k, m->names, wanted);
	return a != NULL ? a : find_by_print(k, m->prints, wanted);
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

	if (!m->tls || (!key_tls_proves_clients(k) && m->prints.n == 0)) {
		key_gate_refuse(p, in->id, ERR_DENIED, "nobody logs in by certificate");
		return;
	}
	proof.account = find(k, m);
	if (proof.account != NULL)
		proof.error = ERR_OK;
	key_login_answer(k, p, in->id, &grant, &proof);
}
