/* SPDX-License-Identifier: ISC */
#include "keyd/key_vault.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum { AD_MASTER = 3, AD_OPEN = 4, AD_BYTES = 13 };

struct open_vault {
	struct map_node	 node;
	uint64_t	 account;
	struct key_wrap	 wrap;		/* under key_vaults.key */
};

struct key_vaults {
	struct map	 open;
	unsigned char	*key;		/* in the arena */
};

struct key_vaults *
key_vaults_new(struct secret_arena *arena)
{
	struct key_vaults *v = must_alloc(1, sizeof(*v));

	map_init(&v->open);
	v->key = secret_arena_alloc(arena, 32);
	must(v->key != NULL);
	cry_random(v->key, 32);
	return v;
}

static struct slice
ad_make(unsigned char ad[AD_BYTES], unsigned char use, uint64_t account, uint32_t vault)
{
	ad[0] = use;
	enc_le64(ad + 1, account);
	enc_le32(ad + 9, vault);
	return slice_of(ad, AD_BYTES);
}

static void
wrap(struct key_wrap *w, struct cry_aead *a, const unsigned char *under, unsigned char use,
    uint64_t account, const unsigned char *master)
{
	unsigned char ad[AD_BYTES];

	cry_random(w->bytes, CRY_NONCE_BYTES);
	cry_aead_key(a, CRY_AES256_GCM, under);
	cry_aead_seal(a, w->bytes + CRY_NONCE_BYTES, slice_of(master, 32), w->bytes,
	    ad_make(ad, use, account, w->vault));
}

static enum err
unwrap(unsigned char *master, const struct key_wrap *w, struct cry_aead *a,
    const unsigned char *under, unsigned char use, uint64_t account)
{
	unsigned char ad[AD_BYTES];

	cry_aead_key(a, CRY_AES256_GCM, under);
	return cry_aead_open(a, master, slice_of(w->bytes + CRY_NONCE_BYTES,
	    KEY_WRAPPED_BYTES - CRY_NONCE_BYTES), w->bytes, ad_make(ad, use, account, w->vault));
}

void
key_vault_wrap(struct key_wrap *w, struct cry_aead *a, const unsigned char under[32],
    uint64_t account, uint32_t vault, const unsigned char master[32])
{
	must(vault != 0);
	w->vault = vault;
	wrap(w, a, under, AD_MASTER, account, master);
}

enum err
key_vault_unwrap(unsigned char master[32], const struct key_wrap *w, struct cry_aead *a,
    const unsigned char under[32], uint64_t account)
{
	return w->vault == 0 ? ERR_CORRUPT : unwrap(master, w, a, under, AD_MASTER, account);
}

static struct open_vault *
find(const struct keyd *k, uint64_t account)
{
	struct map_node *n;

	for (n = map_first(&k->vaults->open, hash_u64(account)); n != NULL; n = map_next(n))
		if (obj_of(n, struct open_vault, node)->account == account)
			return obj_of(n, struct open_vault, node);
	return NULL;
}

void
key_vault_open(struct keyd *k, uint64_t account, uint32_t vault,
    const unsigned char master[32])
{
	struct open_vault *o = find(k, account);

	if (o == NULL) {
		o = must_alloc(1, sizeof(*o));
		o->account = account;
		map_insert(&k->vaults->open, &o->node, hash_u64(account));
	}
	o->wrap.vault = vault;
	wrap(&o->wrap, k->aead, k->vaults->key, AD_OPEN, account, master);
}

enum err
key_vault_get(struct keyd *k, uint64_t account, uint32_t *vault, unsigned char master[32])
{
	const struct open_vault *o = find(k, account);

	if (o == NULL)
		return ERR_NOTFOUND;
	*vault = o->wrap.vault;
	return unwrap(master, &o->wrap, k->aead, k->vaults->key, AD_OPEN, account);
}

bool
key_vault_is_open(const struct keyd *k, uint64_t account)
{
	return find(k, account) != NULL;
}

void
key_vault_close(struct keyd *k, uint64_t account)
{
	struct open_vault *o = find(k, account);

	if (o == NULL)
		return;
	map_remove(&k->vaults->open, &o->node);
	secret_wipe(o, sizeof(*o));
	free(o);
}

void
key_vaults_free(struct key_vaults **vp, struct secret_arena *arena)
{
	struct key_vaults *v = *vp;
	struct map_node *n, *next;
	size_t slot = 0;

	if (v == NULL)
		return;
	for (n = map_walk(&v->open, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&v->open, &slot, n);
		free(obj_of(n, struct open_vault, node));
	}
	map_fini(&v->open);
	secret_arena_release(arena, v->key, 32);
	free(v);
	*vp = NULL;
}
