/* SPDX-License-Identifier: ISC */
#include "imapd/imap_others.h"

#include "imapd/imap_guest.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_place.h"

#define TOP	SLICE_LIT("user")	/* IMAP_OTHERS_PREFIX, as a level */

static bool
may_match(const struct imap_listing *l, struct slice prefix)
{
	for (size_t i = 0; i < l->pattern_count; i++)
		if (imap_mailbox_reaches(l->patterns[i], prefix))
			return true;
	return false;
}

void
imap_others_start(struct imap_others *o, struct imap_cmd *c, struct imap_listing *l)
{
	*o = (struct imap_others){ .c = c, .listing = l, .more = may_match(l, TOP) };
}

/* What a request came back with, when it is not what was asked for. */
static enum err
refusal(const struct imap_reply *r, enum ipc_type type)
{
	if (r->error != ERR_OK || r->type == type)
		return r->error;
	return r->type == IPC_MSG_store_fail ? ((const struct ipc_store_fail *)r->m)->error :
	    ERR_GONE;
}

/* ---- owners ---- */

static void
on_owners(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_owners_reply *m = r->m;
	struct imap_others *o = arg;

	o->waiting = false;
	o->error = refusal(r, IPC_MSG_store_owners_reply);
	if (o->error != ERR_OK)
		return;
	o->owners = arena_dup(&s->cmd->arena, m->addresses);
	o->more = m->more && m->addresses.n > 0;
	if (o->owners.n < m->addresses.n)
		o->error = ERR_LIMIT;
}

/* A level of names that is no mailbox. */
static enum err
add_level(struct imap_others *o, struct slice name)
{
	const struct ipc_mailbox m = { .name = name, .noselect = true, .children = true };

	return imap_listing_add(o->listing, &m);
}

static enum err
next_owner(struct imap_others *o)
{
	struct slice name;
	enum err e;

	o->owners = slice_cut(o->owners, '\0', &o->address);
	o->last = o->address;
	o->after = SLICE_NONE;
	e = o->any ? ERR_OK : add_level(o, TOP);
	o->any = true;
	if (e == ERR_OK)
		e = imap_place_join(&o->c->arena, o->address, SLICE_NONE, &name);
	if (e == ERR_OK)
		e = add_level(o, name);
	if (e == ERR_OK && !may_match(o->listing, name))
		o->address = SLICE_NONE;
	return e;
}

/* ---- their mailboxes ---- */

static void
on_opened(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_others *o = arg;
	struct imap_guest *g;
	enum err e = imap_guest_take(s, r, &g);

	o->waiting = false;
	if (e == ERR_NOTFOUND)		/* taken back meanwhile */
		o->address = SLICE_NONE;
	else
		o->error = e;
}

static enum err
add_mailbox(struct imap_others *o, struct ipc_mailbox m)
{
	enum err e = imap_place_join(&o->c->arena, o->address, m.name, &m.name);

	/* Subscriptions are everybody's own, and so is what a mailbox is for. */
	m.subscribed = false;
	m.special = 0;
	return e == ERR_OK ? imap_listing_add(o->listing, &m) : e;
}

static void
on_mailboxes(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_mailboxes *m = r->m;
	struct imap_others *o = arg;
	struct ipc_mailbox one = { 0 };
	struct ipc_reader rd;

	o->waiting = false;
	o->error = refusal(r, IPC_MSG_store_mailboxes);
	if (o->error != ERR_OK)
		return;
	rd = ipc_reader_of(m->mailboxes);
	while (o->error == ERR_OK && ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		o->error = add_mailbox(o, one);
	}
	o->after = arena_dup(&s->cmd->arena, one.name);
	if (!m->more || o->after.n == 0)
		o->address = SLICE_NONE;
}

/* ---- the machine ---- */

/* A request; false: it could not be made. */
static bool
ask(struct imap_others *o)
{
	struct imap_session *s = o->c->s;
	const struct imap_guest *g;
	struct ipc_store_owners owners = { .handle = s->handle, .after = o->last };
	struct ipc_store_list list = { .after = o->after };
	struct ipc_store_open open;

	if (o->address.n == 0) {
		o->waiting = imap_cmd_call(o->c, IPC_STORE, IPC_MSG_store_owners, &owners,
		    on_owners, o);
		return o->waiting;
	}
	g = imap_guest_find(s, o->address);
	if (g == NULL) {
		open = imap_guest_request(s, o->address);
		o->waiting = imap_cmd_call(o->c, IPC_STORE, IPC_MSG_store_open, &open,
		    on_opened, o);
		return o->waiting;
	}
	list.handle = g->handle;
	o->waiting = imap_cmd_call(o->c, IPC_STORE, IPC_MSG_store_list, &list,
	    on_mailboxes, o);
	return o->waiting;
}

enum err
imap_others_step(struct imap_others *o)
{
	while (!o->waiting && o->error == ERR_OK && o->address.n == 0 && o->owners.n > 0)
		o->error = next_owner(o);
	if (o->error != ERR_OK)
		return o->error;
	if (!o->waiting && o->address.n == 0 && !o->more)
		return ERR_END;
	if (!o->waiting && !ask(o))
		return ERR_GONE;
	return ERR_AGAIN;
}
