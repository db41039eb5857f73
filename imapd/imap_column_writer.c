/* SPDX-License-Identifier: ISC */
#include "imapd/imap_column_writer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

struct plain {
	struct list	 link;
	uint32_t	 block;
	struct buf	 bytes;
};

void
imap_column_writer_init(struct imap_column_writer *w, struct imap_cmd *c,
    const struct imap_walk_at *at, enum imap_column_kind kind)
{
	memset(w, 0, sizeof(*w));
	w->c = c;
	w->at = *at;
	w->kind = kind;
	list_init(&w->queue);
	buf_init(&w->entries, IMAP_COLUMN_MAX);
	sealer_message_init(&w->message);
}

static void
plain_free(struct imap_column_writer *w, struct plain *p)
{
	list_remove(&p->link);
	w->queued--;
	buf_wipe(&p->bytes);
	buf_fini(&p->bytes);
	free(p);
}

static void
forget_old(struct imap_column_writer *w, struct imap_column_lack *l)
{
	if (l->old.n == 0)
		return;
	secret_wipe((char *)(uintptr_t)l->old.p, l->old.n);
	free((char *)(uintptr_t)l->old.p);
	l->old = SLICE_NONE;
	w->kept--;
}

void
imap_column_writer_fini(struct imap_column_writer *w)
{
	struct list *n, *tmp;

	if (w->c == NULL)
		return;
	LIST_EACH(n, tmp, &w->queue)
		plain_free(w, obj_of(n, struct plain, link));
	for (uint32_t i = 0; i < w->lack_count; i++)
		forget_old(w, &w->lacks[i]);
	free(w->lacks);
	buf_wipe(&w->entries);
	buf_fini(&w->entries);
	sealer_message_fini(w->c->s->shared->sealer, &w->message);
	w->c = NULL;
}

void
imap_column_writer_lacks(struct imap_column_writer *w, uint32_t uid, struct slice plain)
{
	uint32_t block = uid / IMAP_COLUMN_UIDS;
	struct imap_column_lack *l;
	char *copy;

	if (w->is_broken || (w->lack_count > 0 && w->lacks[w->lack_count - 1].block >= block) ||
	    (plain.n > 0 && w->kept == IMAP_COLUMN_KEPT))
		return;
	if (w->lack_count == w->lack_cap) {
		w->lack_cap = w->lack_cap > 0 ? 2 * w->lack_cap : 16;
		w->lacks = must_realloc(w->lacks, w->lack_cap, sizeof(*w->lacks));
	}
	l = &w->lacks[w->lack_count++];
	*l = (struct imap_column_lack){ .block = block };
	if (plain.n == 0)
		return;
	copy = must_alloc(plain.n, 1);
	memcpy(copy, plain.p, plain.n);
	l->old = slice_of(copy, plain.n);
	w->kept++;
}

/* ---- to the store ---- */

static void	pump(struct imap_column_writer *);

static struct sealer_owner
owner_of(const struct imap_session *s)
{
	struct sealer_owner o = { .account = s->account, .generation = s->key_generation };

	memcpy(o.public_key, s->public_key, sizeof(o.public_key));
	return o;
}

static void
on_put(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_column_writer *w = arg;
	struct sealer_owner o = owner_of(s);

	w->unanswered--;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_ok) {
		sealer_stored(s->shared->sealer, &o, w->message.epoch);
	} else {
		/* It may be the epoch that the store no longer knows. */
		sealer_drop(s->shared->sealer, &o, w->message.epoch);
		w->is_broken = true;
	}
	pump(w);
}

static void
on_epoch(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_column_writer *w = arg;
	struct sealer_owner o = owner_of(s);

	w->waits_epoch = false;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_epoch_ok ||
	    sealer_grant(s->shared->sealer, &o, r->m, s->host->now_ms(s->host_arg)) != ERR_OK)
		w->is_broken = true;
	pump(w);
}

static void
ask_epoch(struct imap_column_writer *w)
{
	struct imap_session *s = w->c->s;
	struct ipc_store_epoch m = { .handle = s->handle, .account = s->account };

	w->waits_epoch = imap_session_call(s, IPC_STORE, IPC_MSG_store_epoch, &m, NULL, 0,
	    on_epoch, w) == ERR_OK;
	w->is_broken = !w->waits_epoch;
}

/* Until it fits: a block of long entries keeps the shorter ones. */
static enum err
seal(struct imap_column_writer *w, struct plain *p, struct buf *out,
    struct ipc_store_put_columns *m)
{
	struct imap_session *s = w->c->s;
	struct sealer_owner o = owner_of(s);
	struct imap_column column;
	struct buf smaller;
	enum err e;

	for (;;) {
		buf_reset(out);
		e = sealer_columns(s->shared->sealer, &w->message, &o, buf_slice(&p->bytes),
		    s->host->now_ms(s->host_arg), out, m);
		if (e != ERR_OK || out->n <= IMAP_COLUMN_SEALED_MAX)
			return e;
		if (imap_column_get(&column, buf_slice(&p->bytes)) != ERR_OK ||
		    !imap_column_drop(&column))
			return ERR_TOOBIG;
		buf_init(&smaller, IMAP_COLUMN_MAX);
		imap_column_put(&smaller, &column);
		buf_wipe(&p->bytes);
		buf_fini(&p->bytes);
		p->bytes = smaller;
	}
}

/* The next block of the queue; false: not now. */
static bool
put_next(struct imap_column_writer *w)
{
	struct imap_session *s = w->c->s;
	struct plain *p = obj_of(list_first(&w->queue), struct plain, link);
	struct ipc_store_put_columns m = { 0 };
	struct buf out;
	enum err e;

	buf_init(&out, IMAP_COLUMN_MAX + SEAL_FRAME_BYTES);
	e = seal(w, p, &out, &m);
	if (e == ERR_OK) {
		m.handle = w->at.handle;
		m.mailbox = w->at.mailbox;
		m.kind = w->kind;
		m.block = p->block;
		e = imap_session_call(s, IPC_STORE, IPC_MSG_store_put_columns, &m, NULL, 0,
		    on_put, w);
		w->unanswered += e == ERR_OK;
		w->is_broken = e != ERR_OK;
	}
	buf_fini(&out);
	if (e == ERR_AGAIN)
		ask_epoch(w);
	else
		plain_free(w, p);
	return e != ERR_AGAIN;
}

static void
pump(struct imap_column_writer *w)
{
	while (!w->is_broken && !w->waits_epoch && w->unanswered < IMAP_COLUMN_UNANSWERED &&
	    list_first(&w->queue) != NULL)
		if (!put_next(w))
			return;
}

/* ---- blocks ---- */

/* The entries that were added lie in entries in the order of their UIDs. */
static void
add_new(struct imap_column_writer *w, struct imap_column *column, uint32_t block)
{
	struct slice rest = buf_slice(&w->entries);

	for (uint32_t i = 0; i < IMAP_COLUMN_UIDS; i++) {
		if (w->sizes[i] == 0)
			continue;
		(void)imap_column_add(column, block * IMAP_COLUMN_UIDS + i,
		    slice_head(rest, w->sizes[i]));
		rest = slice_from(rest, w->sizes[i]);
	}
}

static bool
is_worth(const struct imap_column_writer *w, const struct imap_column_lack *l)
{
	uint32_t next = w->at.uidnext / IMAP_COLUMN_UIDS;

	return w->gain >= IMAP_COLUMN_GAIN || (w->gain > 0 && l->old.n == 0 && l->block < next);
}

static void
finish_block(struct imap_column_writer *w)
{
	struct imap_column_lack *l = &w->lacks[w->lack_idx];
	struct imap_column column = { 0 };
	struct plain *p;

	if (is_worth(w, l) && w->queued < IMAP_COLUMN_QUEUE &&
	    (l->old.n == 0 || imap_column_get(&column, l->old) == ERR_OK)) {
		add_new(w, &column, l->block);
		p = must_alloc(1, sizeof(*p));
		p->block = l->block;
		buf_init(&p->bytes, IMAP_COLUMN_MAX);
		imap_column_put(&p->bytes, &column);
		list_push(&w->queue, &p->link);
		w->queued++;
		pump(w);
	}
	forget_old(w, l);
	memset(w->sizes, 0, sizeof(w->sizes));
	buf_reset(&w->entries);
	w->gain = 0;
	w->lack_idx++;
}

void
imap_column_writer_add(struct imap_column_writer *w, uint32_t uid, struct slice entry)
{
	uint32_t block = uid / IMAP_COLUMN_UIDS;
	unsigned i = uid % IMAP_COLUMN_UIDS;

	while (!w->is_broken && w->lack_idx < w->lack_count &&
	    w->lacks[w->lack_idx].block < block)
		finish_block(w);
	if (w->is_broken || w->lack_idx == w->lack_count ||
	    w->lacks[w->lack_idx].block != block || w->sizes[i] > 0)
		return;
	buf_put_slice(&w->entries, entry);
	if (buf_err(&w->entries) != ERR_OK)
		return;
	w->sizes[i] = (uint32_t)entry.n;
	w->gain++;
}

bool
imap_column_writer_end(struct imap_column_writer *w)
{
	while (!w->is_broken && w->lack_idx < w->lack_count)
		finish_block(w);
	return w->is_broken || list_first(&w->queue) == NULL;
}
