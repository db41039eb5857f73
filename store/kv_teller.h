/* SPDX-License-Identifier: ISC */
/*
 * Telling which accounts a batch is about to show (kv_on_change), for both
 * engines: kv_teller_begin, kv_teller_saw for each key, in any order.  What an
 * account wrote stands together, mostly, and is told once then.
 */
#ifndef KV_TELLER_H
#define KV_TELLER_H

#include "lib/base/enc.h"
#include "store/kv.h"

struct kv_teller {
	kv_change_fn	*fn;		/* NULL: nobody asked */
	void		*arg;
	uint64_t	 last;		/* account */
};

static inline void
kv_teller_begin(struct kv_teller *t)
{
	t->last = 0;
}

/* Account 0 is the shard itself. */
static inline void
kv_teller_saw(struct kv_teller *t, const struct kv_key *key)
{
	uint64_t account = dec_be64(key->b);

	if (t->fn != NULL && account != t->last && account != 0)
		t->fn(t->arg, account);
	t->last = account;
}

#endif
