/* SPDX-License-Identifier: ISC */
#include "imapd/imap_notify_diff.h"

#include <string.h>

struct diff {
	const struct imap_notify_spec	*spec;
	const struct imap_boxes		*old;
	struct imap_boxes		*now;
	struct slice			 own;
	imap_notify_name_fn		*tell;
	void				*arg;
};

static struct slice
parent_of(struct slice name)
{
	size_t at = slice_rfind(name, '/');

	return at < name.n ? slice_head(name, at) : SLICE_NONE;
}

/* The name, or one above it, is the client's own doing. */
static bool
is_own(const struct diff *d, struct slice name)
{
	struct slice rest = d->own, one;

	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &one);
		if (slice_eq(slice_head(name, one.n), one) &&
		    (name.n == one.n || name.p[one.n] == '/'))
			return true;
	}
	return false;
}

static bool
watches(const struct diff *d, struct slice name, bool is_subscribed, unsigned event)
{
	return imap_notify_spec_events(d->spec, name, is_subscribed) & event;
}

/* It was there or is there: as a mailbox, or above one. */
static bool
is_there(const struct imap_box *b)
{
	return b != NULL && (b->exists || b->children);
}

/* RFC 5465 s5.4: the parent of what comes or goes is affected. */
static void
touch_parent(struct diff *d, struct slice name)
{
	struct slice parent = parent_of(name);
	struct imap_box *b = parent.n > 0 ? imap_boxes_find(d->now, parent) : NULL;

	if (b != NULL && watches(d, parent, b->subscribed, IMAP_NOTIFY_NAME))
		b->tell = true;
}

/* The same mailbox before, whatever its name was. */
static const struct imap_box *
before(const struct diff *d, const struct imap_box *b, struct slice name)
{
	const struct imap_box *was = imap_boxes_find(d->old, name);

	return was != NULL && was->mailbox == b->mailbox ? was :
	    imap_boxes_find_id(d->old, b->mailbox);
}

/* Its mailbox has another name now; children follow theirs in silence. */
static const struct imap_box *
renamed_from(const struct diff *d, const struct imap_box *b, struct slice name)
{
	const struct imap_box *was = before(d, b, name);

	return was != NULL && !slice_eq(imap_boxes_name(d->old, was), name) ? was : NULL;
}

static bool
followed_parent(const struct diff *d, struct slice old_name, struct slice name)
{
	struct slice was = parent_of(old_name), is = parent_of(name);
	const struct imap_box *b = was.n > 0 ? imap_boxes_find(d->old, was) : NULL;
	const struct imap_box *now = is.n > 0 ? imap_boxes_find(d->now, is) : NULL;

	return b != NULL && now != NULL && b->mailbox != 0 && b->mailbox == now->mailbox &&
	    !slice_eq(was, is);
}

static void
carry(struct imap_box *b, const struct imap_box *was)
{
	b->known = was->known;
	b->dirty = was->dirty;
	b->uidvalidity = was->uidvalidity;
	b->uidnext = was->uidnext;
	b->messages = was->messages;
	b->unseen = was->unseen;
	b->modseq = was->modseq;
}

static bool
is_watched_news(const struct diff *d, struct slice name, const struct imap_box *was,
    const struct imap_box *b)
{
	bool was_subscribed = was != NULL && was->subscribed;
	bool subscribed = b != NULL && b->subscribed;
	bool either = was_subscribed || subscribed;

	if (is_there(was) != is_there(b) && watches(d, name, either, IMAP_NOTIFY_NAME))
		return true;
	return was_subscribed != subscribed &&
	    watches(d, name, either, IMAP_NOTIFY_SUBSCRIPTION);
}

/* A name of the old list that the new one has no more. */
static void
look_at_gone(struct diff *d, const struct imap_box *was)
{
	struct slice name = imap_boxes_name(d->old, was);
	const struct imap_box *is = imap_boxes_find_id(d->now, was->mailbox);
	struct imap_notify_name n = { .name = name };

	/* The new name tells of it. */
	if (is != NULL || is_own(d, name))
		return;
	touch_parent(d, name);
	if (is_watched_news(d, name, was, NULL))
		d->tell(d->arg, &n);
}

static void
look_at_here(struct diff *d, struct imap_box *b)
{
	struct slice name = imap_boxes_name(d->now, b);
	const struct imap_box *was = imap_boxes_find(d->old, name);

	if (is_own(d, name))
		return;
	if (is_there(was) != is_there(b) && renamed_from(d, b, name) == NULL)
		touch_parent(d, name);
	b->tell = b->tell || is_watched_news(d, name, was, b);
	/* s5.9: what may no longer be watched, or may be again */
	if (was != NULL && was->readable != b->readable && b->exists && was->exists &&
	    b->events != 0)
		b->tell = true;
}

static void
tell_here(struct diff *d, struct imap_box *b)
{
	struct imap_notify_name n = { .name = imap_boxes_name(d->now, b), .box = b };
	const struct imap_box *was = renamed_from(d, b, n.name);

	if (was != NULL) {
		n.old_name = imap_boxes_name(d->old, was);
		b->tell = !is_own(d, n.name) && !followed_parent(d, n.old_name, n.name) &&
		    ((b->events & IMAP_NOTIFY_NAME) ||
		    watches(d, n.old_name, was->subscribed, IMAP_NOTIFY_NAME));
	}
	if (b->tell)
		d->tell(d->arg, &n);
	b->tell = false;
}

static void
inherit(struct diff *d, struct imap_box *b)
{
	struct slice name = imap_boxes_name(d->now, b);
	const struct imap_box *was = before(d, b, name);
	const struct imap_box *namesake = imap_boxes_find(d->old, name);

	if (was != NULL) {
		carry(b, was);
		b->dirty |= !was->known && (b->events & IMAP_NOTIFY_MESSAGES);
	} else if (b->events & IMAP_NOTIFY_MESSAGES) {
		/* All of its messages are news, and its UIDVALIDITY where another
		   mailbox had the name. */
		b->known = b->dirty = true;
		b->uidnext = 1;
		b->uidvalidity = namesake != NULL ? namesake->uidvalidity : 0;
	}
}

void
imap_notify_look(const struct imap_notify_spec *spec, struct imap_boxes *now)
{
	for (size_t i = 0; i < now->count; i++) {
		struct imap_box *b = &now->v[i];

		b->events = imap_notify_spec_events(spec, imap_boxes_name(now, b),
		    b->subscribed);
		/* RFC 5465 s6: messages are in what can be selected. */
		if (!b->exists)
			b->events &= ~(unsigned)IMAP_NOTIFY_MESSAGES;
	}
}

void
imap_notify_diff(const struct imap_notify_spec *spec, const struct imap_boxes *old,
    struct imap_boxes *now, struct slice own, imap_notify_name_fn *tell, void *arg)
{
	struct diff d = { spec, old, now, own, tell, arg };

	imap_notify_look(spec, now);
	for (size_t i = 0; i < old->count; i++)
		if (imap_boxes_find(now, imap_boxes_name(old, &old->v[i])) == NULL)
			look_at_gone(&d, &old->v[i]);
	for (size_t i = 0; i < now->count; i++) {
		inherit(&d, &now->v[i]);
		look_at_here(&d, &now->v[i]);
	}
	for (size_t i = 0; i < now->count; i++)
		tell_here(&d, &now->v[i]);
}
