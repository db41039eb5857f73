/* SPDX-License-Identifier: ISC */
#include "imapd/imap_recent.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

void
imap_recent_fini(struct imap_recent *r)
{
	free(r->pairs);
	memset(r, 0, sizeof(*r));
}

void
imap_recent_add(struct imap_recent *r, uint32_t first, uint32_t last)
{
	uint32_t *newest;

	if (first > last)
		return;
	newest = r->pair_count > 0 ? r->pairs + 2 * (r->pair_count - 1) : NULL;
	if (newest != NULL && (first <= newest[1] + 1 || r->pair_count == IMAP_RECENT_MAX)) {
		if (last > newest[1])
			newest[1] = last;
		return;
	}
	r->pairs = must_realloc(r->pairs, r->pair_count + 1, 2 * sizeof(*r->pairs));
	r->pairs[2 * r->pair_count] = first;
	r->pairs[2 * r->pair_count + 1] = last;
	r->pair_count++;
}

bool
imap_recent_has(const struct imap_recent *r, uint32_t uid)
{
	for (uint32_t i = 0; i < r->pair_count; i++)
		if (uid >= r->pairs[2 * i] && uid <= r->pairs[2 * i + 1])
			return true;
	return false;
}
