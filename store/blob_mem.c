/* SPDX-License-Identifier: ISC */
#include "store/blob_mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "store/blob_sum.h"

#define SLOT		64u	/* bytes that a record is counted as, besides its own */
#define DEAD_MAX_S	(7 * 86400u)

struct rec {
	struct blob_head	 head;
	uint64_t		 offset;
	unsigned char		*bytes;		/* data and note */
};

struct seg {
	uint32_t	 number;
	bool		 is_empty;	/* nothing names a record of it */
	bool		 is_damaged;
	bool		 is_new;	/* something of it is not durable yet */
	uint32_t	 dead_since_s;
	uint32_t	 held;
	uint64_t	 bytes;
	uint64_t	 live_bytes;
	uint64_t	 records;	/* live */
	struct rec	*v;
	size_t		 n;
	size_t		 cap;
};

struct blob {
	uint64_t	 segment_bytes;
	struct seg	*segs;
	size_t		 seg_n;
	size_t		 seg_cap;
	bool		 has_current;
	uint32_t	 next_number;
	uint64_t	 pending_bytes;
};

struct blob *
blob_mem_new(uint64_t segment_bytes)
{
	struct blob *b = must_alloc(1, sizeof(*b));

	b->segment_bytes = segment_bytes;
	b->next_number = 1;
	return b;
}

static void
seg_fini(struct seg *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].bytes);
	free(s->v);
}

void
blob_mem_free(struct blob **pb)
{
	struct blob *b = *pb;

	*pb = NULL;
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->seg_n; i++)
		seg_fini(&b->segs[i]);
	free(b->segs);
	free(b);
}

void
blob_mem_settle(struct blob *b)
{
	size_t kept = 0;

	b->pending_bytes = 0;
	for (size_t i = 0; i < b->seg_n; i++) {
		b->segs[i].is_new = false;
		if (b->segs[i].is_empty)
			seg_fini(&b->segs[i]);
		else
			b->segs[kept++] = b->segs[i];
	}
	b->seg_n = kept;
}

static uint64_t
ref_bytes(const struct blob_ref *ref)
{
	return SLOT + ref->bytes + ref->note;
}

/* ---- finding ---- */

static struct seg *
seg_find(const struct blob *b, uint32_t number)
{
	for (size_t i = 0; i < b->seg_n; i++)
		if (b->segs[i].number == number)
			return &b->segs[i];
	return NULL;
}

static const struct rec *
rec_find(const struct blob *b, uint32_t segment, uint64_t offset)
{
	const struct seg *s = seg_find(b, segment);
	size_t lo = 0, hi = s != NULL ? s->n : 0, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (s->v[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return s != NULL && lo < s->n && s->v[lo].offset == offset ? &s->v[lo] : NULL;
}

/* ---- putting ---- */

static struct seg *
place(struct blob *b, uint64_t bytes)
{
	struct seg *s = b->has_current ? &b->segs[b->seg_n - 1] : NULL;

	if (s != NULL && (s->n == 0 || s->bytes + bytes <= b->segment_bytes))
		return s;
	if (b->seg_n == b->seg_cap) {
		b->seg_cap = b->seg_cap == 0 ? 8 : b->seg_cap * 2;
		b->segs = must_realloc(b->segs, b->seg_cap, sizeof(*b->segs));
	}
	s = &b->segs[b->seg_n++];
	memset(s, 0, sizeof(*s));
	s->number = b->next_number++;
	b->has_current = true;
	return s;
}

/* Takes bytes, of which data and note are filled. */
static void
add(struct blob *b, const struct blob_head *h, unsigned char *take_bytes, struct blob_ref *ref)
{
	const struct blob_ref size = { 0, 0, h->bytes, h->note };
	struct seg *s = place(b, ref_bytes(&size));

	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->v = must_realloc(s->v, s->cap, sizeof(*s->v));
	}
	*ref = (struct blob_ref){ s->number, s->bytes, h->bytes, h->note };
	s->v[s->n++] = (struct rec){ *h, s->bytes, take_bytes };
	s->bytes += ref_bytes(ref);
	s->is_new = true;
	b->pending_bytes += h->bytes;
}

static uint64_t
sum_of(const struct blob_head *h, const unsigned char *bytes)
{
	const uint64_t fields[] = { h->kind, h->account, h->content, h->bytes, h->note };
	struct blob_sum s;

	blob_sum_init(&s);
	blob_sum_add(&s, fields, sizeof(fields));
	blob_sum_add(&s, bytes, h->bytes + h->note);
	return blob_sum_end(&s);
}

enum err
blob_put(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    struct slice data, struct slice note, struct blob_ref *ref)
{
	struct blob_head h = { kind, account, content, data.n, 0, (uint16_t)note.n };
	unsigned char *p;

	must(note.n <= BLOB_NOTE_MAX);
	if (data.n > BLOB_INLINE_MAX)
		return ERR_TOOBIG;
	if (b->pending_bytes + data.n > BLOB_PENDING_BYTES_MAX)
		return ERR_BUSY;
	p = must_alloc(1, data.n + note.n + 1);
	if (data.n > 0)
		memcpy(p, data.p, data.n);
	if (note.n > 0)
		memcpy(p + data.n, note.p, note.n);
	h.sum = sum_of(&h, p);
	add(b, &h, p, ref);
	return ERR_OK;
}

enum err
blob_put_fd(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    int take_fd, uint64_t bytes, struct slice note, struct blob_ref *ref)
{
	struct blob_head h = { kind, account, content, bytes, 0, (uint16_t)note.n };
	unsigned char *p = must_alloc(1, bytes + note.n + 1);
	uint64_t got = 0;
	ssize_t n = 1;

	must(note.n <= BLOB_NOTE_MAX);
	/* A file that shrank meanwhile reads as zeros. */
	while (got < bytes && (n > 0 || errno == EINTR)) {
		n = pread(take_fd, p + got, bytes - got, (off_t)got);
		got += n > 0 ? (uint64_t)n : 0;
		if (n == 0)
			break;
	}
	close(take_fd);
	if (n < 0) {
		free(p);
		return ERR_IO;
	}
	if (note.n > 0)
		memcpy(p + bytes, note.p, note.n);
	h.sum = sum_of(&h, p);
	add(b, &h, p, ref);
	return ERR_OK;
}

/* ---- reading ---- */

/* ERR_NOTFOUND: the segment is gone. */
static enum err
rec_of(const struct blob *b, const struct blob_ref *ref, const struct rec **r)
{
	if ((*r = rec_find(b, ref->segment, ref->offset)) == NULL)
		return seg_find(b, ref->segment) == NULL ? ERR_NOTFOUND : ERR_CORRUPT;
	return (*r)->head.bytes == ref->bytes && (*r)->head.note == ref->note ? ERR_OK :
	    ERR_CORRUPT;
}

enum err
blob_read(struct blob *b, const struct blob_ref *ref, uint64_t offset, size_t n,
    struct buf *out)
{
	const struct rec *r;
	enum err e;

	if (offset >= ref->bytes || n == 0)
		return ERR_OK;
	if (n > ref->bytes - offset)
		n = (size_t)(ref->bytes - offset);
	if ((e = rec_of(b, ref, &r)) != ERR_OK)
		return e;
	buf_put(out, r->bytes + offset, n);
	return out->full ? ERR_FULL : ERR_OK;
}

enum err
blob_note(struct blob *b, const struct blob_ref *ref, struct buf *out)
{
	const struct rec *r;
	enum err e = rec_of(b, ref, &r);

	if (e == ERR_OK)
		buf_put(out, r->bytes + ref->bytes, ref->note);
	return e != ERR_OK ? e : out->full ? ERR_FULL : ERR_OK;
}

enum err
blob_check(struct blob *b, const struct blob_ref *ref, uint64_t account, uint64_t content,
    enum blob_kind kind)
{
	const struct rec *r;
	enum err e = rec_of(b, ref, &r);

	if (e != ERR_OK)
		return e;
	return r->head.kind == kind && r->head.account == account &&
	    r->head.content == content && r->head.sum == sum_of(&r->head, r->bytes) ? ERR_OK :
	    ERR_CORRUPT;
}

/* ---- counting ---- */

void
blob_use(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = seg_find(b, ref->segment);

	if (s == NULL)
		return;
	s->live_bytes += ref_bytes(ref);
	s->records++;
}

void
blob_free(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = seg_find(b, ref->segment);

	if (s == NULL)
		return;
	s->live_bytes -= ref_bytes(ref) < s->live_bytes ? ref_bytes(ref) : s->live_bytes;
	s->records -= s->records > 0;
}

void
blob_hold(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = seg_find(b, ref->segment);

	if (s != NULL)
		s->held++;
}

void
blob_release(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = seg_find(b, ref->segment);

	if (s != NULL && s->held > 0)
		s->held--;
}

void
blob_stat(const struct blob *b, struct blob_stat *st)
{
	memset(st, 0, sizeof(*st));
	st->segments = b->seg_n;
	for (size_t i = 0; i < b->seg_n; i++) {
		st->bytes += b->segs[i].bytes;
		st->live_bytes += b->segs[i].live_bytes;
		st->records += b->segs[i].records;
	}
}

/* ---- walking ---- */

enum err
blob_head_at(struct blob *b, uint32_t segment, uint64_t offset, struct blob_head *h)
{
	const struct rec *r = rec_find(b, segment, offset);

	if (r == NULL)
		return seg_find(b, segment) == NULL ? ERR_NOTFOUND : ERR_CORRUPT;
	*h = r->head;
	return ERR_OK;
}

enum err
blob_walk(struct blob *b, uint32_t segment, uint64_t *offset, struct blob_found *f)
{
	const struct seg *s = seg_find(b, segment);
	enum err e;

	if (s == NULL || *offset >= s->bytes)
		return ERR_END;
	if ((e = blob_head_at(b, segment, *offset, &f->head)) != ERR_OK)
		return e;
	f->ref = (struct blob_ref){ segment, *offset, f->head.bytes, f->head.note };
	*offset += ref_bytes(&f->ref);
	return ERR_OK;
}

uint32_t
blob_victim(struct blob *b, uint32_t after, unsigned percent, uint64_t now_s)
{
	size_t n = b->has_current ? b->seg_n - 1 : b->seg_n;
	uint64_t dead;

	for (size_t i = 0; i < n; i++) {
		struct seg *s = &b->segs[i];

		if (s->number <= after || s->is_empty || s->is_damaged || s->is_new ||
		    s->held > 0)
			continue;
		dead = s->bytes > s->live_bytes ? s->bytes - s->live_bytes : 0;
		if (dead > 0 && s->dead_since_s == 0)
			s->dead_since_s = (uint32_t)now_s;
		if (s->live_bytes == 0 || (dead > 0 && (dead * 100 > percent * s->bytes ||
		    s->dead_since_s + (uint64_t)DEAD_MAX_S <= now_s)))
			return s->number;
	}
	return 0;
}

enum err
blob_move(struct blob *b, const struct blob_found *f, struct blob_ref *to)
{
	const struct rec *r;
	unsigned char *p;
	enum err e = rec_of(b, &f->ref, &r);
	struct blob_head h;

	if (e != ERR_OK)
		return e;
	if (b->pending_bytes + f->head.bytes > BLOB_PENDING_BYTES_MAX && b->pending_bytes > 0)
		return ERR_BUSY;
	h = r->head;
	p = must_alloc(1, h.bytes + h.note + 1);
	memcpy(p, r->bytes, h.bytes + h.note);
	add(b, &h, p, to);
	return ERR_OK;
}

void
blob_moved(struct blob *b, const struct blob_ref *from, const struct blob_ref *to)
{
	blob_use(b, to);
	blob_free(b, from);
}

void
blob_emptied(struct blob *b, uint32_t segment)
{
	struct seg *s = seg_find(b, segment);

	if (s == NULL)
		return;
	s->live_bytes = 0;
	s->records = 0;
	s->is_empty = true;
}

void
blob_damaged(struct blob *b, uint32_t segment)
{
	struct seg *s = seg_find(b, segment);

	if (s != NULL)
		s->is_damaged = true;
}

bool
blob_is_settling(const struct blob *b)
{
	size_t n = b->has_current ? b->seg_n - 1 : b->seg_n;

	for (size_t i = 0; i < n; i++)
		if (b->segs[i].is_empty || b->segs[i].is_new)
			return true;
	return false;
}

void
blob_rotate(struct blob *b)
{
	struct seg *s = b->has_current ? &b->segs[b->seg_n - 1] : NULL;

	if (s != NULL && s->bytes > s->live_bytes)
		b->has_current = false;
}

uint64_t
blob_segment_disk_bytes(const struct blob *b, uint32_t segment)
{
	const struct seg *s = seg_find(b, segment);

	return s != NULL ? s->bytes : 0;
}
