/* SPDX-License-Identifier: ISC */
#include "imapd/imap_place.h"

#include <string.h>

#include "imapd/imap_guest.h"
#include "imapd/imap_mailbox.h"

enum err
imap_place_of(struct imap_session *s, struct slice name, struct imap_place *place)
{
	struct slice address, rest;

	if (!imap_mailbox_owner(name, &address, &rest)) {
		*place = (struct imap_place){ NULL, s->handle, name };
		return ERR_OK;
	}
	*place = (struct imap_place){ .guest = imap_guest_find(s, address), .name = rest };
	if (place->guest == NULL || rest.n == 0)
		return ERR_NOTFOUND;
	place->handle = place->guest->handle;
	return ERR_OK;
}

struct sealer_owner
imap_place_owner(const struct imap_session *s, const struct imap_place *place)
{
	const struct imap_guest *g = place->guest;
	struct sealer_owner o = {
		.account = g != NULL ? g->account : s->account,
		.generation = g != NULL ? g->key_generation : s->key_generation,
	};

	memcpy(o.public_key, g != NULL ? g->public_key : s->public_key, sizeof(o.public_key));
	return o;
}

enum err
imap_place_join(struct arena *a, struct slice address, struct slice name, struct slice *out)
{
	size_t prefix = strlen(IMAP_OTHERS_PREFIX), n = prefix + address.n;
	char *p = arena_alloc(a, 1, n + 1 + name.n);

	*out = SLICE_NONE;
	if (p == NULL)
		return ERR_LIMIT;
	memcpy(p, IMAP_OTHERS_PREFIX, prefix);
	if (address.n > 0)
		memcpy(p + prefix, address.p, address.n);
	p[n] = '/';
	if (name.n > 0)
		memcpy(p + n + 1, name.p, name.n);
	*out = slice_of(p, name.n > 0 ? n + 1 + name.n : n);
	return ERR_OK;
}
