/* SPDX-License-Identifier: ISC */
#include "imapd/imap_call.h"

#include <stdlib.h>

#include "imapd/imap_fresh.h"
#include "imapd/imap_guest.h"
#include "lib/base/err_passes.h"
#include "lib/base/must.h"

#define RELOGIN_TEXT	"[UNAVAILABLE] Please log in again"

struct call {
	struct list		 link;
	struct imap_session	*s;		/* NULL: nobody waits any more */
	imap_reply_fn		*fn;
	void			*arg;
	struct imap_ticket	 ticket;
	enum ipc_role		 role;
	bool			 keep;		/* not of the running command */
	bool			 is_grant;	/* gives a handle or an epoch of that store */
	bool			 is_stale;	/* that store has a successor */
};

static void	on_relogin(struct imap_session *, void *, const struct imap_reply *);
static void	on_reopened(struct imap_session *, void *, const struct imap_reply *);

/* ---- requests ---- */

static void
on_reply(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct call *call = arg;
	struct imap_session *s = call->s;
	struct imap_reply r = { e, e == ERR_OK ? type : (uint16_t)IPC_MSG_none, m, in };
	const struct imap_reply gone = { ERR_GONE, IPC_MSG_none, NULL, NULL };
	bool is_stale = call->is_stale;
	imap_reply_fn *fn = call->fn;
	void *fn_arg = call->arg;

	list_remove(&call->link);
	free(call);
	if (s == NULL || s->closing)
		return;
	fn(s, fn_arg, is_stale ? &gone : &r);
	imap_session_go_on(s);
}

enum err
imap_session_call(struct imap_session *s, enum ipc_role role, enum ipc_type type,
    const void *m, const int *fds, unsigned fd_count, imap_reply_fn *fn, void *arg)
{
	struct call *call;
	enum err e;

	if (role == IPC_STORE && type != IPC_MSG_store_login && s->handle == 0)
		return ERR_GONE;
	call = must_alloc(1, sizeof(*call));
	call->is_grant = type == IPC_MSG_store_login || type == IPC_MSG_store_open ||
	    type == IPC_MSG_store_epoch;
	call->s = s;
	call->fn = fn;
	call->arg = arg;
	call->role = role;
	call->keep = fn == on_relogin || fn == on_reopened;
	e = s->host->call(s->host_arg, role, type, m, fds, fd_count, on_reply, call,
	    &call->ticket);
	if (e != ERR_OK) {
		free(call);
		return e;
	}
	list_push(&s->calls, &call->link);
	return ERR_OK;
}

void
imap_call_cancel(struct imap_session *s, bool all)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->calls) {
		struct call *call = obj_of(n, struct call, link);

		if (call->keep && !all)
			continue;
		list_remove(n);
		if (s->host->cancel(s->host_arg, call->role, &call->ticket))
			free(call);
		else
			call->s = NULL;
	}
	if (all) {
		s->sync.done = NULL;
		s->sync.first = NULL;
	}
}

/* ---- the store restarts ---- */

void
imap_session_on_store_left(struct imap_session *s)
{
	struct list *n;

	/* A handle that it still gives would be somebody else's at its successor,
	 * and so would the content ids of an epoch. */
	for (n = list_first(&s->calls); n != NULL; n = list_next(&s->calls, n))
		if (obj_of(n, struct call, link)->is_grant)
			obj_of(n, struct call, link)->is_stale = true;
	/* What waits for the login is answered now. */
	if (s->relogin)
		s->host->wake(s->host_arg);
	s->handle = 0;
	s->pulse = s->view.pulse = 0;
	s->memo_is_stale = true;	/* what was restored may have other ids */
	imap_fresh_free(s);
	s->relogin = s->retry_due = false;
	s->host->set_handle(s->host_arg, 0);
	imap_guests_lost(s);
}

/* The session is whole again. */
static void
went_on(struct imap_session *s)
{
	s->relogin = false;
	s->host->wake(s->host_arg);
}

static void
on_reopened(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_guest *g;
	enum err e = imap_guest_take(s, r, &g);

	(void)arg;
	if (r->error == ERR_GONE)
		return;		/* gone again: it will join again */
	/* What is selected is no longer shared: nothing can be said of it. */
	if (e != ERR_OK || g != s->view.guest) {
		imap_session_bye(s, RELOGIN_TEXT, "store");
		return;
	}
	s->host->set_guest(s->host_arg, g->handle);
	went_on(s);
}

/* Another's mailbox is selected: the handle for it is to be had first. */
static void
reopen(struct imap_session *s)
{
	const struct imap_guest *g = s->view.guest;
	struct ipc_store_open m = imap_guest_request(s, slice_of(g->address, g->address_n));

	if (imap_session_call(s, IPC_STORE, IPC_MSG_store_open, &m, NULL, 0, on_reopened,
	    NULL) != ERR_OK)
		imap_session_bye(s, RELOGIN_TEXT, "store");
}

static void
on_relogin(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_session *m = r->m;

	(void)arg;
	if (r->error == ERR_GONE)
		return;		/* gone again: it will join again */
	/* The new process may not have keyd's token key yet. */
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    err_passes(((const struct ipc_store_fail *)r->m)->error) &&
	    s->retries < IMAP_RETRIES_MAX) {
		s->retry_due = true;
		return;
	}
	if (r->error != ERR_OK || r->type != IPC_MSG_store_session || m->account != s->account) {
		s->relogin = false;
		imap_session_bye(s, RELOGIN_TEXT, "store");
		return;
	}
	s->handle = m->handle;
	s->arrivals_due = m->arrivals;
	s->handle_serial++;
	s->host->set_handle(s->host_arg, m->handle);
	if (s->view.guest != NULL)
		reopen(s);
	else
		went_on(s);
}

static void
relogin(struct imap_session *s)
{
	struct ipc_store_login m = { .token = slice_of(s->token, s->token_bytes) };

	s->retries++;
	s->relogin = true;
	/* What cannot be asked now is asked again, or that store is going too. */
	s->retry_due = imap_session_call(s, IPC_STORE, IPC_MSG_store_login, &m, NULL, 0,
	    on_relogin, NULL) != ERR_OK;
}

/* The token is still good for the new store process: nobody need notice. */
void
imap_session_on_store_joined(struct imap_session *s)
{
	if (s->closing || s->state == IMAP_NOAUTH || s->state == IMAP_LOGOUT || s->relogin)
		return;
	s->retries = 0;
	relogin(s);
}

bool
imap_session_retry(struct imap_session *s)
{
	if (s->closing || !s->relogin)
		return false;
	if (s->retry_due)
		relogin(s);
	return true;
}
