/* SPDX-License-Identifier: ISC */
#include "imapd/imap_object.h"

#include <string.h>

#include "imapd/imap_walk.h"

#define TABLE_MAX	(1u << 20)	/* of a 4 GiB message: 128 KiB */

struct seal_reader *
imap_object_take_reader(struct imap_shared *shared)
{
	struct seal_reader *r;

	for (size_t i = 0; i < IMAP_READERS_KEPT; i++) {
		if ((r = shared->readers[i]) == NULL)
			continue;
		shared->readers[i] = NULL;
		return r;
	}
	return seal_reader_new();
}

void
imap_object_give_reader(struct imap_shared *shared, struct seal_reader **pr)
{
	struct seal_reader *r = *pr;

	*pr = NULL;
	if (r == NULL)
		return;
	seal_reader_wipe(r);
	for (size_t i = 0; i < IMAP_READERS_KEPT && r != NULL; i++) {
		if (shared->readers[i] != NULL)
			continue;
		shared->readers[i] = r;
		r = NULL;
	}
	seal_reader_free(&r);
}

void
imap_object_init(struct imap_object *o, struct imap_cmd *c)
{
	memset(o, 0, sizeof(*o));
	o->c = c;
	buf_init(&o->table, TABLE_MAX);
	seal_mime_init(&o->sealed);
	for (size_t i = 0; i < IMAP_OBJECT_AHEAD; i++)
		buf_init(&o->pieces[i].mem, IMAP_READ_BYTES);
}

void
imap_object_fini(struct imap_object *o)
{
	buf_fini(&o->table);
	seal_mime_fini(&o->sealed);
	for (size_t i = 0; i < IMAP_OBJECT_AHEAD; i++)
		buf_fini(&o->pieces[i].mem);
}

static void
on_piece(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_object_piece *p = arg;
	const struct ipc_store_data *m = r->m;

	(void)s;
	/* Answers come in order: those for the message before first. */
	if (p->stale > 0) {
		p->stale--;
		return;
	}
	p->ready = true;
	p->failed = r->error != ERR_OK || r->type != IPC_MSG_store_data ||
	    m->data.n != p->wanted;
	if (p->failed)
		return;
	buf_put_slice(&p->mem, m->data);
	p->data = buf_slice(&p->mem);
}

/* Ask for n bytes from off, or take them from what is here already. */
static enum err
fetch(struct imap_object *o, uint64_t off, uint32_t n)
{
	struct imap_object_piece *p = &o->pieces[o->tail % IMAP_OBJECT_AHEAD];
	struct ipc_store_read m = {
		.handle = o->handle, .content = o->content, .offset = off, .bytes = n,
		.grant = o->grant,
	};

	buf_reset(&p->mem);
	p->wanted = n;
	p->failed = false;
	p->ready = off + n <= o->first.n;
	p->data = p->ready ? slice_head(slice_from(o->first, (size_t)off), n) : SLICE_NONE;
	if (!p->ready && !imap_cmd_call(o->c, IPC_STORE, IPC_MSG_store_read, &m, on_piece, p))
		return ERR_GONE;
	o->tail++;
	return ERR_OK;
}

/* How much to ask for at once: up to the end of first, else a whole piece. */
static uint32_t
piece_bytes(const struct imap_object *o, uint64_t off, uint64_t end)
{
	uint64_t n = end - off;

	if (off < o->first.n && off + n > o->first.n)
		n = o->first.n - off;
	return n > IMAP_READ_BYTES ? IMAP_READ_BYTES : (uint32_t)n;
}

static enum err
fetch_ahead(struct imap_object *o)
{
	while (o->next < o->end && o->tail - o->head < IMAP_OBJECT_AHEAD) {
		uint32_t n = piece_bytes(o, o->next, o->end);
		enum err e = fetch(o, o->next, n);

		if (e != ERR_OK)
			return e;
		o->next += n;
	}
	return ERR_OK;
}

/* The last message may have failed with pieces on their way. */
static void
give_up_pieces(struct imap_object *o)
{
	for (; o->head != o->tail; o->head++)
		o->pieces[o->head % IMAP_OBJECT_AHEAD].stale +=
		    !o->pieces[o->head % IMAP_OBJECT_AHEAD].ready;
	o->head = o->tail = 0;
}

static void
begin(struct imap_object *o, const struct ipc_content *ct, struct slice first, bool is_sealed)
{
	o->content = ct->content;
	o->bytes = ct->blob_bytes;
	o->first = first;
	o->is_sealed = is_sealed;
	give_up_pieces(o);
	o->next = o->end = 0;
	o->needs_table = false;
	o->prefix = SLICE_NONE;
	o->is_text = false;
	o->plain = SLICE_NONE;
	o->plain_at = o->plain_end = 0;
	o->prefix_at = o->prefix_end = 0;
	buf_reset(&o->table);
}

enum err
imap_object_open_sealed(struct imap_object *o, const struct ipc_content *ct,
    const struct seal_mime_facts *facts)
{
	begin(o, ct, SLICE_NONE, true);
	return seal_mime_begin(&o->sealed, facts, ct->blob_bytes);
}

enum err
imap_object_open(struct imap_object *o, const struct ipc_content *ct,
    const unsigned char *key, struct slice first)
{
	enum err e;

	begin(o, ct, first, false);
	if (ct->commitment.n != SEAL_COMMITMENT_BYTES)
		return ERR_CORRUPT;
	e = seal_reader_begin(o->reader, key, ct->blob_bytes, first,
	    (const unsigned char *)ct->commitment.p);
	if (e != ERR_OK)
		return e == ERR_SHORT ? ERR_CORRUPT : e;
	if (!seal_reader_needs_table(o->reader, &o->table_off, &o->table_bytes))
		return ERR_OK;
	if (o->table_bytes > TABLE_MAX || o->table_off > o->bytes ||
	    o->table_bytes > o->bytes - o->table_off)
		return ERR_CORRUPT;
	o->needs_table = true;
	o->next = o->table_off;
	o->end = o->table_off + o->table_bytes;
	return imap_object_ready(o);
}

enum err
imap_object_ready(struct imap_object *o)
{
	enum err e;

	if (!o->needs_table)
		return ERR_OK;
	for (;;) {
		struct imap_object_piece *p = &o->pieces[o->head % IMAP_OBJECT_AHEAD];

		e = fetch_ahead(o);
		if (e != ERR_OK)
			return e;
		if (o->head == o->tail)
			break;
		if (!p->ready)
			return ERR_AGAIN;
		if (p->failed)
			return ERR_IO;
		buf_put_slice(&o->table, p->data);
		o->head++;
	}
	o->needs_table = false;
	e = seal_reader_table(o->reader, buf_slice(&o->table));
	buf_release(&o->table);
	return e;
}

void
imap_object_put_before(struct imap_object *o, struct slice text)
{
	o->prefix = text;
}

void
imap_object_open_text(struct imap_object *o, struct slice text)
{
	static const struct ipc_content none;

	begin(o, &none, SLICE_NONE, false);
	o->prefix = text;
	o->is_text = true;
}

void
imap_object_open_plain(struct imap_object *o, struct slice text)
{
	imap_object_open_text(o, SLICE_NONE);
	o->plain = text;
}

uint64_t
imap_object_plain_bytes(const struct imap_object *o)
{
	if (o->is_sealed)
		return seal_mime_bytes(&o->sealed);
	return o->prefix.n + (o->is_text ? o->plain.n : seal_reader_plain_bytes(o->reader));
}

/* What of the range lies before the object's text; the rest is moved into it. */
static void
range_prefix(struct imap_object *o, uint64_t *a, uint64_t *b)
{
	uint64_t n = o->prefix.n;

	o->prefix_at = (size_t)(*a < n ? *a : n);
	o->prefix_end = (size_t)(*b < n ? *b : n);
	*a = *a > n ? *a - n : 0;
	*b = *b > n ? *b - n : 0;
}

enum err
imap_object_range(struct imap_object *o, uint64_t a, uint64_t b)
{
	uint64_t n;
	enum err e;

	if (o->is_sealed) {
		give_up_pieces(o);
		seal_mime_range(&o->sealed, a, b, &o->next, &n);
		o->end = o->next + n;
		return ERR_OK;
	}
	range_prefix(o, &a, &b);
	if (o->is_text) {
		o->plain_at = (size_t)(a < o->plain.n ? a : o->plain.n);
		o->plain_end = (size_t)(b < o->plain.n ? b : o->plain.n);
		return ERR_OK;
	}
	e = seal_reader_range(o->reader, a, b, &o->next, &n);
	if (e != ERR_OK)
		return e;
	if (o->next > o->bytes || n > o->bytes - o->next)
		return ERR_CORRUPT;
	o->end = o->next + n;
	return ERR_OK;
}

enum err
imap_object_read(struct imap_object *o, struct buf *out)
{
	struct imap_object_piece *p;
	enum err e;

	if (o->prefix_at < o->prefix_end) {
		buf_put_slice(out, slice_head(slice_from(o->prefix, o->prefix_at),
		    o->prefix_end - o->prefix_at));
		o->prefix_at = o->prefix_end;
		return ERR_OK;
	}
	if (o->is_text && o->plain_at < o->plain_end) {
		buf_put_slice(out, slice_head(slice_from(o->plain, o->plain_at),
		    o->plain_end - o->plain_at));
		o->plain_at = o->plain_end;
		return ERR_OK;
	}
	if (o->is_text)
		return ERR_END;
	e = o->is_sealed ? seal_mime_read(&o->sealed, out) : ERR_AGAIN;

	if (e != ERR_AGAIN)
		return e;
	e = fetch_ahead(o);
	if (e != ERR_OK)
		return e;
	if (o->head == o->tail)
		return !o->is_sealed && seal_reader_done(o->reader) ? ERR_END : ERR_CORRUPT;
	p = &o->pieces[o->head % IMAP_OBJECT_AHEAD];
	if (!p->ready)
		return ERR_AGAIN;
	if (p->failed)
		return ERR_IO;
	if (o->is_sealed) {
		seal_mime_put(&o->sealed, p->data, out);
		p->data = SLICE_NONE;
	} else {
		e = seal_reader_put(o->reader, &p->data, out);
	}
	if (p->data.n == 0)
		o->head++;
	return e;
}
