/* SPDX-License-Identifier: ISC */
#include "imapd/imap_firsts.h"

#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"

#define KEPT_BYTES	16384u	/* of memory, by a slot that is free */
#define OPENING_NEXT	4u	/* messages that are worth another turn of a thread */

void
imap_firsts_start(struct imap_walk *w)
{
	for (size_t i = 0; i < IMAP_WALK_FIRSTS; i++) {
		w->firsts[i].walk = w;
		buf_init(&w->firsts[i].data, IMAP_READ_BYTES);
	}
}

void
imap_firsts_fini(struct imap_walk *w)
{
	for (size_t i = 0; i < IMAP_WALK_OPENINGS; i++)
		imap_opening_leave(&w->openings[i]);
	for (size_t i = 0; i < IMAP_WALK_FIRSTS; i++) {
		buf_fini(&w->firsts[i].data);
		buf_fini(&w->firsts[i].text);
	}
}

static struct imap_walk_first *
slot(struct imap_walk *w, uint64_t number)
{
	return &w->firsts[number % IMAP_WALK_FIRSTS];
}

/* ---- opening ---- */

static const unsigned char *
key_of(const struct imap_walk_first *f)
{
	const unsigned char *key;

	if (f->state != IMAP_FIRST_READY || !f->may_open || !f->page->keys_ready ||
	    f->page->keys == NULL)
		return NULL;
	key = f->page->keys + (size_t)f->page_idx * IMAP_WALK_KEY_BYTES;
	return key[0] == OPEN_KEY ? key + 1 : NULL;
}

static void	open_some(struct imap_walk *);

static void
on_opened(struct imap_opening *o, void *arg)
{
	struct imap_walk *w = arg;
	struct imap_session *s = w->c->s;

	for (unsigned i = 0; i < o->count; i++) {
		struct imap_opening_item *item = &o->items[i];
		struct imap_walk_first *f = slot(w, item->number);

		/* Its turn may be over, without anybody having asked for its text. */
		if (f->number != item->number || f->state != IMAP_FIRST_OPENING)
			continue;
		f->data = item->sealed;
		f->text = item->text;
		buf_init(&item->sealed, 0);
		buf_init(&item->text, 0);
		f->state = item->is_open ? IMAP_FIRST_OPEN : IMAP_FIRST_READY;
		f->may_open = false;
	}
	for (size_t i = 0; i < IMAP_WALK_OPENINGS; i++)
		if (w->openings[i] == o)
			w->openings[i] = NULL;
	imap_opening_free(&o);
	open_some(w);
	s->host->defer(s->host_arg);
}

static uint64_t
current(const struct imap_walk *w)
{
	return w->first_head > 0 ? w->first_head - 1 : 0;
}

static unsigned
count_openable(struct imap_walk *w)
{
	unsigned n = 0;

	for (uint64_t i = current(w); i < w->first_tail; i++)
		n += key_of(slot(w, i)) != NULL;
	return n;
}

static struct imap_opening *
gather(struct imap_walk *w)
{
	struct imap_opening *o = imap_opening_new(w->c->s->shared);

	for (uint64_t i = current(w); i < w->first_tail; i++) {
		struct imap_walk_first *f = slot(w, i);
		const unsigned char *key = key_of(f);

		if (key == NULL)
			continue;
		if (!imap_opening_fits(o, f->text_bytes))
			break;
		imap_opening_add(o, i, f->text_bytes, key, f->commitment, &f->data);
		f->state = IMAP_FIRST_OPENING;
	}
	return o;
}

/* No thread took it: as it was. */
static void
give_back(struct imap_walk *w, struct imap_opening *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		struct imap_walk_first *f = slot(w, o->items[i].number);

		f->data = o->items[i].sealed;
		buf_init(&o->items[i].sealed, 0);
		f->state = IMAP_FIRST_READY;
	}
	w->opens_ahead = false;
	imap_opening_free(&o);
}

/* The next turn of a thread takes what came during the last one. */
static void
open_some(struct imap_walk *w)
{
	struct imap_session *s = w->c->s;
	unsigned running = 0;
	size_t at = IMAP_WALK_OPENINGS;
	struct imap_opening *o;

	/* Who is the last, or alone, gains nothing by a thread. */
	if (!w->opens_ahead || s->host->work == NULL || w->first_tail <= current(w) + 1)
		return;
	for (size_t i = 0; i < IMAP_WALK_OPENINGS; i++) {
		running += w->openings[i] != NULL;
		at = w->openings[i] == NULL ? i : at;
	}
	if (at == IMAP_WALK_OPENINGS || count_openable(w) < (running > 0 ? OPENING_NEXT : 1))
		return;
	o = gather(w);
	w->openings[at] = o;
	if (imap_opening_start(o, s, on_opened, w) == ERR_OK)
		return;
	w->openings[at] = NULL;
	give_back(w, o);
}

/* ---- asking ---- */

/* Without decompression a turn of a thread costs more than it takes off. */
static bool
is_packed(struct slice object)
{
	struct seal_head head;

	return seal_head_parse(&head, object) == ERR_OK && head.method != SEAL_STORED;
}

static void
on_first(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk_first *f = arg;
	const struct ipc_store_data *m = r->m;

	(void)s;
	/* Answers come in order: those of the slot's last user first. */
	if (f->stale > 0) {
		f->stale--;
		return;
	}
	if (r->error != ERR_OK || r->type != IPC_MSG_store_data) {
		f->state = IMAP_FIRST_FAILED;
		return;
	}
	/* Looked at from here on only: the store could still change its own. */
	buf_put_slice(&f->data, m->data);
	f->state = IMAP_FIRST_READY;
	f->may_open = f->may_open && is_packed(buf_slice(&f->data));
	open_some(f->walk);
}

static void
ask_first(struct imap_walk *w, struct imap_walk_page *p, const struct ipc_content *ct,
    const struct imap_walk_first *what)
{
	struct imap_walk_first *f = slot(w, w->first_tail);
	uint64_t bytes = ct->blob_bytes < w->first_bytes ? ct->blob_bytes : w->first_bytes;
	struct ipc_store_read m = {
		.handle = w->at.handle, .content = ct->content, .bytes = (uint32_t)bytes,
		.grant = imap_walk_read_grant(w),
	};

	/* A message that does not open does not wait for its first piece. */
	f->stale += f->state == IMAP_FIRST_ASKED;
	buf_reset(&f->data);
	f->state = IMAP_FIRST_ASKED;
	f->number = w->first_tail++;
	f->cost = what->cost;
	f->text_bytes = what->text_bytes;
	f->may_open = what->may_open;
	f->page = p;
	f->page_idx = p->ahead_idx++;
	f->commitment = ct->commitment;
	w->first_cost += f->cost;
	if (!imap_walk_ask(w, IPC_STORE, IPC_MSG_store_read, &m, on_first, f))
		f->state = IMAP_FIRST_FAILED;
}

static struct imap_walk_first
plan(const struct imap_walk *w, const struct ipc_cold *cold, const struct ipc_content *ct)
{
	struct imap_walk_first f = {
		.may_open = w->opens_ahead && ct->blob_bytes <= w->first_bytes &&
		    cold->size <= IMAP_OPENING_TEXT_MAX &&
		    ct->commitment.n == SEAL_COMMITMENT_BYTES,
		.text_bytes = cold->size,
		.cost = ct->blob_bytes < w->first_bytes ? ct->blob_bytes : w->first_bytes,
	};

	f.cost += f.may_open ? f.text_bytes : 0;
	return f;
}

/* Slots belong to messages by number; the current one keeps its slot. */
static bool
ask_page(struct imap_walk *w, struct imap_walk_page *p)
{
	struct imap_walk_first what;
	struct ipc_reader was;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;

	for (;;) {
		if (w->first_tail + 1 >= w->first_head + IMAP_WALK_FIRSTS)
			return false;
		was = p->ahead;
		if (!imap_walk_read(w, &p->ahead, &row, &cold, &ct))
			return true;
		what = plan(w, &cold, &ct);
		if (w->first_cost > 0 && w->first_cost + what.cost > IMAP_WALK_FIRST_BYTES) {
			p->ahead = was;
			return false;
		}
		ask_first(w, p, &ct, &what);
	}
}

void
imap_firsts_ask(struct imap_walk *w)
{
	struct list *n, *tmp;

	if (w->first_bytes == 0)
		return;
	LIST_EACH(n, tmp, &w->pages)
		if (!ask_page(w, obj_of(n, struct imap_walk_page, link)))
			break;
}

static void
let_go(struct imap_walk *w, struct imap_walk_first *f)
{
	w->first_cost -= f->cost;
	f->cost = 0;
	buf_fini(&f->text);
	if (f->data.cap > KEPT_BYTES)
		buf_release(&f->data);
	/* An answer that is to come is known by its state. */
	if (f->state != IMAP_FIRST_ASKED)
		f->state = IMAP_FIRST_FREE;
}

void
imap_firsts_next(struct imap_walk *w)
{
	if (w->first_bytes == 0)
		return;
	if (w->first_head > 0)
		let_go(w, slot(w, w->first_head - 1));
	w->first = slot(w, w->first_head++);
	open_some(w);
}
