/* SPDX-License-Identifier: ISC */
#include "imapd/imap_walk.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_firsts.h"
#include "imapd/imap_guest.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "lib/seal/seal_arrival.h"

#define WRAPS_MAX	40000u
#define DEVICES_MAX	2000u
#define EPOCHS_MAX	20000u

struct imap_walk_at
imap_walk_at(const struct imap_session *s, const struct imap_view *v)
{
	const struct imap_guest *g = v->guest;

	return (struct imap_walk_at){
		.handle = g != NULL ? g->handle : s->handle, .mailbox = v->mailbox,
		.v = v->v, .uidnext = v->uidnext,
		.grant = g != NULL ? imap_guest_grant(g) : SLICE_NONE,
		.is_closed = g != NULL && g->grant_bytes == 0,
	};
}

void
imap_walk_start(struct imap_walk *w, struct imap_cmd *c)
{
	const struct imap_session *s = c->s;

	w->c = c;
	/* The form of a sealed message has its date. */
	if (w->wants_keys)
		w->want |= STORE_WANT_COLD;
	w->at = imap_walk_at(s, &s->view);
	list_init(&w->pages);
	imap_firsts_start(w);
	w->started = true;
}

static void
keys_free(unsigned char *keys, uint32_t count)
{
	if (keys != NULL)
		secret_wipe(keys, (size_t)count * IMAP_WALK_KEY_BYTES);
	free(keys);
}

static void
page_free(struct imap_walk_page *p)
{
	list_remove(&p->link);
	p->walk->page_count--;
	keys_free(p->keys, p->count);
	keys_free(p->arrival_keys, p->arrival_count);
	buf_fini(&p->rows);
	buf_fini(&p->epochs);
	buf_fini(&p->devices);
	free(p);
}

void
imap_walk_fini(struct imap_walk *w)
{
	struct list *n, *tmp;

	if (!w->started)
		return;
	LIST_EACH(n, tmp, &w->pages)
		page_free(obj_of(n, struct imap_walk_page, link));
	imap_firsts_fini(w);
	w->started = false;
}

static bool
read_row(uint8_t want, struct ipc_reader *rd, struct ipc_row *row, struct ipc_cold *cold,
    struct ipc_content *content)
{
	if (!ipc_reader_more(rd))
		return false;
	ipc_row_get(rd, row);
	memset(cold, 0, sizeof(*cold));
	memset(content, 0, sizeof(*content));
	if (want & STORE_WANT_COLD)
		ipc_cold_get(rd, cold);
	if (want & STORE_WANT_CONTENT)
		ipc_content_get(rd, content);
	return !rd->bad;
}

bool
imap_walk_read(const struct imap_walk *w, struct ipc_reader *rd, struct ipc_row *row,
    struct ipc_cold *cold, struct ipc_content *content)
{
	return read_row(w->want, rd, row, cold, content);
}

static void
fail(struct imap_walk *w, enum err e)
{
	if (w->error == ERR_OK)
		w->error = e;
}

/* The message when it is of this type, else NULL and the walk has failed. */
static const void *
expect(struct imap_walk *w, const struct imap_reply *r, enum ipc_type type)
{
	if (r->error == ERR_OK && r->type == type)
		return r->m;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail) {
		fail(w, ((const struct ipc_store_fail *)r->m)->error);
	} else if (r->error == ERR_OK && r->type == IPC_MSG_key_fail) {
		enum err e = ((const struct ipc_key_fail *)r->m)->error;

		w->key_refused = e == ERR_AUTH || e == ERR_DENIED;
		/* It may be good again with another grant. */
		w->grant_refused = e == ERR_STATE && w->at.grant.n > 0;
		fail(w, w->grant_refused ? ERR_AGAIN : e);
	}
	fail(w, ERR_GONE);
	return NULL;
}

bool
imap_walk_ask(struct imap_walk *w, enum ipc_role role, enum ipc_type type, const void *m,
    imap_reply_fn *fn, void *arg)
{
	enum err e = imap_session_call(w->c->s, role, type, m, NULL, 0, fn, arg);

	if (e != ERR_OK)
		fail(w, ERR_GONE);
	return e == ERR_OK;
}

/* ---- keys ---- */

/* The keys of an answer, or NULL and the walk has failed. */
static unsigned char *
take_keys(struct imap_walk_page *p, const struct ipc_open_keys_reply *m, uint32_t count)
{
	unsigned char *keys;

	if (m == NULL)
		return NULL;
	if (m->keys.n != (size_t)count * IMAP_WALK_KEY_BYTES) {
		fail(p->walk, ERR_GONE);
		return NULL;
	}
	keys = must_alloc(count, IMAP_WALK_KEY_BYTES);
	memcpy(keys, m->keys.p, m->keys.n);
	p->keys_ready = --p->asked == 0;
	return keys;
}

static void
on_keys(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk_page *p = arg;
	const struct ipc_open_keys_reply *m = expect(p->walk, r, IPC_MSG_open_keys_reply);

	(void)s;
	p->keys = take_keys(p, m, p->count);
	if (p->keys != NULL)
		buf_put_slice(&p->devices, m->devices);
}

static void
on_arrival_keys(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk_page *p = arg;

	(void)s;
	p->arrival_keys = take_keys(p, expect(p->walk, r, IPC_MSG_open_keys_reply),
	    p->arrival_count);
}

static void
ask_open(struct imap_walk_page *p, const struct buf *wraps, struct slice epochs,
    imap_reply_fn *fn)
{
	struct imap_walk *w = p->walk;
	struct ipc_open_keys m = {
		.token = slice_of(w->c->s->token, w->c->s->token_bytes), .grant = w->at.grant,
		.wraps = buf_slice(wraps), .epochs = epochs,
	};

	if (buf_err(wraps) != ERR_OK)
		fail(w, ERR_LIMIT);
	else if (imap_walk_ask(w, IPC_KEYD, IPC_MSG_open_keys, &m, fn, p))
		p->asked++;
}

static void
ask_keys(struct imap_walk *w, struct imap_walk_page *p, struct slice epochs)
{
	struct ipc_reader rd = p->rd;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;
	struct buf wraps;

	if (w->at.is_closed) {
		fail(w, ERR_DENIED);
		return;
	}
	buf_init(&wraps, WRAPS_MAX);
	while (imap_walk_read(w, &rd, &row, &cold, &ct)) {
		struct ipc_wrap wrap = {
			.content = ct.content, .epoch = ct.epoch,
			.generation = ct.generation, .commitment = ct.commitment,
			.wrapped = ct.wrapped,
		};

		ipc_wrap_put(&wraps, &wrap);
	}
	ask_open(p, &wraps, epochs, on_keys);
	buf_fini(&wraps);
}

/* Each arrival has its key with it, as an epoch that only this request knows. */
static void
put_arrival(struct imap_walk_page *p, const struct ipc_content *ct,
    const struct seal_arrival *a, struct buf *wraps, struct buf *epochs)
{
	struct ipc_wrap wrap = {
		.content = ct->content, .epoch = ~ct->content, .generation = ct->generation,
		.commitment = a->commitment, .wrapped = seal_arrival_wrap(a),
	};
	struct ipc_epoch epoch = { ~ct->content, ct->generation, EPOCH_SEALED, a->sealed_key };

	ipc_wrap_put(wraps, &wrap);
	ipc_epoch_put(epochs, &epoch);
	p->arrival_count++;
}

static void
ask_arrivals(struct imap_walk *w, struct imap_walk_page *p)
{
	struct ipc_reader rd = p->rd;
	struct seal_arrival a;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;
	struct buf wraps, epochs;

	buf_init(&wraps, WRAPS_MAX);
	buf_init(&epochs, EPOCHS_MAX);
	while (imap_walk_read(w, &rd, &row, &cold, &ct))
		if (seal_arrival_parse(&a, ct.summary) == ERR_OK)
			put_arrival(p, &ct, &a, &wraps, &epochs);
	if (buf_err(&epochs) != ERR_OK)
		fail(w, ERR_LIMIT);
	else if (p->arrival_count > 0)
		ask_open(p, &wraps, buf_slice(&epochs), on_arrival_keys);
	buf_fini(&wraps);
	buf_fini(&epochs);
}

/* ---- pages ---- */

static uint32_t
count_rows(const struct imap_walk *w, struct ipc_reader rd)
{
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;
	uint32_t n = 0;

	while (imap_walk_read(w, &rd, &row, &cold, &ct))
		n++;
	return n;
}

/* A set that is longer than a request takes goes in pieces. */
static struct slice
window_of(const struct imap_walk *w)
{
	return slice_head(slice_from(w->set, w->window), 8 * STORE_SET_MAX);
}

static void
next_window(struct imap_walk *w)
{
	w->window += window_of(w).n;
	w->resume = 0;
	w->ended = w->window >= w->set.n;
}

static struct imap_walk_page *
page_new(struct imap_walk *w, struct slice rows, struct slice epochs)
{
	struct imap_walk_page *p = must_alloc(1, sizeof(*p));

	p->walk = w;
	list_push(&w->pages, &p->link);
	w->page_count++;
	buf_init(&p->rows, rows.n);
	buf_put_slice(&p->rows, rows);
	buf_init(&p->epochs, epochs.n);
	buf_put_slice(&p->epochs, epochs);
	buf_init(&p->devices, DEVICES_MAX);
	p->rd = p->ahead = ipc_reader_of(buf_slice(&p->rows));
	return p;
}

static void
add_page(struct imap_walk *w, struct slice rows, struct slice epochs)
{
	struct imap_walk_page *p;

	if (rows.n == 0)
		return;
	p = page_new(w, rows, epochs);
	p->count = w->wants_keys ? count_rows(w, p->rd) : 0;
	if (w->on_rows != NULL)
		w->on_rows(w, p->rd, w->arg);
	if (p->count > OPEN_KEYS_MAX) {
		fail(w, ERR_GONE);
		return;
	}
	if (p->count == 0) {
		p->keys_ready = true;
		return;
	}
	ask_keys(w, p, epochs);
	if (w->error == ERR_OK)
		ask_arrivals(w, p);
}

/* ---- what is kept ---- */

static bool
knows_all(const struct imap_walk *w, struct slice rows)
{
	struct ipc_reader rd = ipc_reader_of(rows);
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;

	while (read_row(STORE_WANT_COLD, &rd, &row, &cold, &ct))
		if (imap_memo_find(w->memo, cold.content) == NULL)
			return false;
	return !rd.bad;
}

static void
add_kept_page(struct imap_walk *w, struct slice rows)
{
	struct imap_walk_page *p = page_new(w, rows, SLICE_NONE);

	p->is_kept = p->keys_ready = true;
}

static void
on_page(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk *w = arg;
	struct imap_cmd *c = s->cmd;
	const struct ipc_store_rows *m = expect(w, r, IPC_MSG_store_rows);
	bool is_kept;

	w->asked = false;
	if (m == NULL)
		return;
	if (w->at.handle == imap_view_handle(s) && w->at.mailbox == s->view.mailbox)
		c->modseq = m->modseq;
	is_kept = w->memo != NULL;
	if (is_kept && !knows_all(w, m->rows)) {
		/* The same rows again, with all that opens them. */
		w->memo = NULL;
		return;
	}
	w->resume = m->resume;
	if (!m->more)
		next_window(w);
	if (!is_kept)
		add_page(w, m->rows, m->epochs);
	else if (m->rows.n > 0)
		add_kept_page(w, m->rows);
}

/* The one message of a URL, with the grant that opens it; or none. */
static void
on_url(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_walk *w = arg;
	const struct ipc_store_url_reply *m = r->m;

	(void)s;
	w->asked = false;
	w->ended = true;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_NOTFOUND)
		return;
	if (expect(w, r, IPC_MSG_store_url_reply) == NULL)
		return;
	memcpy(w->url_grant, m->grant.p, m->grant.n);
	w->at.grant = slice_of(w->url_grant, m->grant.n);
	add_page(w, m->rows, m->epochs);
}

static void
ask_page(struct imap_walk *w)
{
	struct ipc_store_fetch m = {
		.handle = w->at.handle,
		.mailbox = w->at.mailbox,
		.v = w->at.v,
		.uidnext = w->at.uidnext,
		.by_uid = w->by_uid,
		.want = w->memo != NULL ? STORE_WANT_COLD : w->want,
		.changed_since = w->changed_since,
		.resume = w->resume,
		.limit = w->wants_keys && w->memo == NULL ? OPEN_KEYS_MAX : 0,
		.set = window_of(w),
	};

	const struct ipc_store_url url = {
		.handle = w->at.handle, .pass = w->at.pass, .name = w->at.name,
	};

	if (w->asked || w->ended || w->page_count >= IMAP_WALK_PAGES)
		return;
	w->asked = w->at.pass.n > 0 ? imap_walk_ask(w, IPC_STORE, IPC_MSG_store_url, &url, on_url, w) :
	    imap_walk_ask(w, IPC_STORE, IPC_MSG_store_fetch, &m, on_page, w);
}

struct slice
imap_walk_read_grant(const struct imap_walk *w)
{
	return w->at.pass.n > 0 ? w->at.grant : SLICE_NONE;
}

/* ---- the walk ---- */

/* The first page with something left, or NULL. */
static struct imap_walk_page *
current_page(struct imap_walk *w)
{
	struct list *n;

	while ((n = list_first(&w->pages)) != NULL) {
		struct imap_walk_page *p = obj_of(n, struct imap_walk_page, link);

		if (ipc_reader_more(&p->rd))
			return p;
		/* Its last message was still in use until now. */
		page_free(p);
	}
	return NULL;
}

static enum err
tell_failure(struct imap_walk *w)
{
	struct imap_guest *g = w->c->s->view.guest;

	if (w->grant_refused && g != NULL)
		imap_guest_stale(g);
	if (w->error == ERR_DENIED && w->at.is_closed)
		imap_cmd_no(w->c, "NOPERM", "Only its owner can open this mail");
	else
		imap_cmd_error(w->c, w->error);
	if (w->key_refused)
		imap_cmd_then_bye(w->c, "[UNAVAILABLE] Please log in again");
	return ERR_GONE;
}

/* NULL: the current message has none, or it does not open. */
static const unsigned char *
next_arrival_key(const struct imap_walk *w, struct imap_walk_page *p)
{
	struct seal_arrival a;
	const unsigned char *key;

	if (p->arrival_keys == NULL || p->arrival_idx == p->arrival_count ||
	    seal_arrival_parse(&a, w->content.summary) != ERR_OK)
		return NULL;
	key = p->arrival_keys + p->arrival_idx++ * IMAP_WALK_KEY_BYTES;
	return key[0] == OPEN_KEY ? key + 1 : NULL;
}

enum err
imap_walk_next(struct imap_walk *w)
{
	struct imap_walk_page *p = current_page(w);

	if (w->error == ERR_OK) {
		ask_page(w);
		imap_firsts_ask(w);
	}
	if (w->error != ERR_OK)
		return tell_failure(w);
	if (p == NULL)
		return w->ended && !w->asked ? ERR_END : ERR_AGAIN;
	if (!p->keys_ready)
		return ERR_AGAIN;
	if (!read_row(p->is_kept ? STORE_WANT_COLD : w->want, &p->rd, &w->row, &w->cold,
	    &w->content)) {
		fail(w, ERR_GONE);
		return tell_failure(w);
	}
	/* The memo that was asked for the page: nothing leaves it while it lives. */
	w->kept = p->is_kept ? imap_memo_find(w->c->s->memo, w->cold.content) : NULL;
	w->key = p->keys != NULL && p->keys[p->idx * IMAP_WALK_KEY_BYTES] == OPEN_KEY ?
	    p->keys + p->idx * IMAP_WALK_KEY_BYTES + 1 : NULL;
	w->is_sealed = p->keys != NULL && p->keys[p->idx * IMAP_WALK_KEY_BYTES] == OPEN_CLIENT;
	w->arrival_key = next_arrival_key(w, p);
	imap_firsts_next(w);
	p->idx++;
	return ERR_OK;
}

/* The current message's page is the first one: it is freed when the next begins. */
void
imap_walk_facts(const struct imap_walk *w, struct seal_mime_facts *f)
{
	const struct imap_walk_page *p = obj_of(list_first(&w->pages), struct imap_walk_page, link);
	struct ipc_reader rd = ipc_reader_of(buf_slice(&p->epochs));
	struct ipc_device_key device;
	struct ipc_epoch epoch;

	*f = (struct seal_mime_facts){
		.account = w->c->s->account, .content = w->content.content,
		.generation = w->content.generation, .commitment = w->content.commitment,
		.content_key = w->content.wrapped, .epoch = w->content.epoch,
		.epoch_generation = w->content.generation,
		.arrival = w->content.summary,
		.internal_s = w->cold.internal_s,
	};
	while (ipc_reader_more(&rd)) {
		ipc_epoch_get(&rd, &epoch);
		if (epoch.epoch != f->epoch)
			continue;
		f->epoch_generation = epoch.generation;
		f->epoch_is_sealed = epoch.form == EPOCH_SEALED;
		f->epoch_key = epoch.data;
	}
	rd = ipc_reader_of(buf_slice(&p->devices));
	while (ipc_reader_more(&rd)) {
		ipc_device_key_get(&rd, &device);
		if (device.generation != f->epoch_generation)
			continue;
		f->account_key = device.secret;
		f->account_key_to = device.sealed_to;
	}
}
