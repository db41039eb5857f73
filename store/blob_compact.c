/* SPDX-License-Identifier: ISC */
/*
 * Emptying a segment: which, what it holds, and the copies.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/blob_priv.h"

#define DEAD_MAX_S	(7 * 86400u)	/* longer nothing dead is kept */

static uint64_t
disk_bytes(const struct seg *s)
{
	return s->bytes > s->punched_bytes ? s->bytes - s->punched_bytes : 0;
}

/* That the disk still has. */
static uint64_t
dead_bytes(const struct seg *s)
{
	uint64_t disk = disk_bytes(s);

	return disk > s->live_bytes ? disk - s->live_bytes : 0;
}

static void
note_age(struct seg *s, uint64_t now_s)
{
	if (s->dead_since_s != 0 || dead_bytes(s) == 0)
		return;
	s->dead_since_s = (uint32_t)now_s;
	s->is_dirty = true;
}

static bool
is_due(const struct blob *b, const struct seg *s, unsigned percent, uint64_t now_s)
{
	uint64_t dead = dead_bytes(s);

	if (s->is_empty || s->is_damaged || s->held > 0 || s->placed_in > b->written)
		return false;
	if (s->live_bytes == 0)
		return true;
	return dead > 0 && (dead * 100 > percent * disk_bytes(s) ||
	    s->dead_since_s + (uint64_t)DEAD_MAX_S <= now_s);
}

uint32_t
blob_victim(struct blob *b, uint32_t after, unsigned percent, uint64_t now_s)
{
	/* What comes now goes into the last one. */
	size_t n = b->has_current ? b->seg_n - 1 : b->seg_n;

	for (size_t i = 0; i < n; i++) {
		if (b->segs[i].number <= after)
			continue;
		note_age(&b->segs[i], now_s);
		if (is_due(b, &b->segs[i], percent, now_s))
			return b->segs[i].number;
	}
	return 0;
}

enum err
blob_walk(struct blob *b, uint32_t segment, uint64_t *offset, struct blob_found *f)
{
	const struct seg *s = blob_seg_find(b, segment);
	enum err e;

	if (s == NULL || *offset >= s->bytes)
		return ERR_END;
	e = blob_head_at(b, segment, *offset, &f->head);
	/* Lost by other hands: only its counters are left to remove. */
	if (e == ERR_NOTFOUND)
		return s->live_bytes == 0 ? ERR_END : ERR_CORRUPT;
	if (e != ERR_OK)
		return e;
	f->ref = (struct blob_ref){ segment, *offset, f->head.bytes, f->head.note };
	if (f->head.bytes > s->bytes - *offset || blob_ref_padded(&f->ref) > s->bytes - *offset)
		return ERR_CORRUPT;
	*offset += blob_ref_padded(&f->ref);
	return ERR_OK;
}

static enum err
move_large(struct blob *b, const struct blob_found *f, struct slice note, struct blob_ref *to)
{
	int fd = blob_seg_open(b->dir_fd, f->ref.segment, O_RDONLY);

	if (fd < 0)
		return err_from_errno(errno);
	return blob_put_fd_again(b, &f->head, fd, f->ref.offset + BLOB_HEAD_BYTES,
	    note, to);
}

enum err
blob_move(struct blob *b, const struct blob_found *f, struct blob_ref *to)
{
	struct buf data, note;
	enum err e;

	buf_init(&data, BLOB_INLINE_MAX);
	buf_init(&note, BLOB_NOTE_MAX);
	if ((e = blob_note(b, &f->ref, &note)) == ERR_OK) {
		if (f->ref.bytes > BLOB_INLINE_MAX)
			e = move_large(b, f, buf_slice(&note), to);
		else if ((e = blob_read(b, &f->ref, 0, BLOB_INLINE_MAX, &data)) == ERR_OK)
			e = blob_put_again(b, &f->head, buf_slice(&data), buf_slice(&note), to);
	}
	buf_fini(&data);
	buf_fini(&note);
	return e;
}

void
blob_moved(struct blob *b, const struct blob_ref *from, const struct blob_ref *to)
{
	blob_use(b, to);
	blob_count_freed(b, from);
}

void
blob_emptied(struct blob *b, uint32_t segment)
{
	struct seg *s = blob_seg_find(b, segment);

	if (s == NULL)
		return;
	/* The counters may have missed something in a crash; the walk did not. */
	s->live_bytes = 0;
	s->records = 0;
	s->is_empty = true;
	s->is_dirty = true;
}

void
blob_damaged(struct blob *b, uint32_t segment)
{
	struct seg *s = blob_seg_find(b, segment);

	if (s != NULL)
		s->is_damaged = true;
}

bool
blob_is_settling(const struct blob *b)
{
	size_t n = b->has_current ? b->seg_n - 1 : b->seg_n;

	for (size_t i = 0; i < n; i++)
		if (b->segs[i].is_empty || b->segs[i].placed_in > b->written)
			return true;
	return false;
}

void
blob_rotate(struct blob *b)
{
	if (b->has_current && dead_bytes(&b->segs[b->seg_n - 1]) > 0)
		b->has_current = false;
}

uint64_t
blob_segment_disk_bytes(const struct blob *b, uint32_t segment)
{
	const struct seg *s = blob_seg_find(b, segment);

	return s != NULL ? disk_bytes(s) : 0;
}
