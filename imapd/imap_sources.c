/* SPDX-License-Identifier: ISC */
#include "imapd/imap_sources.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_place.h"
#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

/* ---- parse ---- */

void
imap_sources_parse(struct imap_parser *p, struct imap_sources *s)
{
	/* RFC 7377 s2.2: the default */
	s->count = 1;
	s->filters[0] = (struct imap_filter){ .kind = IMAP_FILTER_SELECTED };
	if (!imap_parser_take_word(p, "IN ("))
		return;
	s->count = 0;
	do {
		if (s->count == IMAP_SOURCES_MAX) {
			imap_parser_fail(p, "Too many source options");
			return;
		}
		imap_filter_parse(p, &s->filters[s->count]);
		if (s->filters[s->count++].kind == IMAP_FILTER_SELECTED_DELAYED)
			imap_parser_fail(p, "SELECTED-DELAYED is of NOTIFY only");
	} while (imap_parser_ok(p) && imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
	imap_parser_sp(p);
}

bool
imap_sources_has(const struct imap_sources *s, enum imap_filter_kind kind)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->filters[i].kind == kind)
			return true;
	return false;
}

/* ---- life ---- */

static void
own_fini(struct imap_sources *s)
{
	free(s->own.keywords);
	memset(&s->own, 0, sizeof(s->own));
}

/* Other users whose mailboxes are named (imap_guest_prepare opened them). */
static void
add_guests(struct imap_sources *s, const struct imap_filter *f)
{
	struct imap_place place;

	for (size_t i = 0; i < f->count; i++) {
		unsigned k = 0;

		/* All of another's mailboxes have no place, but an owner. */
		if (imap_place_of(s->c->s, f->names[i], &place) != ERR_OK && place.guest == NULL)
			continue;
		while (k < s->guest_count && s->guests[k] != place.guest)
			k++;
		if (k == s->guest_count && k < lengthof(s->guests))
			s->guests[s->guest_count++] = place.guest;
	}
}

void
imap_sources_start(struct imap_sources *s, struct imap_cmd *c)
{
	s->c = c;
	s->guest_count = 1;		/* NULL: the user */
	for (unsigned i = 0; i < s->count; i++)
		add_guests(s, &s->filters[i]);
	if (!imap_sources_has(s, IMAP_FILTER_SELECTED))
		return;
	s->boxes = arena_alloc(&c->arena, 1, sizeof(*s->boxes));
	must(s->boxes != NULL);		/* the arena is nearly new */
	s->boxes[0] = (struct imap_source_box){
		.mailbox = c->s->view.mailbox, .guest = c->s->view.guest,
	};
	s->box_count = s->box_cap = 1;
	/* Alone: no names are needed. */
	s->listed = s->count == 1;
}

void
imap_sources_fini(struct imap_sources *s)
{
	if (s->c == NULL)
		return;
	own_fini(s);
	s->c = NULL;
}

/* ---- names ---- */

static bool
is_wanted(const struct imap_sources *s, const struct ipc_mailbox *m, struct slice name)
{
	bool named = false, found = false;

	if (m->mailbox == 0 || m->noselect || !(m->rights & STORE_RIGHT_R))
		return false;
	for (unsigned i = 0; i < s->count; i++) {
		if (!imap_filter_fits(&s->filters[i], name, m->subscribed,
		    s->guests[s->guest] == NULL))
			continue;
		found = true;
		named = named || s->filters[i].kind == IMAP_FILTER_MAILBOXES;
	}
	/* RFC 7377 s2.2: "l" for what was not named. */
	return found && (named || (m->rights & STORE_RIGHT_L));
}

static enum err
add_box(struct imap_sources *s, uint64_t mailbox, struct slice name)
{
	struct imap_guest *g = s->guests[s->guest];
	struct arena *a = &s->c->arena;
	struct imap_source_box *boxes;

	/* The selected one, if wanted, stands first. */
	if (s->box_count > 0 && s->boxes[0].mailbox == mailbox && s->boxes[0].guest == g)
		return ERR_OK;
	if (s->box_count == IMAP_SOURCES_MAILBOXES)
		return ERR_LIMIT;
	if (s->box_count == s->box_cap) {
		s->box_cap = s->box_cap > 0 ? 2 * s->box_cap : 16;
		boxes = arena_alloc(a, s->box_cap, sizeof(*boxes));
		if (boxes == NULL)
			return ERR_LIMIT;
		if (s->box_count > 0)
			memcpy(boxes, s->boxes, s->box_count * sizeof(*boxes));
		s->boxes = boxes;
	}
	s->boxes[s->box_count++] = (struct imap_source_box){
		.name = arena_dup(a, name), .guest = g, .mailbox = mailbox,
	};
	return s->boxes[s->box_count - 1].name.p != NULL ? ERR_OK : ERR_LIMIT;
}

/* As the user has it. */
static enum err
full_name(struct imap_sources *s, const struct imap_guest *g, struct slice name,
    struct slice *full)
{
	*full = name;
	return g == NULL ? ERR_OK : imap_place_join(&s->c->arena,
	    slice_of(g->address, g->address_n), name, full);
}

static enum err
add_page(struct imap_sources *s, const struct ipc_store_mailboxes *m)
{
	struct ipc_reader rd = ipc_reader_of(m->mailboxes);
	struct ipc_mailbox one = { 0 };
	struct slice name;

	while (ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		if (full_name(s, s->guests[s->guest], one.name, &name) != ERR_OK ||
		    (is_wanted(s, &one, name) && add_box(s, one.mailbox, name) != ERR_OK))
			return ERR_LIMIT;
	}
	s->after = SLICE_NONE;
	if (!m->more || one.name.n == 0) {
		s->listed = ++s->guest == s->guest_count;
		return ERR_OK;
	}
	s->after = arena_dup(&s->c->arena, one.name);
	return s->after.p != NULL ? ERR_OK : ERR_LIMIT;
}

static void
on_mailboxes(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct imap_sources *s = arg;
	const struct ipc_store_mailboxes *m =
	    imap_cmd_expect(ses->cmd, r, IPC_MSG_store_mailboxes);

	s->asked = false;
	/* RFC 7377 s2.4 */
	if (m != NULL && add_page(s, m) != ERR_OK)
		imap_cmd_no(ses->cmd, "LIMIT", "Too many mailboxes to search");
}

static uint32_t
handle_of(const struct imap_sources *s, const struct imap_guest *g)
{
	return g != NULL ? g->handle : s->c->s->handle;
}

static bool
ask(struct imap_sources *s, enum ipc_type type, const void *m, imap_reply_fn *fn)
{
	s->asked = imap_cmd_call(s->c, IPC_STORE, type, m, fn, s);
	return s->asked;
}

static bool
ask_names(struct imap_sources *s)
{
	struct ipc_store_list m = {
		.handle = handle_of(s, s->guests[s->guest]), .after = s->after,
	};

	return ask(s, IPC_MSG_store_list, &m, on_mailboxes);
}

/* ---- one mailbox: its facts, then a view of it ---- */

static void
on_view(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct imap_sources *s = arg;
	const struct ipc_store_changes *m;

	s->asked = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail)
		return;			/* it is gone: on with the next */
	m = imap_cmd_expect(ses->cmd, r, IPC_MSG_store_changes);
	if (m == NULL)
		return;
	s->own.v = m->v;
	s->own.uidnext = m->uidnext;
	s->own.exists = m->exists;
	s->own.keywords_bytes = (uint32_t)m->keywords.n;
	if (m->keywords.n > 0) {
		s->own.keywords = must_alloc(m->keywords.n, 1);
		memcpy(s->own.keywords, m->keywords.p, m->keywords.n);
	}
	s->view = &s->own;
	s->is_ready = true;
}

/* Not SELECT: the session keeps its own mailbox, at the store too. */
static void
ask_view(struct imap_sources *s, const struct ipc_store_status_reply *m)
{
	struct ipc_store_sync y = {
		.handle = handle_of(s, s->own.guest), .mailbox = m->mailbox, .v = m->modseq,
		.r = m->modseq, .uidnext = m->uidnext,
	};

	s->own.mailbox = m->mailbox;
	s->own.uidvalidity = m->uidvalidity;
	(void)ask(s, IPC_MSG_store_sync, &y, on_view);
}

static void
on_status(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct imap_sources *s = arg;
	const struct imap_source_box *b = &s->boxes[s->next - 1];
	const struct ipc_store_status_reply *m;

	s->asked = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail)
		return;
	m = imap_cmd_expect(ses->cmd, r, IPC_MSG_store_status_reply);
	if (m == NULL || !(m->rights & STORE_RIGHT_R))
		return;
	s->name = b->name;
	s->is_selected = ses->state == IMAP_SELECTED && ses->view.mailbox == m->mailbox &&
	    ses->view.guest == b->guest;
	if (b->name.n == 0 && (full_name(s, b->guest, m->name, &s->name) != ERR_OK ||
	    (s->name = arena_dup(&s->c->arena, s->name)).p == NULL)) {
		imap_cmd_error(s->c, ERR_LIMIT);
	} else if (s->is_selected) {
		s->view = &ses->view;
		s->is_ready = true;
	} else if (m->exists > 0) {
		ask_view(s, m);
	}
}

/* The selected one by its number, since nobody remembers its name. */
static bool
ask_next(struct imap_sources *s)
{
	const struct imap_source_box *b = &s->boxes[s->next++];
	struct ipc_store_status m = { .handle = handle_of(s, b->guest), .mailbox = b->mailbox };
	struct imap_place place;

	own_fini(s);
	s->own.guest = b->guest;
	if (b->name.n > 0 && imap_place_of(s->c->s, b->name, &place) == ERR_OK)
		m.name = place.name;
	return ask(s, IPC_MSG_store_status, &m, on_status);
}

enum err
imap_sources_next(struct imap_sources *s)
{
	if (s->asked)
		return ERR_AGAIN;
	if (s->is_ready) {
		s->is_ready = false;
		return ERR_OK;
	}
	if (s->listed && s->next == s->box_count)
		return ERR_END;
	return (s->listed ? ask_next(s) : ask_names(s)) ? ERR_AGAIN : ERR_GONE;
}
