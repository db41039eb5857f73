/* SPDX-License-Identifier: ISC */
#include "imapd/imap_window.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/window.h"

struct slot {
	struct imap_window	*window;
	ipc_reply_fn		*fn;
	void			*arg;
	uint32_t		 wanted;
	bool			 is_taken;
};

struct imap_window {
	struct list		 link;
	uint32_t		 instance;
	const unsigned char	*mem;
	unsigned		 free_n;
	/* The last one given back is the next: it is warm. */
	unsigned		 free_slots[STORE_WINDOW_SLOTS];
	struct slot		 slots[STORE_WINDOW_SLOTS];
};

enum err
imap_window_add(struct list *windows, const struct ipc_peer *p, int fd)
{
	struct imap_window *w;
	const unsigned char *mem;
	enum err e;

	if (imap_window_find(windows, ipc_peer_instance(p)) != NULL)
		return ERR_VIOLATION;
	e = window_open(fd, STORE_WINDOW_BYTES, &mem);
	if (e != ERR_OK)
		return e;
	w = must_alloc(1, sizeof(*w));
	w->mem = mem;
	w->instance = ipc_peer_instance(p);
	for (unsigned i = 0; i < STORE_WINDOW_SLOTS; i++) {
		w->slots[i].window = w;
		w->free_slots[w->free_n++] = STORE_WINDOW_SLOTS - 1 - i;
	}
	list_push(windows, &w->link);
	return ERR_OK;
}

void
imap_window_free(struct imap_window **pw)
{
	struct imap_window *w = *pw;

	*pw = NULL;
	if (w == NULL)
		return;
	must(w->free_n == STORE_WINDOW_SLOTS);
	window_close(&w->mem, STORE_WINDOW_BYTES);
	list_remove(&w->link);
	free(w);
}

struct imap_window *
imap_window_find(const struct list *windows, uint32_t instance)
{
	struct list *n;

	for (n = list_first(windows); n != NULL; n = list_next(windows, n))
		if (obj_of(n, struct imap_window, link)->instance == instance)
			return obj_of(n, struct imap_window, link);
	return NULL;
}

static void
give_back(struct imap_window *w, unsigned i)
{
	must(w->slots[i].is_taken);
	w->slots[i].is_taken = false;
	w->free_slots[w->free_n++] = i;
}

static void
on_answer(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct slot *s = arg;
	struct imap_window *w = s->window;
	unsigned i = (unsigned)(s - w->slots);
	const struct ipc_store_data_at *at = m;
	struct ipc_store_data d;

	if (e == ERR_OK && type == IPC_MSG_store_data_at && at->bytes <= s->wanted) {
		d.data = slice_of(w->mem + (size_t)i * STORE_WINDOW_SLOT_BYTES, at->bytes);
		s->fn(s->arg, ERR_OK, IPC_MSG_store_data, &d, in);
	} else {
		s->fn(s->arg, e, type, m, in);
	}
	give_back(w, i);
}

enum err
imap_window_read(struct imap_window *w, struct ipc_peer *p,
    const struct ipc_store_read *m, uint64_t deadline_ms, ipc_reply_fn *fn, void *arg,
    struct imap_ticket *t)
{
	struct ipc_store_read in_slot = *m;
	struct slot *s;
	unsigned i;
	enum err e;

	t->slot = 0;
	if (w == NULL || w->free_n == 0)
		return ipc_call(p, IPC_MSG_store_read, m, NULL, 0, deadline_ms, fn, arg,
		    &t->id);
	i = w->free_slots[--w->free_n];
	s = &w->slots[i];
	s->fn = fn;
	s->arg = arg;
	s->is_taken = true;
	s->wanted = m->bytes < STORE_WINDOW_SLOT_BYTES ? m->bytes : STORE_WINDOW_SLOT_BYTES;
	in_slot.slot = i + 1;
	e = ipc_call(p, IPC_MSG_store_read, &in_slot, NULL, 0, deadline_ms, on_answer, s,
	    &t->id);
	if (e != ERR_OK)
		give_back(w, i);
	else
		t->slot = i + 1;
	return e;
}

void
imap_window_cancel(struct imap_window *w, const struct imap_ticket *t)
{
	if (w != NULL && t->slot > 0)
		give_back(w, t->slot - 1);
}
