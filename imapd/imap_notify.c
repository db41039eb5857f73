/* SPDX-License-Identifier: ISC */
#include "imapd/imap_notify.h"

#include <stdlib.h>

#include "imapd/imap_mailbox.h"
#include "imapd/imap_metadata.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

struct imap_notify *
imap_notify_new(size_t mailboxes_max)
{
	struct imap_notify *n = must_alloc(1, sizeof(*n));

	imap_notify_spec_init(&n->spec);
	imap_boxes_init(&n->boxes, mailboxes_max);
	buf_init(&n->entries, IMAP_NOTIFY_ENTRIES_MAX);
	buf_init(&n->own, IMAP_NOTIFY_OWN_MAX);
	return n;
}

void
imap_notify_free(struct imap_notify **pn)
{
	struct imap_notify *n = *pn;

	*pn = NULL;
	if (n == NULL)
		return;
	imap_notify_spec_fini(&n->spec);
	imap_boxes_fini(&n->boxes);
	buf_fini(&n->entries);
	buf_fini(&n->own);
	free(n);
}

/* ---- marks ---- */

static void
look_at_all(struct imap_notify *n)
{
	n->selected_dirty = n->names_dirty = true;
	for (size_t i = 0; i < n->boxes.count; i++)
		if (n->boxes.v[i].events & IMAP_NOTIFY_MESSAGES)
			n->boxes.v[i].dirty = n->boxes_dirty = true;
}

void
imap_notify_on_news(struct imap_session *s, uint32_t handle, uint64_t mailbox)
{
	struct imap_notify *n = s->notify;
	struct imap_box *b;

	if (n == NULL)
		return;
	n->failed = false;
	if (s->state == IMAP_SELECTED && mailbox == s->view.mailbox &&
	    handle == imap_view_handle(s))
		n->selected_dirty = true;
	if (handle != s->handle)
		return;
	if (mailbox == STORE_NOTIFY_ALL)
		look_at_all(n);
	else if (mailbox == 0)
		n->names_dirty = true;
	else if ((b = imap_boxes_find_id(&n->boxes, mailbox)) != NULL &&
	    (b->events & IMAP_NOTIFY_MESSAGES))
		b->dirty = n->boxes_dirty = true;
}

static void
keep_entry(struct imap_notify *n, uint64_t mailbox, struct slice name)
{
	unsigned char id[8];

	enc_le64(id, mailbox);
	buf_put(&n->entries, id, sizeof(id));
	buf_put_slice(&n->entries, name);
	buf_put_char(&n->entries, '\0');
	n->overflow |= buf_err(&n->entries) != ERR_OK;
}

void
imap_notify_on_entries(struct imap_session *s, uint64_t mailbox, struct slice names)
{
	struct imap_notify *n = s->notify;
	unsigned event = mailbox == 0 ? IMAP_NOTIFY_SERVER : IMAP_NOTIFY_METADATA;
	struct slice one;

	if (n == NULL || !(n->spec.all & event))
		return;
	n->failed = false;
	/* It may be newer than what we know of the names. */
	if (mailbox != 0 && imap_boxes_find_id(&n->boxes, mailbox) == NULL)
		n->names_dirty = true;
	while (names.n > 0) {
		names = slice_cut(names, '\0', &one);
		keep_entry(n, mailbox, one);
	}
}

void
imap_notify_arrived(struct imap_session *s, uint32_t uid)
{
	struct imap_notify *n = s->notify;

	if (!imap_notify_tells(s, IMAP_NOTIFY_FLAGS) &&
	    (s->view.unflagged == 0 || uid < s->view.unflagged))
		s->view.unflagged = uid;
	if (n == NULL || n->spec.fetch.n == 0 ||
	    (s->cmd != NULL && s->cmd->verb != NULL && s->cmd->verb->run == cmd_notify_run))
		return;
	if (n->new_from == 0 || uid < n->new_from)
		n->new_from = uid;
}

void
imap_notify_own(struct imap_session *s, struct slice name)
{
	struct imap_notify *n = s->notify;

	if (n == NULL || !n->listed)
		return;
	/* When there is no room, it is told as if somebody else had done it. */
	if (n->own.n + name.n + 1 <= IMAP_NOTIFY_OWN_MAX) {
		buf_put_slice(&n->own, name);
		buf_put_char(&n->own, '\0');
	}
	n->names_dirty = true;
}

void
imap_notify_own_uids(struct imap_session *s, uint32_t uidvalidity, uint32_t first,
    uint32_t last)
{
	struct imap_notify *n = s->notify;

	/* The store gives no two mailboxes of an account the same UIDVALIDITY. */
	if (n == NULL || s->state != IMAP_SELECTED || uidvalidity != s->view.uidvalidity)
		return;
	if (n->own_last == 0 || n->own_last + 1 != first)
		n->own_first = first;
	n->own_last = last;
}

void
imap_notify_unselected(struct imap_session *s)
{
	struct imap_notify *n = s->notify;

	if (n != NULL)
		n->new_from = n->own_first = n->own_last = n->guest_handle = 0;
}

void
imap_notify_idles(struct imap_session *s)
{
	if (s->notify == NULL)
		return;
	s->notify->selected_dirty = true;
	s->notify->failed = false;
}

/* ---- questions ---- */

bool
imap_notify_tells(const struct imap_session *s, enum imap_notify_event event)
{
	/* RFC 5465 s3.1: NOTIFY itself is a NOOP, too. */
	if (s->notify == NULL || (s->cmd != NULL && s->cmd->verb != NULL &&
	    s->cmd->verb->run == cmd_notify_run))
		return true;
	return (s->notify->spec.selected & event) != 0;
}

static bool
wants_selected(const struct imap_session *s)
{
	return s->state == IMAP_SELECTED && s->notify->spec.selected != 0;
}

/* It may have changed before the store was told. */
static void
watch_guest(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	struct ipc_store_watch m = { .handle = imap_view_handle(s), .mailbox = s->view.mailbox };

	if (m.handle == 0 || (m.handle == n->guest_handle && m.mailbox == n->guest_watched) ||
	    s->host->send(s->host_arg, IPC_STORE, IPC_MSG_store_watch, &m) != ERR_OK)
		return;
	n->guest_handle = m.handle;
	n->guest_watched = m.mailbox;
	n->selected_dirty = true;
	n->failed = false;
}

static void
watch(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	bool account = n->spec.all != 0;
	/* The account's has the selected one in it. */
	uint64_t mailbox = wants_selected(s) && s->view.guest == NULL && !account ?
	    s->view.mailbox : 0;
	struct ipc_store_watch m = { .handle = s->handle, .mailbox = mailbox,
	    .account = account };
	bool again = n->watching != s->handle_serial;

	if (!again && n->watched == mailbox)
		return;
	if (s->host->send(s->host_arg, IPC_STORE, IPC_MSG_store_watch, &m) != ERR_OK)
		return;
	n->watching = s->handle_serial;
	n->watched = mailbox;
	/* It may have changed before the store was told. */
	n->selected_dirty = true;
	if (account)
		look_at_all(n);
	n->failed = false;
}

bool
imap_notify_is_due(struct imap_session *s)
{
	struct imap_notify *n = s->notify;
	bool selected = s->state == IMAP_SELECTED;

	if (n == NULL || s->handle == 0 || s->relogin)
		return false;
	watch(s);
	if (wants_selected(s) && s->view.guest != NULL)
		watch_guest(s);
	if (n->failed)
		return false;
	if (n->overflow)
		return true;
	if (n->listed && (n->names_dirty || n->boxes_dirty || n->entries.n > 0))
		return true;
	if (!selected)
		return false;
	return (n->selected_dirty && n->spec.selected != 0) || n->new_from != 0 ||
	    (s->view.unflagged != 0 && (n->spec.selected & IMAP_NOTIFY_FLAGS));
}
