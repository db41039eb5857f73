/* SPDX-License-Identifier: ISC */
/*
 * Looks at what is marked and tells it: names, metadata, STATUS of mailboxes
 * that are not selected, then the selected one (imap_sync), last its new
 * messages as a FETCH.  What is begun is no longer marked, so that a notice
 * meanwhile marks it again; what fails is marked again, too.
 */
#include "imapd/imap_notify.h"

#include <string.h>

#include "imapd/imap_fetch.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_metadata.h"
#include "imapd/imap_news.h"
#include "imapd/imap_notify_diff.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_special.h"
#include "imapd/imap_status.h"
#include "imapd/imap_sync.h"
#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"

enum phase { NAMES, ENTRIES, STATUS, SELECTED, MESSAGES };

struct run {
	struct imap_notify	*n;
	struct imap_notify	*before;	/* holds again when NOTIFY SET fails */
	enum phase		 phase;
	bool			 first;		/* of NOTIFY SET: nothing is news */
	bool			 waiting;
	bool			 listing;	/* now is being filled */
	struct imap_boxes	 now;
	struct slice		 after;
	uint64_t		 asked;		/* mailbox of the STATUS under way */
	size_t			 box_idx;
};

static struct run *
run_of(struct imap_cmd *c)
{
	return c->priv;
}

static void
fini(struct imap_cmd *c)
{
	struct run *r = run_of(c);

	imap_boxes_fini(&r->now);
	if (r->first && c->answer != IMAP_ANSWER_OK) {
		imap_notify_free(&c->s->notify);
		c->s->notify = r->before;
		/* Notices went to the other one: watch and look again. */
		if (r->before != NULL)
			r->before->watching = 0;
	} else {
		imap_notify_free(&r->before);
	}
}

/* ---- names ---- */

/* RFC 5465 s5.4, s5.5, s5.9 */
static void
tell_name(void *arg, const struct imap_notify_name *t)
{
	struct imap_cmd *c = arg;
	struct buf *out = imap_session_out(c->s);
	const struct imap_box *b = t->box;
	struct slice address, rest;

	buf_put_str(out, "* LIST (");
	/* Of somebody else's only the subscription is known here. */
	if ((b == NULL || !b->exists) && !imap_mailbox_owner(t->name, &address, &rest))
		buf_put_str(out, "\\NonExistent ");
	buf_put_str(out, b != NULL && b->children ? "\\HasChildren" : "\\HasNoChildren");
	if (b != NULL && b->subscribed)
		buf_put_str(out, " \\Subscribed");
	if (b != NULL && b->exists && !b->readable)
		buf_put_str(out, " \\NoAccess");
	if (b != NULL)
		imap_special_put(out, b->special);
	buf_put_str(out, ") \"/\" ");
	imap_mailbox_put(c->s, out, t->name);
	if (t->old_name.n > 0) {
		buf_put_str(out, " (\"OLDNAME\" (");
		imap_mailbox_put(c->s, out, t->old_name);
		buf_put_str(out, "))");
	}
	buf_put_str(out, "\r\n");
}

/* s3.1: what is asked for and cannot be told. */
static void
tell_no_access(struct imap_cmd *c, const struct imap_boxes *boxes)
{
	for (size_t i = 0; i < boxes->count; i++) {
		const struct imap_box *b = &boxes->v[i];

		if (b->events != 0 && b->exists && !b->readable)
			tell_name(c, &(struct imap_notify_name){ .box = b,
			    .name = imap_boxes_name(boxes, b) });
	}
}

static void
take_names(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct imap_notify *n = r->n;

	imap_boxes_end(&r->now);
	if (n->listed) {
		imap_notify_diff(&n->spec, &n->boxes, &r->now, buf_slice(&n->own),
		    tell_name, c);
	} else {
		imap_notify_look(&n->spec, &r->now);
		for (size_t i = 0; i < r->now.count; i++)
			r->now.v[i].dirty = (r->now.v[i].events & IMAP_NOTIFY_MESSAGES) != 0;
		tell_no_access(c, &r->now);
	}
	imap_boxes_fini(&n->boxes);
	n->boxes = r->now;
	imap_boxes_init(&r->now, n->boxes.max);
	buf_reset(&n->own);
	n->listed = n->boxes_dirty = true;
	r->listing = false;
	r->after = SLICE_NONE;
}

static void
fail(struct imap_cmd *c, enum err e)
{
	struct run *r = run_of(c);

	r->n->failed = true;
	if (r->first)
		imap_cmd_error(c, e);
	else
		imap_cmd_ok(c, "");
}

/* RFC 5465 s3.1, s5.8 */
static void
overflow(struct imap_cmd *c)
{
	struct run *r = run_of(c);

	if (r->first)
		imap_cmd_no(c, "NOTIFICATIONOVERFLOW", "Too many mailboxes to watch");
	r->n->overflow = true;
}

static enum err
add_page(struct run *r, struct imap_cmd *c, const struct ipc_store_mailboxes *m)
{
	struct ipc_reader rd = ipc_reader_of(m->mailboxes);
	struct ipc_mailbox one = { 0 };
	enum err e = ERR_OK;

	while (e == ERR_OK && ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		e = imap_boxes_add(&r->now, &one);
	}
	if (e != ERR_OK)
		return e;
	if (!m->more || one.name.n == 0) {
		take_names(c);
		return ERR_OK;
	}
	r->after = arena_dup(&c->arena, one.name);
	return r->after.p != NULL ? ERR_OK : ERR_LIMIT;
}

static void
on_mailboxes(struct imap_session *s, void *arg, const struct imap_reply *reply)
{
	struct imap_cmd *c = s->cmd;
	struct run *r = arg;

	r->waiting = false;
	if (reply->error != ERR_OK || reply->type != IPC_MSG_store_mailboxes) {
		r->n->names_dirty = true;
		fail(c, reply->error != ERR_OK ? reply->error : ERR_GONE);
	} else if (add_page(r, c, reply->m) != ERR_OK) {
		overflow(c);
	}
}

/* true: on to what is next. */
static bool
look_at_names(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct imap_notify *n = r->n;
	struct ipc_store_list m = { .handle = c->s->handle, .after = r->after };

	if (!n->names_dirty && !r->listing)
		return true;
	n->names_dirty = n->names_dirty && r->listing;
	r->listing = true;
	if (imap_session_call(c->s, IPC_STORE, IPC_MSG_store_list, &m, NULL, 0,
	    on_mailboxes, r) == ERR_OK) {
		r->waiting = true;
	} else {
		n->names_dirty = true;
		fail(c, ERR_GONE);
	}
	return false;
}

/* ---- metadata (RFC 5464 s4.4.2, RFC 5465 s5.6, s5.7) ---- */

static bool
hears_of(const struct imap_notify *n, uint64_t mailbox, struct slice *name)
{
	const struct imap_box *b;

	*name = SLICE_NONE;
	if (mailbox == 0)
		return n->spec.all & IMAP_NOTIFY_SERVER;
	b = imap_boxes_find_id(&n->boxes, mailbox);
	if (b == NULL || !b->readable || !(b->events & IMAP_NOTIFY_METADATA))
		return false;
	*name = imap_boxes_name(&n->boxes, b);
	return true;
}

static void
tell_entries(struct imap_cmd *c)
{
	struct imap_notify *n = run_of(c)->n;
	struct buf *out = imap_session_out(c->s);
	struct slice rest = buf_slice(&n->entries), name, box;

	while (rest.n > 8) {
		uint64_t mailbox = dec_le64(rest.p);

		rest = slice_cut(slice_from(rest, 8), '\0', &name);
		if (!hears_of(n, mailbox, &box))
			continue;
		buf_put_str(out, "* METADATA ");
		imap_mailbox_put(c->s, out, box);
		buf_put_char(out, ' ');
		imap_metadata_put_name(out, name);
		buf_put_str(out, "\r\n");
	}
	buf_release(&n->entries);
}

/* ---- STATUS of mailboxes that are not selected ---- */

static bool
is_selected(const struct imap_session *s, const struct imap_box *b)
{
	return s->state == IMAP_SELECTED && s->view.guest == NULL &&
	    s->view.mailbox == b->mailbox;
}

static void
keep_status(struct imap_box *b, const struct ipc_store_status_reply *m)
{
	b->known = true;
	b->uidvalidity = m->uidvalidity;
	b->uidnext = m->uidnext;
	b->messages = m->exists;
	b->unseen = m->unseen;
	b->modseq = m->modseq;
}

/* RFC 5465 s3.1: what STATUS must have where these are watched. */
static void
want_all(struct imap_status *st, const struct imap_box *b)
{
	imap_status_want(st, "MESSAGES");
	imap_status_want(st, "UIDNEXT");
	imap_status_want(st, "UIDVALIDITY");
	if (b->events & IMAP_NOTIFY_FLAGS)
		imap_status_want(st, "HIGHESTMODSEQ");
}

/* s5.1 to s5.3 */
static void
want_news(const struct imap_session *s, struct imap_status *st, const struct imap_box *b,
    const struct ipc_store_status_reply *m)
{
	bool condstore = imap_session_is(s, IMAP_EN_CONDSTORE);
	bool counts = m->uidnext != b->uidnext || m->exists != b->messages;
	bool flags = (b->events & IMAP_NOTIFY_FLAGS) && m->modseq != b->modseq;

	if (counts) {
		imap_status_want(st, "UIDNEXT");
		imap_status_want(st, "MESSAGES");
	}
	if ((counts || flags) && condstore)
		imap_status_want(st, "HIGHESTMODSEQ");
	if ((flags && condstore) || (m->uidvalidity != b->uidvalidity &&
	    (counts || b->uidvalidity != 0)))
		imap_status_want(st, "UIDVALIDITY");
	if (flags && m->unseen != b->unseen)
		imap_status_want(st, "UNSEEN");
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *reply)
{
	struct run *r = arg;
	struct imap_box *b = imap_boxes_find_id(&r->n->boxes, r->asked);
	struct imap_status st = { .count = 0 };

	r->waiting = false;
	if (reply->error != ERR_OK) {
		if (b != NULL)
			b->dirty = r->n->boxes_dirty = true;
		fail(s->cmd, reply->error);
		return;
	}
	/* A mailbox that went meanwhile: its name will be news. */
	if (reply->type != IPC_MSG_store_status_reply || b == NULL)
		return;
	if (r->first && r->n->spec.status)
		want_all(&st, b);
	else if (!r->first && b->known)
		want_news(s, &st, b, reply->m);
	if (st.count > 0)
		imap_status_put(s, &st, reply->m, imap_boxes_name(&r->n->boxes, b));
	keep_status(b, reply->m);
}

static struct imap_box *
next_dirty(const struct imap_session *s, struct run *r)
{
	for (; r->box_idx < r->n->boxes.count; r->box_idx++) {
		struct imap_box *b = &r->n->boxes.v[r->box_idx];

		if (!b->dirty)
			continue;
		b->dirty = false;
		if (b->readable && !is_selected(s, b))
			return b;
	}
	return NULL;
}

/* true: on to what is next. */
static bool
look_at_boxes(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct ipc_store_status m = { .handle = c->s->handle };
	struct imap_box *b;

	if (r->box_idx == 0)
		r->n->boxes_dirty = false;
	b = next_dirty(c->s, r);
	if (b == NULL)
		return true;
	r->asked = m.mailbox = b->mailbox;
	if (imap_session_call(c->s, IPC_STORE, IPC_MSG_store_status, &m, NULL, 0,
	    on_status, r) == ERR_OK) {
		r->waiting = true;
	} else {
		b->dirty = r->n->boxes_dirty = true;
		fail(c, ERR_GONE);
	}
	return false;
}

/* ---- the selected mailbox ---- */

static void
on_synced(struct imap_session *s, enum err e)
{
	struct run *r = run_of(s->cmd);

	r->waiting = false;
	if (e == ERR_OK)
		return;
	r->n->selected_dirty = true;
	fail(s->cmd, e);
}

/* true: on to what is next. */
static bool
look_at_selected(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct imap_notify *n = r->n;
	struct imap_session *s = c->s;
	bool idles = c->outer != NULL;

	if (s->state != IMAP_SELECTED || !n->selected_dirty || n->spec.selected == 0)
		return true;
	n->selected_dirty = false;
	/* RFC 5465 s6.1.2 */
	if (imap_sync_start(s, idles || !n->spec.delayed, on_synced) == ERR_OK) {
		r->waiting = true;
	} else {
		n->selected_dirty = true;
		fail(c, ERR_GONE);
	}
	return false;
}

/* UIDs from .. the view's last, but not those that the client brought. */
static struct slice
uids_from(struct imap_cmd *c, uint32_t from, bool not_own)
{
	const struct imap_notify *n = run_of(c)->n;
	struct slice set;
	struct buf b;

	buf_init(&b, 16);
	for (unsigned part = 0; part < 2; part++) {
		uint32_t low = from, high = c->s->view.uidnext - 1;
		unsigned char pair[8];

		if (not_own && n->own_last != 0 && part == 0 && n->own_first <= high)
			high = n->own_first - 1;
		if (part == 1) {
			if (!not_own || n->own_last == 0 || n->own_first > high)
				break;
			low = n->own_last + 1 > low ? n->own_last + 1 : low;
		}
		if (low > high)
			continue;
		enc_le32(pair, low);
		enc_le32(pair + 4, high);
		buf_put(&b, pair, sizeof(pair));
	}
	set = arena_dup(&c->arena, buf_slice(&b));
	buf_fini(&b);
	return set;
}

/* The command becomes a FETCH, which ends it. */
static void
tell_messages(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct imap_notify *n = r->n;
	struct imap_session *s = c->s;
	uint32_t late = n->spec.selected & IMAP_NOTIFY_FLAGS ? s->view.unflagged : 0;
	uint32_t from = late != 0 ? late : n->new_from;
	struct imap_items *items;
	struct slice set, text = late != 0 ? SLICE_LIT("(UID FLAGS)") : n->spec.fetch;

	if (s->state != IMAP_SELECTED || from == 0) {
		imap_cmd_ok(c, "");
		return;
	}
	set = uids_from(c, from, late == 0);
	if (late != 0)
		s->view.unflagged = 0;
	else
		n->new_from = n->own_first = n->own_last = 0;
	items = set.n > 0 ? imap_news_items(c, text) : NULL;
	if (items == NULL) {
		imap_cmd_ok(c, "");
		return;
	}
	c->by_uid = true;
	imap_boxes_fini(&r->now);
	imap_fetch_start(c, items, set, SLICE_NONE);
}

/* ---- the machine ---- */

static void
end_all(struct imap_cmd *c)
{
	struct run *r = run_of(c);

	buf_put_str(imap_session_out(c->s),
	    "* OK [NOTIFICATIONOVERFLOW] Too much to tell: nothing is watched\r\n");
	imap_notify_free(&c->s->notify);
	/* As after NOTIFY NONE. */
	c->s->notify = r->n = imap_notify_new(0);
	imap_cmd_ok(c, "");
}

static void
step(struct imap_cmd *c)
{
	struct run *r = run_of(c);
	struct imap_session *s = c->s;

	while (!r->waiting && c->answer == IMAP_ANSWER_NONE && !s->host->is_clogged(s->host_arg)) {
		if (r->n->overflow && !r->first) {
			end_all(c);
			return;
		}
		switch (r->phase) {
		case NAMES:
			if (look_at_names(c))
				r->phase = ENTRIES;
			break;
		case ENTRIES:
			tell_entries(c);
			r->phase = STATUS;
			break;
		case STATUS:
			if (!look_at_boxes(c))
				break;
			r->phase = SELECTED;
			if (r->first)
				imap_cmd_ok(c, "Notify completed");
			break;
		case SELECTED:
			if (look_at_selected(c))
				r->phase = MESSAGES;
			break;
		case MESSAGES:
			tell_messages(c);
			return;
		}
	}
}

static void
run(struct imap_cmd *c, struct imap_notify *before, bool first)
{
	struct run *r = imap_cmd_alloc(c, sizeof(*r));

	if (r == NULL) {
		imap_notify_free(&before);
		return;
	}
	r->n = c->s->notify;
	r->before = before;
	r->first = first;
	imap_boxes_init(&r->now, r->n->boxes.max);
	c->priv = r;
	c->fini = fini;
	c->resume = step;
	/* Only groups look at names. */
	if (r->n->spec.all == 0)
		r->phase = first ? STATUS : ENTRIES;
	else if (first)
		r->n->names_dirty = true;
	step(c);
}

void
imap_notify_run(struct imap_cmd *c)
{
	run(c, NULL, false);
}

void
imap_notify_start(struct imap_cmd *c, struct imap_notify *take_new)
{
	struct imap_notify *before = c->s->notify;

	c->s->notify = take_new;
	run(c, before, true);
}
