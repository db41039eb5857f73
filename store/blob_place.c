/* SPDX-License-Identifier: ISC */
#include "store/blob_priv.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "store/blob_sum.h"

#define FDS_PENDING_MAX	128		/* descriptors in one batch */

struct blob_batch *
blob_batch_new(struct blob *b)
{
	struct blob_batch *p = b->spare;

	b->spare = NULL;
	if (p != NULL)
		return p;
	p = must_alloc(1, sizeof(*p));
	p->dir_fd = b->dir_fd;
	p->kept = &b->kept;
	buf_init(&p->bytes, BLOB_PENDING_BYTES_MAX + 2 * BLOB_INLINE_MAX);
	return p;
}

static struct run *
run_add(struct blob_batch *p)
{
	if (p->run_n == p->run_cap) {
		p->run_cap = p->run_cap == 0 ? 8 : p->run_cap * 2;
		p->runs = must_realloc(p->runs, p->run_cap, sizeof(*p->runs));
	}
	memset(&p->runs[p->run_n], 0, sizeof(*p->runs));
	p->runs[p->run_n].fd = -1;
	return &p->runs[p->run_n++];
}

/* Room for a record of this size in the current segment, or a new one. */
static struct seg *
place(struct blob *b, uint64_t bytes, bool *is_new)
{
	struct seg *s = b->has_current ? &b->segs[b->seg_n - 1] : NULL;

	*is_new = s == NULL || (s->bytes > 0 && s->bytes + blob_padded(bytes) > b->segment_bytes);
	if (*is_new) {
		s = blob_seg_add(b, b->next_number++);
		b->has_current = true;
	}
	s->is_dirty = true;
	s->placed_in = b->serial;
	return s;
}

static void
set_ref(struct blob_ref *ref, struct seg *s, const struct blob_head *h)
{
	*ref = (struct blob_ref){ s->number, s->bytes, h->bytes, h->note };
	s->bytes += blob_ref_padded(ref);
}

enum err
blob_put_again(struct blob *b, const struct blob_head *h, struct slice data,
    struct slice note, struct blob_ref *ref)
{
	static const char zeros[BLOB_ALIGN];
	struct blob_batch *p = b->pending;
	unsigned char head[BLOB_HEAD_BYTES];
	struct seg *s;
	struct run *r;
	bool is_new;

	must(note.n == h->note);
	if (data.n > BLOB_INLINE_MAX)
		return ERR_TOOBIG;
	if (p->bytes.n + data.n > BLOB_PENDING_BYTES_MAX)
		return ERR_BUSY;
	blob_head_put(head, h);
	s = place(b, data.n + note.n, &is_new);
	r = p->run_n > 0 ? &p->runs[p->run_n - 1] : NULL;
	if (r == NULL || r->fd >= 0 || r->segment != s->number) {
		r = run_add(p);
		r->segment = s->number;
		r->is_new = is_new;
		r->offset = s->bytes;
		r->start = p->bytes.n;
	}
	set_ref(ref, s, h);
	buf_put(&p->bytes, head, sizeof(head));
	buf_put_slice(&p->bytes, data);
	buf_put_slice(&p->bytes, note);
	buf_put(&p->bytes, zeros, blob_ref_padded(ref) - sizeof(head) - data.n - note.n);
	must(!p->bytes.full);
	r->n = p->bytes.n - r->start;
	return ERR_OK;
}

enum err
blob_put(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    struct slice data, struct slice note, struct blob_ref *ref)
{
	struct blob_head h = { kind, account, content, data.n, 0, (uint16_t)note.n };
	struct blob_sum sum;

	must(note.n <= BLOB_NOTE_MAX);
	if (data.n > BLOB_INLINE_MAX)
		return ERR_TOOBIG;
	blob_head_sum(&sum, &h);
	blob_sum_add(&sum, data.p, data.n);
	blob_sum_add(&sum, note.p, note.n);
	h.sum = blob_sum_end(&sum);
	return blob_put_again(b, &h, data, note, ref);
}

/* A record whose data come from a descriptor; its run, or NULL when there are too many. */
static struct run *
put_file(struct blob *b, const struct blob_head *h, int take_fd, struct slice note,
    struct blob_ref *ref)
{
	struct seg *s;
	struct run *r;
	bool is_new;

	must(note.n == h->note);
	if (b->fd_count >= FDS_PENDING_MAX ||
	    b->pending->bytes.n + note.n > BLOB_PENDING_BYTES_MAX) {
		close(take_fd);
		return NULL;
	}
	s = place(b, h->bytes + note.n, &is_new);
	r = run_add(b->pending);
	r->segment = s->number;
	r->is_new = is_new;
	r->offset = s->bytes;
	r->fd = take_fd;
	r->head = *h;
	r->start = b->pending->bytes.n;
	r->n = note.n;
	buf_put_slice(&b->pending->bytes, note);
	set_ref(ref, s, h);
	b->fd_count++;
	return r;
}

enum err
blob_put_fd(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    int take_fd, uint64_t bytes, struct slice note, struct blob_ref *ref)
{
	const struct blob_head h = { kind, account, content, bytes, 0, (uint16_t)note.n };

	must(note.n <= BLOB_NOTE_MAX);
	return put_file(b, &h, take_fd, note, ref) != NULL ? ERR_OK : ERR_BUSY;
}

enum err
blob_put_fd_again(struct blob *b, const struct blob_head *h, int take_fd, uint64_t from,
    struct slice note, struct blob_ref *ref)
{
	struct run *r = put_file(b, h, take_fd, note, ref);

	if (r == NULL)
		return ERR_BUSY;
	r->from = from;
	r->is_copy = true;
	return ERR_OK;
}

bool
blob_has_work(const struct blob *b)
{
	return b->pending->run_n > 0;
}

struct blob_batch *
blob_cut(struct blob *b)
{
	struct blob_batch *p = b->pending;

	if (p->run_n == 0)
		return NULL;
	b->pending = blob_batch_new(b);
	b->fd_count = 0;
	b->serial++;
	return p;
}
