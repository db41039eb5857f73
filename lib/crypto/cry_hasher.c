/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_hasher.h"

#include <stdlib.h>

#include <sodium.h>

#include "lib/base/must.h"

struct cry_hasher {
	crypto_generichash_state	state;
};

static void
begin(struct cry_hasher *h)
{
	must(crypto_generichash_init(&h->state, NULL, 0, CRY_HASH_BYTES) == 0);
}

struct cry_hasher *
cry_hasher_new(void)
{
	/* The state wants an alignment that malloc need not give. */
	struct cry_hasher *h = aligned_alloc(_Alignof(struct cry_hasher), sizeof(*h));

	must(h != NULL);
	begin(h);
	return h;
}

void
cry_hasher_free(struct cry_hasher **hp)
{
	struct cry_hasher *h = *hp;

	if (h == NULL)
		return;
	free(h);
	*hp = NULL;
}

void
cry_hasher_put(struct cry_hasher *h, struct slice s)
{
	if (s.n > 0)
		must(crypto_generichash_update(&h->state, (const unsigned char *)s.p, s.n) == 0);
}

void
cry_hasher_end(struct cry_hasher *h, unsigned char out[CRY_HASH_BYTES])
{
	must(crypto_generichash_final(&h->state, out, CRY_HASH_BYTES) == 0);
	begin(h);
}
