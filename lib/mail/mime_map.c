/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_map.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

/* One more than the parts that are told apart: the opaque rest. */
#define SPANS_MAX	(MIME_PARTS_MAX + 1)

void
mime_map_init(struct mime_map *m)
{
	memset(m, 0, sizeof(*m));
}

void
mime_map_fini(struct mime_map *m)
{
	free(m->spans);
	memset(m, 0, sizeof(*m));
}

void
mime_map_reset(struct mime_map *m)
{
	m->count = 0;
}

struct mime_span *
mime_map_add(struct mime_map *m)
{
	struct mime_span *s;

	if (m->count >= SPANS_MAX)
		return NULL;
	if (m->count == m->cap) {
		m->cap = m->cap == 0 ? 16 : 2 * m->cap;
		m->spans = must_realloc(m->spans, m->cap, sizeof(*m->spans));
	}
	s = &m->spans[m->count++];
	memset(s, 0, sizeof(*s));
	return s;
}

/* ---- the record: all numbers are LEB128 */

static void
put_number(struct buf *b, uint32_t v)
{
	while (v >= 0x80) {
		buf_put_char(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_put_char(b, (char)v);
}

static bool
get_number(struct slice *s, uint32_t *v)
{
	uint64_t sum = 0;

	for (unsigned shift = 0; shift <= 28; shift += 7) {
		unsigned char c;

		if (s->n == 0)
			return false;
		c = (unsigned char)s->p[0];
		*s = slice_from(*s, 1);
		sum |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*v = (uint32_t)sum;
			return sum <= UINT32_MAX;
		}
	}
	return false;
}

/*
 * Count, then for each part: how far back its parent is, kind and encoding,
 * header offset since the part before, and three lengths.
 */
void
mime_map_put(const struct mime_map *m, uint32_t prefix, struct buf *b)
{
	uint32_t last = 0;

	put_number(b, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct mime_span *s = &m->spans[i];
		uint32_t off = i == 0 ? 0 : s->header_off + prefix;

		put_number(b, i == 0 ? 0 : i - s->parent);
		put_number(b, (uint32_t)(s->kind | s->code << 2));
		put_number(b, off - last);
		put_number(b, i == 0 ? s->header_bytes + prefix : s->header_bytes);
		put_number(b, s->body_bytes);
		put_number(b, s->lines);
		last = off;
	}
}

static bool
get_span(struct mime_map *m, struct slice *s, uint32_t limit)
{
	struct mime_span *sp = mime_map_add(m);
	uint32_t back, kind, delta;
	uint64_t off;

	if (sp == NULL || !get_number(s, &back) || !get_number(s, &kind) ||
	    !get_number(s, &delta) || !get_number(s, &sp->header_bytes) ||
	    !get_number(s, &sp->body_bytes) || !get_number(s, &sp->lines))
		return false;
	sp->kind = kind & 3;
	sp->code = (uint8_t)(kind >> 2);
	if (kind > 0xff || sp->kind > MIME_MESSAGE || sp->code > MIME_CODE_UNKNOWN)
		return false;
	off = m->count < 2 ? 0 : sp[-1].header_off;
	off += delta;
	if (off + sp->header_bytes + sp->body_bytes > limit)
		return false;
	sp->header_off = (uint32_t)off;
	sp->body_off = sp->header_off + sp->header_bytes;
	if (m->count == 1) {
		sp->parent = MIME_NONE;
		sp->number = 1;
		return back == 0 && delta == 0;
	}
	if (back == 0 || back >= m->count)
		return false;
	sp->parent = m->count - 1 - back;
	return true;
}

/* A part lies in its parent, and only those with parts have some. */
static bool
place_span(struct mime_map *m, uint32_t idx, uint32_t *children)
{
	struct mime_span *s = &m->spans[idx];
	const struct mime_span *p = &m->spans[s->parent];

	if (p->kind == MIME_LEAF || s->header_off < p->body_off ||
	    s->body_off + s->body_bytes > p->body_off + p->body_bytes ||
	    p->depth >= 2 * MIME_DEPTH_MAX + 2)
		return false;
	s->depth = (uint8_t)(p->depth + 1);
	s->number = ++children[s->parent];
	return p->kind != MIME_MESSAGE || s->number == 1;
}

enum err
mime_map_get(struct mime_map *m, struct slice rec, uint32_t message_bytes)
{
	uint32_t *children;
	uint32_t count;
	enum err e = ERR_OK;

	mime_map_reset(m);
	/* A part takes six bytes at least. */
	if (!get_number(&rec, &count) || count == 0 || count > SPANS_MAX ||
	    count > rec.n / 6)
		return ERR_CORRUPT;
	children = must_alloc(count, sizeof(*children));
	for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
		if (!get_span(m, &rec, message_bytes) ||
		    (i > 0 && !place_span(m, i, children)))
			e = ERR_CORRUPT;
	}
	if (rec.n > 0)
		e = ERR_CORRUPT;
	free(children);
	if (e != ERR_OK)
		mime_map_reset(m);
	return e;
}

/* ---- sections */

static uint32_t
find_child(const struct mime_map *m, uint32_t parent, uint32_t number)
{
	for (uint32_t i = parent + 1; i < m->count; i++)
		if (m->spans[i].parent == parent && m->spans[i].number == number)
			return i;
	return MIME_NONE;
}

/*
 * One part number.  as_message: cur is a message, whose part 1 is itself
 * unless it is a multipart (RFC 3501 s6.4.5).
 */
static uint32_t
step(const struct mime_map *m, uint32_t cur, uint32_t number, bool *as_message)
{
	if (!*as_message && m->spans[cur].kind == MIME_MESSAGE) {
		cur = find_child(m, cur, 1);
		if (cur == MIME_NONE)
			return MIME_NONE;
		*as_message = true;
	}
	if (m->spans[cur].kind == MIME_MULTIPART) {
		*as_message = false;
		return find_child(m, cur, number);
	}
	if (*as_message && number == 1) {
		*as_message = false;
		return cur;
	}
	return MIME_NONE;
}

static enum err
take_range(const struct mime_span *s, enum mime_section what, uint32_t *off, uint32_t *n)
{
	switch (what) {
	case MIME_SECTION_ALL:
		*off = s->header_off;
		*n = s->header_bytes + s->body_bytes;
		break;
	case MIME_SECTION_HEADER:
	case MIME_SECTION_MIME:
		*off = s->header_off;
		*n = s->header_bytes;
		break;
	case MIME_SECTION_TEXT:
		*off = s->body_off;
		*n = s->body_bytes;
		break;
	}
	return ERR_OK;
}

enum err
mime_map_locate(const struct mime_map *m, const uint32_t *path, size_t path_count,
    enum mime_section what, uint32_t *off, uint32_t *n, uint32_t *part)
{
	uint32_t cur = 0;
	bool as_message = true;

	if (m->count == 0)
		return ERR_NOTFOUND;
	for (size_t i = 0; i < path_count; i++) {
		cur = step(m, cur, path[i], &as_message);
		if (cur == MIME_NONE)
			return ERR_NOTFOUND;
	}
	if (part != NULL)
		*part = cur;
	if (path_count == 0)
		return what == MIME_SECTION_MIME ? ERR_NOTFOUND :
		    take_range(&m->spans[0], what, off, n);
	if (what == MIME_SECTION_MIME)
		return take_range(&m->spans[cur], what, off, n);
	if (what == MIME_SECTION_ALL)
		return take_range(&m->spans[cur], MIME_SECTION_TEXT, off, n);
	/* HEADER and TEXT of a part: it must be a message. */
	if (m->spans[cur].kind != MIME_MESSAGE)
		return ERR_NOTFOUND;
	cur = find_child(m, cur, 1);
	if (cur == MIME_NONE)
		return ERR_NOTFOUND;
	return take_range(&m->spans[cur], what, off, n);
}
