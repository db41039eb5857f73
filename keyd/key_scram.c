/* SPDX-License-Identifier: ISC */
#include "keyd/key_scram.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "keyd/key_more.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/cry_sha2.h"

enum { CLIENT_MAX = 64, NONCE_BYTES = 18, AUTH_MAX = 6000 };

/* Between challenge and proof. */
struct exchange {
	struct list		 link;		/* oldest first */
	uint64_t		 number;
	enum ipc_role		 role;
	uint32_t		 instance;
	struct key_grant	 grant;
	uint64_t		 until_ms;
	uint64_t		 account;	/* 0: there is none that can */
	uint32_t		 serial;
	struct key_scram	 keys;
	char			 client[CLIENT_MAX + 1];
	struct buf		 auth;		/* AuthMessage up to the client's last */
};

struct key_scrams {
	struct list	 all;
	size_t		 count;
	uint64_t	 last;
	unsigned char	 salt_key[32];	/* for users that cannot */
};

struct key_scrams *
key_scrams_new(void)
{
	struct key_scrams *s = must_alloc(1, sizeof(*s));

	list_init(&s->all);
	s->last = cry_random_u64() >> 1;
	cry_random(s->salt_key, sizeof(s->salt_key));
	return s;
}

static void
drop(struct key_scrams *s, struct exchange *x)
{
	list_remove(&x->link);
	s->count--;
	buf_wipe(&x->auth);
	buf_fini(&x->auth);
	secret_wipe(x, sizeof(*x));
	free(x);
}

void
key_scrams_free(struct key_scrams **sp)
{
	struct key_scrams *s = *sp;
	struct list *l;

	if (s == NULL)
		return;
	while ((l = list_first(&s->all)) != NULL)
		drop(s, obj_of(l, struct exchange, link));
	secret_wipe(s, sizeof(*s));
	free(s);
	*sp = NULL;
}

/* ---- keys */

static struct slice
key_slice(const unsigned char key[32])
{
	return slice_of(key, 32);
}

/* RFC 5802 s3 */
void
key_scram_make(struct key_scram *k, unsigned char client_key[32], struct slice password)
{
	unsigned char salted[CRY_SHA2_BYTES];

	cry_sha2_pbkdf2(salted, password, slice_of(k->salt, sizeof(k->salt)), k->rounds);
	cry_sha2_hmac(client_key, key_slice(salted), SLICE_LIT("Client Key"));
	cry_sha2_256(k->stored_key, key_slice(client_key));
	cry_sha2_hmac(k->server_key, key_slice(salted), SLICE_LIT("Server Key"));
	secret_wipe(salted, sizeof(salted));
}

bool
key_scram_is_on(const struct keyd *k)
{
	const struct godwit_options *g = daemon_options(k->app, "godwit", NULL);

	return g->auth_scram;
}

void
key_scram_prepare(const struct keyd *k, struct key_scram *s)
{
	memset(s, 0, sizeof(*s));
	if (!key_scram_is_on(k))
		return;
	s->rounds = (uint32_t)key_options(k)->scram_iterations;
	cry_random(s->salt, sizeof(s->salt));
}

/* ---- challenge */

static void
drop_late(struct key_scrams *s, uint64_t now)
{
	struct list *l;

	while ((l = list_first(&s->all)) != NULL &&
	    obj_of(l, struct exchange, link)->until_ms <= now)
		drop(s, obj_of(l, struct exchange, link));
}

static bool
has_room(struct key_scrams *s, struct slice client)
{
	struct list *l;
	size_t n = 0;

	if (s->count >= KEY_SCRAMS_MAX)
		return false;
	for (l = list_first(&s->all); l != NULL; l = list_next(&s->all, l))
		n += slice_eq_str(client, obj_of(l, struct exchange, link)->client);
	return n < KEY_SCRAM_CLIENT_MAX;
}

static void
set_keys(struct keyd *k, struct exchange *x, const struct key_account *a, struct slice name)
{
	if (a != NULL && a->password.scram.rounds > 0) {
		x->account = a->id;
		x->serial = a->serial;
		x->keys = a->password.scram;
		return;
	}
	x->keys.rounds = (uint32_t)key_options(k)->scram_iterations;
	cry_mac(x->keys.salt, sizeof(x->keys.salt), k->scrams->salt_key, name);
	cry_random(x->keys.stored_key, sizeof(x->keys.stored_key));
}

/* server-first-message (RFC 5802 s5.1): "r=" nonce ",s=" salt ",i=" rounds */
static void
put_first(struct buf *b, const struct ipc_scram_start *m, const struct key_scram *keys)
{
	unsigned char nonce[NONCE_BYTES];

	cry_random(nonce, sizeof(nonce));
	buf_put_str(b, "r=");
	buf_put_slice(b, m->nonce);
	enc_put_base64(b, slice_of(nonce, sizeof(nonce)));
	buf_put_str(b, ",s=");
	enc_put_base64(b, slice_of(keys->salt, sizeof(keys->salt)));
	buf_printf(b, ",i=%u", (unsigned)keys->rounds);
}

static struct exchange *
exchange_new(struct keyd *k, struct ipc_peer *p, const struct ipc_scram_start *m,
    const struct key_account *a, struct slice name)
{
	struct key_scrams *s = k->scrams;
	struct exchange *x = must_alloc(1, sizeof(*x));

	x->number = ++s->last;
	x->role = ipc_peer_role(p);
	x->instance = ipc_peer_instance(p);
	x->grant.scope = m->scope == TOKEN_MAIL ? TOKEN_MAIL : TOKEN_SUBMIT;
	x->grant.session_max = m->session_max;
	x->until_ms = loop_now(k->loop) + KEY_SCRAM_MS;
	if (!slice_to_cstr(m->client, x->client, sizeof(x->client)))
		x->client[0] = '\0';
	buf_init(&x->auth, AUTH_MAX);
	set_keys(k, x, a, name);
	list_push(&s->all, &x->link);
	s->count++;
	return x;
}

static void
challenge(struct keyd *k, struct ipc_peer *p, const struct ipc_scram_start *m, uint64_t id,
    const struct key_account *a, struct slice name)
{
	struct exchange *x = exchange_new(k, p, m, a, name);
	struct ipc_scram_challenge reply = { .exchange = x->number };
	struct buf first;

	buf_init(&first, 512);
	put_first(&first, m, &x->keys);
	buf_put_slice(&x->auth, m->bare);
	buf_put_char(&x->auth, ',');
	buf_put_slice(&x->auth, buf_slice(&first));
	buf_put_char(&x->auth, ',');
	reply.server_first = buf_slice(&first);
	ipc_reply(p, id, IPC_MSG_scram_challenge, &reply);
	buf_fini(&first);
}

void
key_scram_on_start(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_scram_start *m = msg;
	char address[KEY_ADDRESS_MAX + 1];
	struct slice name = m->user;
	const struct key_account *a = NULL;

	if (!key_login_scope_fits(ipc_peer_role(p), m->scope)) {
		ipc_peer_violation(p, "login for a scope of others");
		return;
	}
	if ((!m->tls && !key_login_takes_cleartext(k)) || !key_scram_is_on(k)) {
		key_gate_refuse(p, in->id, ERR_DENIED, key_scram_is_on(k) ? "login needs TLS" :
		    "SCRAM is switched off");
		return;
	}
	drop_late(k->scrams, loop_now(k->loop));
	if (!has_room(k->scrams, m->client)) {
		key_gate_refuse(p, in->id, ERR_BUSY, "too many logins at once; try again");
		return;
	}
	if (key_login_address(k, m->user, address, &name) == ERR_OK)
		a = key_ring_find_address(k->ring, name);
	challenge(k, p, m, in->id, a, name);
}

/* ---- proof */

static struct exchange *
find(const struct key_scrams *s, const struct ipc_peer *p, uint64_t number)
{
	struct list *l;

	for (l = list_first(&s->all); l != NULL; l = list_next(&s->all, l)) {
		struct exchange *x = obj_of(l, struct exchange, link);

		if (x->number == number && x->role == ipc_peer_role(p) &&
		    x->instance == ipc_peer_instance(p))
			return x;
	}
	return NULL;
}

/* RFC 5802 s3: ClientKey is the proof without its signature; its hash is known. */
static bool
proves(const struct exchange *x, struct slice auth, struct slice proof,
    unsigned char client_key[32], unsigned char signature[32])
{
	unsigned char stored[32];
	bool is_right = false;

	cry_sha2_hmac(client_key, key_slice(x->keys.stored_key), auth);
	if (proof.n == 32) {
		for (size_t i = 0; i < 32; i++)
			client_key[i] ^= (unsigned char)proof.p[i];
		cry_sha2_256(stored, key_slice(client_key));
		is_right = secret_eq(stored, x->keys.stored_key, sizeof(stored));
	}
	cry_sha2_hmac(signature, key_slice(x->keys.server_key), auth);
	return is_right && x->account != 0;
}

static void
unlock(struct keyd *k, const struct key_account *a, const unsigned char client_key[32],
    struct key_unlocked *u)
{
	unsigned char under[32];
	struct key_more more;

	if (a->more.n == 0 || key_more_get(&more, a->more) != ERR_OK)
		return;
	cry_subkey(under, client_key, "godwit scram wrap");
	key_login_unlock(k, a, &more.by_scram, under, u);
	secret_wipe(under, sizeof(under));
}

static void
judge(struct keyd *k, struct exchange *x, const struct ipc_scram_finish *m,
    struct key_proof *proof, unsigned char signature[32])
{
	struct key_account *a = key_ring_find(k->ring, x->account);
	unsigned char client_key[32];

	buf_put_slice(&x->auth, m->without_proof);
	if (buf_err(&x->auth) != ERR_OK) {
		proof->error = ERR_AUTH;
		return;
	}
	proof->error = proves(x, buf_slice(&x->auth), m->proof, client_key, signature) ?
	    ERR_OK : ERR_AUTH;
	/* The password was changed meanwhile. */
	if (proof->error == ERR_OK && (a == NULL || a->serial != x->serial))
		proof->error = ERR_BUSY;
	if (proof->error == ERR_OK) {
		proof->account = a;
		proof->signature = key_slice(signature);
		unlock(k, a, client_key, &proof->unlocked);
	}
	secret_wipe(client_key, sizeof(client_key));
}

void
key_scram_on_finish(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_scram_finish *m = msg;
	struct key_proof proof = { .error = ERR_BUSY };
	unsigned char signature[32];
	struct key_grant grant = { 0 };
	struct exchange *x;

	drop_late(k->scrams, loop_now(k->loop));
	x = find(k->scrams, p, m->exchange);
	if (x != NULL) {
		grant = x->grant;
		judge(k, x, m, &proof, signature);
		drop(k->scrams, x);
	}
	key_login_answer(k, p, in->id, &grant, &proof);
	secret_wipe(&proof, sizeof(proof));
	secret_wipe(signature, sizeof(signature));
}

void
key_scram_left(struct keyd *k, uint32_t instance)
{
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &k->scrams->all) {
		struct exchange *x = obj_of(l, struct exchange, link);

		if (x->instance == instance)
			drop(k->scrams, x);
	}
}
