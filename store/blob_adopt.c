/* SPDX-License-Identifier: ISC */
/*
 * Segments as repair sees them: what is in the directory counts, whatever the
 * index says.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/blob_priv.h"

#define CHUNK_BYTES	(64u << 10)
#define STEP		8	/* records begin at multiples of it */

static bool
adopt(struct blob *b, uint32_t number, uint64_t bytes)
{
	struct seg *s = blob_seg_find(b, number);
	bool is_new = s == NULL;

	if (is_new)
		s = blob_seg_add(b, number);
	if (!is_new && s->bytes >= bytes)
		return false;
	s->bytes = bytes / STEP * STEP;
	s->is_dirty = true;
	return is_new;
}

static int
seg_cmp(const void *a, const void *b)
{
	const struct seg *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

unsigned
blob_adopt(struct blob *b)
{
	int fd = openat(b->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned count = 0;
	struct dirent *d;
	struct stat st;
	uint32_t n;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, "body.", 5) != 0 || strlen(d->d_name) != 13)
			continue;
		n = (uint32_t)strtoul(d->d_name + 5, NULL, 16);
		if (n == 0 || fstatat(b->dir_fd, d->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
			continue;
		count += adopt(b, n, (uint64_t)st.st_size);
		if (b->seg_n > 0)
			qsort(b->segs, b->seg_n, sizeof(*b->segs), seg_cmp);
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

uint32_t
blob_next_segment(const struct blob *b, uint32_t after)
{
	for (size_t i = 0; i < b->seg_n; i++)
		if (b->segs[i].number > after)
			return b->segs[i].number;
	return 0;
}

static bool
may_begin(const char *p, size_t n, uint64_t room)
{
	struct blob_head h;

	return blob_head_read(&h, slice_of(p, n)) == ERR_OK && h.bytes <= room &&
	    blob_padded(h.bytes + h.note) <= room;
}

enum err
blob_resync(struct blob *b, uint32_t segment, uint64_t *offset)
{
	const struct seg *s = blob_seg_find(b, segment);
	uint64_t at = *offset + STEP, next;
	enum err e = ERR_END;
	struct buf chunk;
	struct blob_ref all;

	if (s == NULL)
		return ERR_END;
	buf_init(&chunk, CHUNK_BYTES + BLOB_HEAD_BYTES);
	for (; e == ERR_END && at + BLOB_HEAD_BYTES <= s->bytes; at = next) {
		/* As data of a record that begins so much earlier. */
		all = (struct blob_ref){ segment, at - BLOB_HEAD_BYTES,
		    s->bytes - at < CHUNK_BYTES + BLOB_HEAD_BYTES ? s->bytes - at :
		    CHUNK_BYTES + BLOB_HEAD_BYTES, 0 };
		next = at + CHUNK_BYTES;
		buf_reset(&chunk);
		if (blob_read(b, &all, 0, (size_t)all.bytes, &chunk) != ERR_OK)
			break;
		for (size_t i = 0; i < CHUNK_BYTES && i + BLOB_HEAD_BYTES <= chunk.n; i += STEP) {
			if (!may_begin(buf_data(&chunk) + i, chunk.n - i, s->bytes - at - i))
				continue;
			*offset = at + i;
			e = ERR_OK;
			break;
		}
	}
	buf_fini(&chunk);
	return e;
}

void
blob_uncount(struct blob *b)
{
	for (size_t i = 0; i < b->seg_n; i++) {
		b->segs[i].live_bytes = 0;
		b->segs[i].records = 0;
		b->segs[i].is_dirty = true;
	}
}
