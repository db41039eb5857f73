/* SPDX-License-Identifier: ISC */
#include "keyd/key_cmtp.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/rate.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_ed.h"

struct key_cmtp {
	struct rate_table	 clients;
	struct rate_table	 names;		/* that one client asked for */
	unsigned char		 hash_key[CRY_KEY_BYTES];	/* of client addresses, and names */
	unsigned char		 server_public[CRY_KEY_BYTES];
	unsigned char		*server_secret;			/* in the arena */
	struct secret_arena	*arena;
};

struct key_cmtp *
key_cmtp_new(struct keyd *k)
{
	struct key_cmtp *c = must_alloc(1, sizeof(*c));

	c->arena = k->arena;
	c->server_secret = secret_arena_alloc(k->arena, CRY_ED_SECRET_BYTES);
	must(c->server_secret != NULL);
	cry_ed_pair(c->server_public, c->server_secret, k->roots.cmtp);
	cry_random(c->hash_key, sizeof(c->hash_key));
	rate_init(&c->clients, KEY_CMTP_CLIENTS_MAX);
	rate_init(&c->names, KEY_CMTP_NAMES_MAX);
	return c;
}

void
key_cmtp_free(struct key_cmtp **cp)
{
	struct key_cmtp *c = *cp;

	if (c == NULL)
		return;
	secret_arena_release(c->arena, c->server_secret, CRY_ED_SECRET_BYTES);
	rate_fini(&c->clients);
	rate_fini(&c->names);
	free(c);
	*cp = NULL;
}

/* ---- the server's own */

void
key_cmtp_on_self(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct key_cmtp *c = k->cmtp;
	const struct slice key = slice_of(c->server_public, CRY_KEY_BYTES);
	unsigned char key_sig[CRY_ED_SIG_BYTES], success[CRY_ED_SIG_BYTES];
	unsigned char failure[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp_self_reply reply = { .key = key,
	    .key_sig = slice_of(key_sig, sizeof(key_sig)),
	    .success = slice_of(success, sizeof(success)),
	    .failure = slice_of(failure, sizeof(failure)) };

	(void)msg;
	cry_ed_sign(key_sig, key, c->server_secret);
	cry_ed_sign(success, SLICE_LIT("SUCCESS"), c->server_secret);
	cry_ed_sign(failure, SLICE_LIT("FAILURE"), c->server_secret);
	ipc_reply(p, in->id, IPC_MSG_cmtp_self_reply, &reply);
}

void
key_cmtp_sign_xzibit(struct keyd *k, unsigned char sig[CRY_ED_SIG_BYTES],
    const unsigned char xzibit[XZIBIT_BYTES])
{
	cry_ed_sign(sig, slice_of(xzibit, XZIBIT_BYTES), k->cmtp->server_secret);
}

/* ---- users */

static void
pair_of_secret(unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_ED_SECRET_BYTES], const unsigned char secret[32])
{
	unsigned char seed[CRY_ED_SEED_BYTES];

	cry_subkey(seed, secret, "godwit cmtp 1 user");
	cry_ed_pair(public_key, secret_key, seed);
	secret_wipe(seed, sizeof(seed));
}

static void
public_of_secret(unsigned char public_key[CRY_KEY_BYTES], const unsigned char secret[32])
{
	unsigned char pair[CRY_ED_SECRET_BYTES];

	pair_of_secret(public_key, pair, secret);
	secret_wipe(pair, sizeof(pair));
}

void
key_cmtp_pair(unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_ED_SECRET_BYTES], const struct key_pair *pair)
{
	pair_of_secret(public_key, secret_key, pair->secret);
}

void
key_cmtp_public(unsigned char public_key[CRY_KEY_BYTES], const struct key_pair *pair)
{
	public_of_secret(public_key, pair->secret);
}

void
key_cmtp_note(struct key_more *more, const struct key_account *a, struct cry_aead *aead,
    const struct key_opener *by)
{
	struct key_pair pair;

	if (a->form != KEY_FORM_VAULT) {
		more->cmtp_generation = 0;
		return;
	}
	if (more->cmtp_generation == a->generation ||
	    key_pair_open(&pair, a, a->generation, aead, by) != ERR_OK)
		return;
	key_cmtp_public(more->cmtp_public, &pair);
	more->cmtp_generation = a->generation;
	secret_wipe(&pair, sizeof(pair));
}

/* The key that the account's owner noted in the record. */
static enum err
noted(unsigned char public_key[CRY_KEY_BYTES], const struct key_account *a)
{
	struct key_more *more = must_alloc(1, sizeof(*more));
	enum err e = key_more_get(more, a->more);

	if (e == ERR_OK && more->cmtp_generation != a->generation)
		e = ERR_NOTFOUND;
	if (e == ERR_OK)
		memcpy(public_key, more->cmtp_public, CRY_KEY_BYTES);
	free(more);
	return e;
}

/* Nobody's: for the time that it takes. */
static enum err
decoy(struct keyd *k, unsigned char public_key[CRY_KEY_BYTES], struct slice user)
{
	unsigned char secret[32];

	cry_mac(secret, sizeof(secret), k->cmtp->hash_key, user);
	public_of_secret(public_key, secret);
	return ERR_NOTFOUND;
}

static enum err
user_key(struct keyd *k, unsigned char public_key[CRY_KEY_BYTES], struct slice user)
{
	const struct key_opener by = { .root = k->roots.account };
	char address[KEY_ADDRESS_MAX + 1];
	const struct key_account *a = NULL;
	struct key_pair pair;
	struct slice name;
	enum err e;

	if (key_login_address(k, user, address, &name) == ERR_OK)
		a = key_ring_find_address(k->ring, name);
	if (a == NULL || !a->enabled)
		return decoy(k, public_key, user);
	if ((e = key_pair_open(&pair, a, a->generation, k->aead, &by)) == ERR_OK) {
		key_cmtp_public(public_key, &pair);
		secret_wipe(&pair, sizeof(pair));
		return ERR_OK;
	}
	(void)decoy(k, public_key, user);
	return e == ERR_STATE ? noted(public_key, a) : e;
}

static uint64_t
hash(const struct key_cmtp *c, struct slice text)
{
	unsigned char h[16];

	cry_mac(h, sizeof(h), c->hash_key, text);
	return dec_le64(h);
}

/* A server that sends mail asks for the same users again and again, one that
 * gathers addresses never does. */
enum err
key_cmtp_take_turn(struct keyd *k, struct slice client, struct slice user)
{
	const struct opt_rate *limit = &key_options(k)->cmtp_key_rate;
	const struct rate all = { limit->count, limit->per_ms }, one = { 1, limit->per_ms };
	uint64_t by = hash(k->cmtp, client), name = by ^ hash(k->cmtp, user);
	uint64_t now = loop_now(k->loop);
	enum err e;

	if (rate_is_spent(&k->cmtp->names, name, &one, now))
		return ERR_OK;
	if ((e = rate_take(&k->cmtp->clients, by, &all, now)) == ERR_OK &&
	    rate_take(&k->cmtp->names, name, &one, now) != ERR_OK)
		return ERR_OK;		/* no room: it counts the next time, too */
	return e;
}

void
key_cmtp_on_user(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_user *m = msg;
	unsigned char key[CRY_KEY_BYTES], sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp_user_reply reply = { .key = slice_of(key, sizeof(key)),
	    .sig = slice_of(sig, sizeof(sig)) };
	enum err e;

	if (key_cmtp_take_turn(k, m->client, m->user) != ERR_OK) {
		key_gate_refuse(p, in->id, ERR_LIMIT, "too many key requests");
		return;
	}
	e = user_key(k, key, m->user);
	cry_ed_sign(sig, reply.key, k->cmtp->server_secret);
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp_user_reply, &reply);
	else
		key_gate_refuse(p, in->id, e, "no such user");
}

void
key_cmtp_on_far_sign(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_far_sign *m = msg;
	unsigned char sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp_far_signed reply = { .sig = slice_of(sig, sizeof(sig)) };
	bool is_key = m->key.n == CRY_KEY_BYTES;

	cry_ed_sign(sig, is_key ? m->key : slice_of(k->cmtp->server_public, CRY_KEY_BYTES),
	    k->cmtp->server_secret);
	if (is_key)
		ipc_reply(p, in->id, IPC_MSG_cmtp_far_signed, &reply);
	else
		key_gate_refuse(p, in->id, ERR_NOTFOUND, "no key");
}
