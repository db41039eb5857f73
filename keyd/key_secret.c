/* SPDX-License-Identifier: ISC */
#include "keyd/key_secret.h"

#include <string.h>
#include <sysexits.h>

#include "keyd/key_gate.h"
#include "keyd/key_hash.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

enum { AD_MAX = 8 + KEY_SECRET_NAME_MAX };

/* No wrap of another kind has these bytes in front. */
static struct slice
ad_make(char ad[AD_MAX], struct slice name)
{
	must(name.n <= KEY_SECRET_NAME_MAX);
	memcpy(ad, "gwroute:", 8);
	memcpy(ad + 8, name.p, name.n);
	return slice_of(ad, 8 + name.n);
}

static struct slice
wrap(const struct keyd *k, unsigned char out[KEY_SECRET_WRAPPED_MAX], struct slice name,
    struct slice secret)
{
	char ad[AD_MAX];

	cry_random(out, CRY_NONCE_BYTES);
	cry_aead_key(k->aead, CRY_AES256_GCM, k->roots.value);
	cry_aead_seal(k->aead, out + CRY_NONCE_BYTES, secret, out, ad_make(ad, name));
	return slice_of(out, CRY_NONCE_BYTES + secret.n + CRY_TAG_BYTES);
}

static enum err
unwrap(const struct keyd *k, unsigned char out[KEY_SECRET_MAX], struct slice name,
    struct slice wrapped)
{
	char ad[AD_MAX];

	if (wrapped.n <= CRY_NONCE_BYTES + CRY_TAG_BYTES || wrapped.n > KEY_SECRET_WRAPPED_MAX)
		return ERR_CORRUPT;
	cry_aead_key(k->aead, CRY_AES256_GCM, k->roots.value);
	return cry_aead_open(k->aead, out, slice_from(wrapped, CRY_NONCE_BYTES),
	    (const unsigned char *)wrapped.p, ad_make(ad, name));
}

static void
audit(const char *action, struct slice name, const char *peer, enum err e)
{
	log_event(LOG_key, log_str("action", action), log_text("key", name),
	    log_str("peer", peer), log_str("result", err_text(e)));
}

void
key_secret_on_route(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_route_secret *m = msg;
	const struct key_secret *s = key_ring_find_secret(k->ring, m->route);
	unsigned char plain[KEY_SECRET_MAX];
	struct ipc_route_secret_reply reply;
	enum err e = s == NULL ? ERR_NOTFOUND : unwrap(k, plain, s->name, s->wrapped);

	audit("route-secret", m->route, ipc_role_name(ipc_peer_role(p)), e);
	if (e == ERR_OK) {
		reply.secret = slice_of(plain, s->wrapped.n - CRY_NONCE_BYTES - CRY_TAG_BYTES);
		ipc_reply(p, in->id, IPC_MSG_route_secret_reply, &reply);
	} else {
		key_gate_refuse(p, in->id, e, e == ERR_NOTFOUND ?
		    "no secret of that name: gwkey secret set" : "the secret does not open");
	}
	secret_wipe(plain, sizeof(plain));
}

/* What a section title can be (godwit.conf(5)), as far as it matters here. */
static bool
name_ok(const struct key_tool_request *q, struct slice name)
{
	size_t i;

	for (i = 0; i < name.n && ascii_is_print(name.p[i]); i++)
		;
	if (name.n > 0 && name.n <= KEY_SECRET_NAME_MAX && i == name.n)
		return true;
	key_tool_reply(q->k, q->id, EX_DATAERR, "not the title of a route", SLICE_NONE);
	return false;
}

static void
finish(const struct key_tool_request *q, const char *action, struct slice name, enum err e)
{
	audit(action, name, "tool", e);
	if (e == ERR_OK)
		key_tool_reply_done(q->k, q->id);
	else if (e == ERR_NOTFOUND)
		key_tool_reply(q->k, q->id, EX_NOUSER, "no such secret", name);
	else if (e == ERR_LIMIT)
		key_tool_reply(q->k, q->id, EX_DATAERR, "too many secrets", name);
	else
		key_tool_reply_err(q->k, q->id, e, name);
}

void
key_secret_set(const struct key_tool_request *q)
{
	unsigned char wrapped[KEY_SECRET_WRAPPED_MAX];
	char mem[KEY_PASSWORD_MAX + 1];
	struct slice name = q->argv[0];
	size_t n = 0;

	if (!name_ok(q, name) || !key_tool_password(q, mem, &n))
		return;
	finish(q, "secret-set", name, key_ring_put_secret(q->k->ring, name,
	    wrap(q->k, wrapped, name, slice_of(mem, n))));
	secret_wipe(mem, sizeof(mem));
}

void
key_secret_del(const struct key_tool_request *q)
{
	struct slice name = q->argv[0];

	if (name_ok(q, name))
		finish(q, "secret-del", name, key_ring_put_secret(q->k->ring, name, SLICE_NONE));
}

/* The cursor is the last name shown. */
void
key_secret_list(const struct key_tool_request *q)
{
	const struct key_secret *s = NULL;
	struct buf b;

	if (q->argc > 0 && (s = key_ring_find_secret(q->k->ring, q->argv[0])) == NULL) {
		key_tool_reply(q->k, q->id, EX_TEMPFAIL, "the secrets changed meanwhile; try again",
		    SLICE_NONE);
		return;
	}
	buf_init(&b, 2 * KEY_TOOL_LIST_BYTES);
	while ((s = key_ring_next_secret(q->k->ring, s)) != NULL) {
		buf_put_slice(&b, s->name);
		buf_put_char(&b, '\n');
		if (b.n > KEY_TOOL_LIST_BYTES && key_ring_next_secret(q->k->ring, s) != NULL) {
			buf_put_slice(&b, s->name);
			break;
		}
	}
	daemon_tool_reply(q->k->app, q->id, EX_OK, s != NULL, buf_slice(&b));
	buf_fini(&b);
}
