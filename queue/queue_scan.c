/* SPDX-License-Identifier: ISC */
#include "queue/queue_scan.h"

#include <stdlib.h>

#include "lib/base/must.h"

#define WINDOW_BYTES	(64u << 10)

static bool
fits(const struct queue_segment_reader *s, uint64_t off, const struct queue_record *r)
{
	return off <= s->bytes && queue_record_bytes(r) <= s->bytes - off;
}

/* ---- by the index ---- */

static enum err
load_index(const struct queue_segment_reader *s, struct buf *index, uint64_t *index_off)
{
	unsigned char tail[QUEUE_TAIL_BYTES];
	struct queue_spot spot = { 0 };
	struct queue_record r;
	enum err e;

	if (s->bytes < QUEUE_HEAD_BYTES * 2 + QUEUE_TAIL_BYTES)
		return ERR_CORRUPT;
	e = queue_segment_read(s, s->bytes - sizeof(tail), tail, sizeof(tail));
	if (e == ERR_OK)
		e = queue_record_get_tail(slice_of(tail, sizeof(tail)), &spot.off,
		    s->head.salt);
	if (e == ERR_OK)
		e = queue_segment_get(s, &spot, &r, index);
	if (e == ERR_OK && (r.type != QUEUE_INDEX || !fits(s, spot.off, &r)))
		e = ERR_CORRUPT;
	*index_off = spot.off;
	return e;
}

/* Twice: nothing is reported from an index that is not good to its end. */
static enum err
walk_index(struct slice index, uint64_t index_off, struct queue_scan *scan)
{
	struct queue_entry entry;
	enum err e;

	while ((e = queue_record_get_entry(&index, &entry)) == ERR_OK) {
		if (entry.off < QUEUE_HEAD_BYTES || entry.off > index_off ||
		    queue_record_bytes(&entry.record) > index_off - entry.off ||
		    entry.record.type == QUEUE_INDEX)
			return ERR_CORRUPT;
		if (scan != NULL)
			scan->record(scan->arg, &entry);
	}
	return e == ERR_END ? ERR_OK : e;
}

static bool
scan_index(const struct queue_segment_reader *s, struct queue_scan *scan)
{
	struct buf index;
	uint64_t off;
	bool ok;

	buf_init(&index, (size_t)QUEUE_INDEX_MAX * QUEUE_ENTRY_BYTES);
	ok = load_index(s, &index, &off) == ERR_OK &&
	    walk_index(buf_slice(&index), off, NULL) == ERR_OK &&
	    walk_index(buf_slice(&index), off, scan) == ERR_OK;
	buf_fini(&index);
	return ok;
}

/* ---- by reading all ---- */

enum verdict { GOOD, DAMAGED, TORN };

/* TORN: nothing but a record (or a head) that the end of the file cuts. */
static enum err
judge(const struct queue_segment_reader *s, uint64_t off, struct queue_record *r,
    enum verdict *v)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	struct queue_spot spot = { .number = s->head.number, .off = off };
	struct buf meta;
	enum err e;

	*v = TORN;
	if (s->bytes - off < sizeof(head))
		return ERR_OK;
	if ((e = queue_segment_read(s, off, head, sizeof(head))) != ERR_OK)
		return e;
	*v = DAMAGED;
	if (queue_record_get(slice_of(head, sizeof(head)), r, s->head.salt) != ERR_OK)
		return ERR_OK;
	if (!fits(s, off, r)) {
		*v = TORN;
		return ERR_OK;
	}
	buf_init(&meta, (size_t)QUEUE_INDEX_MAX * QUEUE_ENTRY_BYTES);
	e = queue_segment_get(s, &spot, r, &meta);
	if (e == ERR_OK)
		e = queue_segment_check_body(s, off, r);
	buf_fini(&meta);
	if (e == ERR_OK)
		*v = GOOD;
	return e == ERR_CORRUPT || e == ERR_LIMIT ? ERR_OK : e;
}

static bool
head_at(const struct queue_segment_reader *s, uint64_t off)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	struct queue_record r;

	return off + sizeof(head) <= s->bytes &&
	    queue_segment_read(s, off, head, sizeof(head)) == ERR_OK &&
	    queue_record_get(slice_of(head, sizeof(head)), &r, s->head.salt) == ERR_OK;
}

/* The next head that passes its sum, from off on; the file's end when none. */
static enum err
next_head(const struct queue_segment_reader *s, uint64_t off, uint64_t *found)
{
	char *p = must_alloc(1, WINDOW_BYTES);
	enum err e = ERR_OK;
	size_t n, at;

	while (off + QUEUE_HEAD_BYTES <= s->bytes) {
		n = s->bytes - off < WINDOW_BYTES ? (size_t)(s->bytes - off) : WINDOW_BYTES;
		if ((e = queue_segment_read(s, off, p, n)) != ERR_OK)
			break;
		at = queue_record_resync(slice_of(p, n));
		if (at + 4 <= n && head_at(s, off + at)) {
			*found = off + at;
			free(p);
			return ERR_OK;
		}
		off += at + 4 <= n ? at + 1 : at;
	}
	free(p);
	*found = s->bytes;
	return e;
}

static bool
is_zero(const struct queue_segment_reader *s, uint64_t off)
{
	char p[512];
	size_t i, n;

	for (; off < s->bytes; off += n) {
		n = s->bytes - off < sizeof(p) ? (size_t)(s->bytes - off) : sizeof(p);
		if (queue_segment_read(s, off, p, n) != ERR_OK)
			return false;
		for (i = 0; i < n; i++)
			if (p[i] != 0)
				return false;
	}
	return true;
}

static enum err
cut_end(struct queue_segment_reader *s, int dir, uint64_t off, enum verdict v,
    struct queue_scan *scan)
{
	enum err e;

	if (off == s->bytes)
		return ERR_OK;
	/* A large message is acknowledged when its segment is finished. */
	if (v == DAMAGED && !(s->head.flags & QUEUE_SEGMENT_SINGLE) && !is_zero(s, off)) {
		if ((e = queue_segment_set_aside(s, dir, off, s->bytes - off)) != ERR_OK)
			return e;
		scan->corrupt(scan->arg, off, s->bytes - off);
	}
	scan->cut_bytes = s->bytes - off;
	return queue_segment_cut(s, off);
}

/* Past a damaged record: where the next good head is. */
static enum err
skip(const struct queue_segment_reader *s, uint64_t off, const struct queue_record *r,
    uint64_t *next)
{
	/* A good head with a bad body says itself where the next one is. */
	if (head_at(s, off)) {
		*next = off + queue_record_bytes(r);
		if (*next == s->bytes || head_at(s, *next))
			return ERR_OK;
	}
	return next_head(s, off + 1, next);
}

static enum err
scan_all(struct queue_segment_reader *s, int dir, struct queue_scan *scan)
{
	uint64_t off = QUEUE_HEAD_BYTES, next;
	struct queue_entry entry;
	enum verdict v = GOOD;
	enum err e;

	while (off < s->bytes) {
		if ((e = judge(s, off, &entry.record, &v)) != ERR_OK)
			return e;
		if (v == GOOD) {
			entry.off = off;
			if (entry.record.type != QUEUE_INDEX)
				scan->record(scan->arg, &entry);
			off += queue_record_bytes(&entry.record);
			continue;
		}
		if ((e = skip(s, off, &entry.record, &next)) != ERR_OK)
			return e;
		if (next >= s->bytes)
			break;
		if ((e = queue_segment_set_aside(s, dir, off, next - off)) != ERR_OK)
			return e;
		scan->corrupt(scan->arg, off, next - off);
		off = next;
	}
	return cut_end(s, dir, off, v, scan);
}

enum err
queue_scan_segment(struct queue_segment_reader *s, int dir, struct queue_scan *scan)
{
	scan->cut_bytes = 0;
	scan->has_index = scan_index(s, scan);
	return scan->has_index ? ERR_OK : scan_all(s, dir, scan);
}
