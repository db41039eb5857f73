/* SPDX-License-Identifier: ISC */
#include "keyd/key_cache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

struct entry {
	struct map_node	 node;
	struct list	 link;		/* oldest use first */
	unsigned char	 mac[KEY_CACHE_MAC_BYTES];
	struct key_outcome outcome;
	uint64_t	 until_ms;
};

struct key_cache {
	unsigned char	 key[32];
	struct map	 entries;
	struct list	 kinds[2];	/* wrong, right */
	size_t		 counts[2];
};

struct key_cache *
key_cache_new(void)
{
	struct key_cache *c = must_alloc(1, sizeof(*c));

	cry_random(c->key, sizeof(c->key));
	map_init(&c->entries);
	list_init(&c->kinds[0]);
	list_init(&c->kinds[1]);
	return c;
}

static void
entry_drop(struct key_cache *c, struct entry *en)
{
	map_remove(&c->entries, &en->node);
	list_remove(&en->link);
	c->counts[en->outcome.is_right]--;
	secret_wipe(en, sizeof(*en));
	free(en);
}

void
key_cache_free(struct key_cache **cp)
{
	struct key_cache *c = *cp;
	struct list *l;
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < 2; i++)
		while ((l = list_first(&c->kinds[i])) != NULL)
			entry_drop(c, obj_of(l, struct entry, link));
	map_fini(&c->entries);
	secret_wipe(c, sizeof(*c));
	free(c);
	*cp = NULL;
}

void
key_cache_attempt(const struct key_cache *c, struct key_attempt *at, struct slice address,
    struct slice password)
{
	unsigned char sub[32], both[64];

	/* Two steps, so that no byte of the one can pass for one of the other. */
	cry_mac(sub, sizeof(sub), c->key, address);
	cry_mac(both, sizeof(both), sub, password);
	memcpy(at->mac, both, sizeof(at->mac));
	memcpy(at->under, both + 32, sizeof(at->under));
	secret_wipe(sub, sizeof(sub));
	secret_wipe(both, sizeof(both));
}

static struct entry *
entry_find(const struct key_cache *c, const unsigned char *mac)
{
	struct map_node *n;

	for (n = map_first(&c->entries, dec_le64(mac)); n != NULL; n = map_next(n)) {
		struct entry *en = obj_of(n, struct entry, node);

		if (secret_eq(en->mac, mac, KEY_CACHE_MAC_BYTES))
			return en;
	}
	return NULL;
}

void
key_cache_put(struct key_cache *c, const unsigned char *mac, const struct key_outcome *o,
    uint64_t until_ms)
{
	struct entry *en = entry_find(c, mac);
	bool is_right = o->is_right;

	if (en != NULL)
		entry_drop(c, en);
	if (c->counts[is_right] >= KEY_CACHE_MAX)
		entry_drop(c, obj_of(list_first(&c->kinds[is_right]), struct entry, link));
	en = must_alloc(1, sizeof(*en));
	memcpy(en->mac, mac, KEY_CACHE_MAC_BYTES);
	en->outcome = *o;
	en->until_ms = until_ms;
	map_insert(&c->entries, &en->node, dec_le64(mac));
	list_push(&c->kinds[is_right], &en->link);
	c->counts[is_right]++;
}

bool
key_cache_get(struct key_cache *c, const unsigned char *mac, uint64_t account,
    uint32_t serial, uint64_t now_ms, struct key_outcome *o)
{
	struct entry *en = entry_find(c, mac);

	if (en == NULL)
		return false;
	if (en->until_ms <= now_ms || en->outcome.account != account ||
	    en->outcome.serial != serial) {
		entry_drop(c, en);
		return false;
	}
	list_remove(&en->link);
	list_push(&c->kinds[en->outcome.is_right], &en->link);
	*o = en->outcome;
	return true;
}
