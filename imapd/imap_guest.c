/* SPDX-License-Identifier: ISC */
#include "imapd/imap_guest.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_cmd.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/grant.h"

/* ---- the guests of a session ---- */

static struct imap_guest *
find(struct imap_session *s, struct slice address)
{
	struct list *n;

	for (n = list_first(&s->guests); n != NULL; n = list_next(&s->guests, n)) {
		struct imap_guest *g = obj_of(n, struct imap_guest, link);

		if (slice_eq(slice_of(g->address, g->address_n), address))
			return g;
	}
	return NULL;
}

static void
touch(struct imap_session *s, struct imap_guest *g)
{
	list_remove(&g->link);
	list_push(&s->guests, &g->link);
}

struct imap_guest *
imap_guest_find(struct imap_session *s, struct slice address)
{
	struct imap_guest *g = find(s, address);

	if (g == NULL || g->handle == 0)
		return NULL;
	touch(s, g);
	return g;
}

static void
guest_free(struct imap_session *s, struct imap_guest *g)
{
	list_remove(&g->link);
	s->guest_count--;
	secret_wipe(g->thread_salt, sizeof(g->thread_salt));
	free(g);
}

static void
make_room(struct imap_session *s)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->guests) {
		struct imap_guest *g = obj_of(n, struct imap_guest, link);
		struct ipc_store_logout m = { .handle = g->handle };

		if (s->guest_count < IMAP_GUESTS_MAX)
			return;
		if (g == s->view.guest)
			continue;
		/* A store that is gone has forgotten it already. */
		if (m.handle != 0 && s->host->send(s->host_arg, IPC_STORE,
		    IPC_MSG_store_logout, &m) != ERR_OK)
			m.handle = 0;
		guest_free(s, g);
	}
}

void
imap_guests_lost(struct imap_session *s)
{
	struct list *n;

	for (n = list_first(&s->guests); n != NULL; n = list_next(&s->guests, n))
		obj_of(n, struct imap_guest, link)->handle = 0;
	s->host->set_guest(s->host_arg, 0);
}

void
imap_guests_free(struct imap_session *s)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->guests)
		guest_free(s, obj_of(n, struct imap_guest, link));
}

/* ---- opening ---- */

struct ipc_store_open
imap_guest_request(struct imap_session *s, struct slice address)
{
	if (find(s, address) == NULL)
		make_room(s);
	return (struct ipc_store_open){ .handle = s->handle, .address = address };
}

/* The grant is renewed at half its life; one that is missing may come later. */
static void
set_grant(struct imap_session *s, struct imap_guest *g, struct slice grant)
{
	g->grant_bytes = grant.n <= sizeof(g->grant) ? grant.n : 0;
	if (g->grant_bytes > 0)
		memcpy(g->grant, grant.p, g->grant_bytes);
	g->renew_s = g->grant_bytes == 0 ? 0 : s->host->real_s(s->host_arg) + GRANT_LIFE_S / 2;
}

void
imap_guest_stale(struct imap_guest *g)
{
	g->renew_s = 0;
}

enum err
imap_guest_take(struct imap_session *s, const struct imap_reply *r, struct imap_guest **out)
{
	const struct ipc_store_session *m = r->m;
	struct imap_guest *g;

	*out = NULL;
	if (r->error != ERR_OK)
		return r->error;
	if (r->type == IPC_MSG_store_fail)
		return ((const struct ipc_store_fail *)r->m)->error;
	if (r->type != IPC_MSG_store_session || m->public_key.n != sizeof(g->public_key) ||
	    m->thread_salt.n != sizeof(g->thread_salt))
		return ERR_GONE;
	g = find(s, m->address);
	if (g == NULL) {
		g = must_alloc(1, sizeof(*g) + m->address.n);
		g->address_n = m->address.n;
		if (m->address.n > 0)
			memcpy(g->address, m->address.p, m->address.n);
		list_push(&s->guests, &g->link);
		s->guest_count++;
	}
	g->account = m->account;
	g->handle = m->handle;
	g->key_generation = m->key_generation;
	g->sealing = m->sealing;
	memcpy(g->public_key, m->public_key.p, sizeof(g->public_key));
	memcpy(g->thread_salt, m->thread_salt.p, sizeof(g->thread_salt));
	set_grant(s, g, m->grant);
	touch(s, g);
	*out = g;
	return ERR_OK;
}

/* ---- before a command ---- */

static void
on_opened(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = arg;
	struct imap_guest *g;
	enum err e = imap_guest_take(s, r, &g);

	c->owners_done++;
	/* Who shares nothing: the command says that there is no such mailbox. */
	if (e == ERR_OK || e == ERR_NOTFOUND)
		imap_guest_prepare(c);
	else
		imap_cmd_error(c, e);
}

static void
on_granted(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = arg;
	const struct ipc_store_granted *m = imap_cmd_expect(c, r, IPC_MSG_store_granted);

	if (m == NULL)
		return;
	if (s->view.guest != NULL)
		set_grant(s, s->view.guest, m->grant);
	c->verb->run(c);
}

/* Commands about messages open them with it. */
static bool
wants_grant(const struct imap_cmd *c)
{
	const struct imap_session *s = c->s;

	return s->state == IMAP_SELECTED && s->view.guest != NULL &&
	    s->view.guest->handle != 0 && (c->verb->flags & IMAP_CMD_HAS_UID) &&
	    s->view.guest->renew_s <= s->host->real_s(s->host_arg);
}

void
imap_guest_prepare(struct imap_cmd *c)
{
	struct imap_session *s = c->s;

	for (; c->owners_done < c->owner_count; c->owners_done++) {
		struct slice address = c->owners[c->owners_done];
		struct ipc_store_open m;

		if (imap_guest_find(s, address) != NULL)
			continue;
		m = imap_guest_request(s, address);
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_open, &m, on_opened, c);
		return;
	}
	if (wants_grant(c)) {
		struct ipc_store_grant m = { .handle = s->view.guest->handle };

		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_grant, &m, on_granted, c);
		return;
	}
	c->verb->run(c);
}
