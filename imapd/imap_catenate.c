/* SPDX-License-Identifier: ISC */
#include "imapd/imap_catenate.h"

#include <string.h>

#include "imapd/imap_guest.h"
#include "imapd/imap_mailbox.h"
#include "lib/seal/seal.h"

enum stage { IDLE, RESOLVING, NAMED, READING, COPYING };

void
imap_catenate_init(struct imap_catenate *k, struct imap_cmd *c)
{
	memset(k, 0, sizeof(*k));
	k->c = c;
	imap_draft_init(&k->draft, c->s);
	imap_source_init(&k->source, c);
	buf_init(&k->piece, 2 * SEAL_FRAME_BYTES);
}

void
imap_catenate_fini(struct imap_catenate *k)
{
	imap_source_fini(&k->source);
	imap_draft_fini(&k->draft);
	buf_wipe(&k->piece);
	buf_fini(&k->piece);
}

void
imap_catenate_begin(struct imap_catenate *k)
{
	imap_draft_reset(&k->draft);
}

bool
imap_catenate_fits(struct imap_catenate *k, uint64_t bytes)
{
	uint64_t max = k->c->s->shared->message_max;

	if (bytes <= max && k->draft.bytes <= max - bytes)
		return true;
	imap_cmd_no(k->c, "TOOBIG", "The message is too large");
	return false;
}

/* RFC 4469 s4.1: the URL as it came, but for what the response code cannot hold. */
static void
bad_url(struct imap_catenate *k)
{
	struct slice text = slice_head(k->text, IMAP_URL_MAX);
	struct buf code;

	buf_init(&code, 3 * IMAP_URL_MAX + 16);
	buf_put_str(&code, "BADURL ");
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c > 0x20 && c < 0x7f && c != ']' && c != '\\' && c != '"')
			buf_put_char(&code, c);
		else
			buf_printf(&code, "%%%02X", (unsigned char)c);
	}
	if (text.n == 0)
		buf_put_str(&code, "/");
	imap_cmd_no(k->c, imap_cmd_text(k->c, &code), "The URL names no message here");
	buf_fini(&code);
}

/* ---- which mailbox ---- */

static void	 open_mailbox(struct imap_catenate *, const struct ipc_store_status_reply *);
static void	 find_beside(struct imap_catenate *, struct slice selected);

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_catenate *k = arg;
	const struct ipc_store_status_reply *m;

	k->waiting = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_NOTFOUND) {
		bad_url(k);
		return;
	}
	m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
	if (m == NULL)
		return;
	if (k->stage == NAMED || k->url.mailbox.n == 0)
		open_mailbox(k, m);
	else
		find_beside(k, m->name);
}

static void
ask_status(struct imap_catenate *k, uint64_t mailbox, struct slice name)
{
	struct ipc_store_status m = {
		.handle = k->place.handle, .mailbox = mailbox, .name = name,
	};

	k->waiting = imap_cmd_call(k->c, IPC_STORE, IPC_MSG_store_status, &m, on_status, k);
}

/* RFC 4469 s3: relative to the selected mailbox, when there is one. */
static void
find_mailbox(struct imap_catenate *k, struct slice base)
{
	struct arena *a = &k->c->arena;
	struct slice path, name;

	k->stage = NAMED;
	if (imap_url_mailbox(&k->url, base, a, &path) != ERR_OK ||
	    imap_mailbox_name(path, true, a, &name) != ERR_OK ||
	    imap_place_of(k->c->s, name, &k->place) != ERR_OK)
		bad_url(k);
	else
		ask_status(k, 0, k->place.name);
}

/* The selected mailbox may be another user's: then so is what stands beside it. */
static void
find_beside(struct imap_catenate *k, struct slice selected)
{
	const struct imap_guest *g = k->place.guest;

	if (g != NULL && imap_place_join(&k->c->arena, slice_of(g->address, g->address_n),
	    selected, &selected) != ERR_OK)
		bad_url(k);
	else
		find_mailbox(k, selected);
}

static void
open_mailbox(struct imap_catenate *k, const struct ipc_store_status_reply *m)
{
	const struct imap_view view = {
		.guest = k->place.guest, .mailbox = m->mailbox, .v = m->modseq,
		.uidnext = m->uidnext,
	};
	const struct imap_walk_at at = imap_walk_at(k->c->s, &view);

	if (k->url.uidvalidity != 0 && k->url.uidvalidity != m->uidvalidity) {
		bad_url(k);
		return;
	}
	k->stage = READING;
	imap_source_begin(&k->source, &at, k->url.uid, &k->item, 1);
}

/* ---- use ---- */

void
imap_catenate_url(struct imap_catenate *k, struct slice text)
{
	const struct imap_session *s = k->c->s;
	struct arena *a = &k->c->arena;

	k->text = text;
	k->stage = RESOLVING;
	if (imap_url_parse(&k->url, text, a) != ERR_OK || k->url.uid == 0 ||
	    k->url.has_server || k->url.access != IMAP_URL_NO_ACCESS ||
	    !imap_items_parse_section(&k->item, k->url.section, a)) {
		bad_url(k);
		return;
	}
	k->item.is_partial = k->url.has_partial;
	k->item.from = k->url.from;
	k->item.count = k->url.count > 0 ? k->url.count : UINT32_MAX;
	if (k->url.is_rooted || s->state != IMAP_SELECTED) {
		find_mailbox(k, SLICE_NONE);
		return;
	}
	k->place = (struct imap_place){ s->view.guest, imap_view_handle(s), SLICE_NONE };
	ask_status(k, s->view.mailbox, SLICE_NONE);
}

static enum err
copy(struct imap_catenate *k)
{
	enum err e;

	while (!imap_draft_needs_file(&k->draft)) {
		buf_reset(&k->piece);
		/* RFC 4469 s3: as the literal of FETCH BODY. */
		e = imap_source_tell(&k->source, &k->piece);
		if (e == ERR_END)
			return ERR_OK;
		if (e == ERR_OK)
			imap_draft_put(&k->draft, buf_slice(&k->piece));
		else if (e != ERR_AGAIN)
			imap_cmd_error(k->c, e);
		if (e != ERR_OK)
			return e;
	}
	return ERR_AGAIN;
}

enum err
imap_catenate_step(struct imap_catenate *k)
{
	enum err e;

	if (k->c->answer != IMAP_ANSWER_NONE)
		return ERR_STATE;
	if (k->waiting || k->stage < READING)
		return ERR_AGAIN;
	if (k->stage == READING) {
		e = imap_source_ready(&k->source);
		if (e == ERR_NOTFOUND)
			bad_url(k);
		else if (e != ERR_OK && e != ERR_AGAIN)
			imap_cmd_error(k->c, e);
		if (e != ERR_OK)
			return e;
		if (!imap_catenate_fits(k, k->source.section.bytes))
			return ERR_TOOBIG;
		k->stage = COPYING;
	}
	return copy(k);
}
