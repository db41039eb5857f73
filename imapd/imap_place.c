/* SPDX-License-Identifier: ISC */
#include "imapd/imap_place.h"

#include <string.h>

#include "imapd/imap_guest.h"
#include "imapd/imap_mailbox.h"
#include "lib/ipc/store_proto.h"

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

bool
imap_place_check(struct imap_cmd *c, const struct imap_place *place, imap_reply_fn *fn,
    void *arg)
{
	struct ipc_store_status st = { .handle = place->handle, .name = place->name };
	struct ipc_store_acl acl = { .handle = place->handle, .mailbox = place->name };

	if (place->guest == NULL)
		return imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &st, fn, arg);
	return imap_cmd_call(c, IPC_STORE, IPC_MSG_store_acl, &acl, fn, arg);
}

void
imap_place_checked(struct imap_cmd *c, const struct imap_place *place,
    const struct imap_reply *r)
{
	const struct ipc_store_acl_reply *m;

	/* RFC 3501 s6.3.11, s6.4.7: the client may create the mailbox and try again. */
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_NOTFOUND) {
		imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	m = imap_cmd_expect(c, r, place->guest == NULL ? IPC_MSG_store_status_reply :
	    IPC_MSG_store_acl_reply);
	/* RFC 4314 s4: to insert is enough, who cannot read it may do so. */
	if (place->guest != NULL && m != NULL && !(m->rights & STORE_RIGHT_I))
		imap_cmd_error(c, ERR_DENIED);
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
