/* SPDX-License-Identifier: ISC */
#include "lib/crypto/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

enum { TOKEN_VERSION = 1, TOKEN_BODY_BYTES = 40, TOKEN_MAC_BYTES = 24 };

struct token_revoked {
	struct map_node	 node;
	uint64_t	 account;
	uint64_t	 before_s;
};

static void
token_mac(unsigned char mac[TOKEN_MAC_BYTES], const unsigned char *body,
    const unsigned char key[32])
{
	cry_mac(mac, TOKEN_MAC_BYTES, key, slice_of(body, TOKEN_BODY_BYTES));
}

void
token_make(unsigned char out[TOKEN_BYTES], const struct token *t,
    const unsigned char key[32])
{
	memset(out, 0, TOKEN_BYTES);
	out[0] = TOKEN_VERSION;
	out[1] = (unsigned char)t->scope;
	enc_le32(out + 4, t->instance);
	enc_le64(out + 8, t->account);
	enc_le64(out + 16, t->issued_s);
	enc_le64(out + 24, t->expires_s);
	enc_le64(out + 32, t->random);
	token_mac(out + TOKEN_BODY_BYTES, out, key);
}

enum err
token_verify(struct token *t, struct slice bytes, const unsigned char key[32],
    uint32_t instance, unsigned scopes, uint64_t now_s)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	unsigned char mac[TOKEN_MAC_BYTES];

	if (bytes.n != TOKEN_BYTES)
		return ERR_AUTH;
	token_mac(mac, p, key);
	if (!secret_eq(mac, p + TOKEN_BODY_BYTES, sizeof(mac)))
		return ERR_AUTH;
	if (p[0] != TOKEN_VERSION || (p[1] & scopes) == 0)
		return ERR_AUTH;
	switch (p[1]) {
	case TOKEN_SUBMIT:
		t->scope = TOKEN_SUBMIT;
		break;
	case TOKEN_MAIL:
		t->scope = TOKEN_MAIL;
		break;
	case TOKEN_INDEX:
		t->scope = TOKEN_INDEX;
		break;
	default:
		return ERR_AUTH;
	}
	t->instance = dec_le32(p + 4);
	t->account = dec_le64(p + 8);
	t->issued_s = dec_le64(p + 16);
	t->expires_s = dec_le64(p + 24);
	t->random = dec_le64(p + 32);
	if (t->instance != instance || t->expires_s <= now_s)
		return ERR_AUTH;
	return ERR_OK;
}

void
token_gate_init(struct token_gate *g)
{
	memset(g, 0, sizeof(*g));
	map_init(&g->revoked);
}

static struct token_revoked *
revoked_find(const struct token_gate *g, uint64_t account)
{
	struct map_node *n;

	for (n = map_first(&g->revoked, hash_u64(account)); n != NULL; n = map_next(n)) {
		struct token_revoked *r = obj_of(n, struct token_revoked, node);

		if (r->account == account)
			return r;
	}
	return NULL;
}

static void
revoked_clear(struct token_gate *g)
{
	size_t slot = 0;
	struct map_node *n = map_walk(&g->revoked, &slot, NULL);

	while (n != NULL) {
		struct token_revoked *r = obj_of(n, struct token_revoked, node);

		n = map_walk(&g->revoked, &slot, n);
		free(r);
	}
	map_fini(&g->revoked);
}

void
token_gate_fini(struct token_gate *g)
{
	revoked_clear(g);
	secret_wipe(g, sizeof(*g));
}

enum err
token_gate_key(struct token_gate *g, struct slice key)
{
	if (key.n != sizeof(g->key))
		return ERR_VIOLATION;
	if (g->has_key && secret_eq(g->key, key.p, key.n))
		return ERR_OK;
	memcpy(g->key, key.p, key.n);
	g->has_key = true;
	revoked_clear(g);
	map_init(&g->revoked);
	return ERR_OK;
}

void
token_gate_revoke(struct token_gate *g, uint64_t account, uint64_t before_s)
{
	struct token_revoked *r = revoked_find(g, account);

	if (r == NULL) {
		r = must_alloc(1, sizeof(*r));
		r->account = account;
		map_insert(&g->revoked, &r->node, hash_u64(account));
	}
	if (r->before_s < before_s)
		r->before_s = before_s;
}

void
token_gate_forget(struct token_gate *g, uint64_t account)
{
	struct token_revoked *r = revoked_find(g, account);

	if (r == NULL)
		return;
	map_remove(&g->revoked, &r->node);
	free(r);
}

uint64_t
token_gate_since(const struct token_gate *g, uint64_t account)
{
	const struct token_revoked *r = revoked_find(g, account);

	return r != NULL ? r->before_s : 0;
}

enum err
token_gate_check(const struct token_gate *g, struct token *t,
    struct slice bytes, uint32_t instance, unsigned scopes, uint64_t now_s)
{
	enum err e;

	if (!g->has_key)
		return ERR_AGAIN;
	e = token_verify(t, bytes, g->key, instance, scopes, now_s);
	if (e != ERR_OK)
		return e;
	return t->issued_s < token_gate_since(g, t->account) ? ERR_AUTH : ERR_OK;
}
