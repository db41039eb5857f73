/* SPDX-License-Identifier: ISC */
/* A small cache of descriptors, of the main thread. */
#include "store/blob_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/blob_sum.h"

static int
cached_fd(struct blob *b, uint32_t segment)
{
	struct cached *c, *oldest = &b->cache[0];

	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++) {
		c = &b->cache[i];
		if (c->fd >= 0 && c->segment == segment) {
			c->used = ++b->tick;
			return c->fd;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	if (oldest->fd >= 0)
		close(oldest->fd);
	oldest->fd = blob_seg_open(b->dir_fd, segment, O_RDONLY);
	oldest->segment = segment;
	oldest->used = oldest->fd >= 0 ? ++b->tick : 0;
	return oldest->fd;
}

/* Whole, or an error. */
static enum err
read_at(struct blob *b, uint32_t segment, uint64_t offset, size_t n, struct buf *out)
{
	size_t got = 0;
	ssize_t r;
	char *p;
	int fd;

	if ((fd = cached_fd(b, segment)) < 0)
		return err_from_errno(errno);
	if ((p = buf_reserve(out, n)) == NULL)
		return ERR_FULL;
	while (got < n) {
		r = pread(fd, p + got, n - got, (off_t)(offset + got));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_from_errno(errno);
		if (r == 0)
			return ERR_CORRUPT;
		got += (size_t)r;
	}
	buf_commit(out, n);
	return ERR_OK;
}

enum err
blob_read(struct blob *b, const struct blob_ref *ref, uint64_t offset, size_t n,
    struct buf *out)
{
	if (offset >= ref->bytes || n == 0)
		return ERR_OK;
	if (n > ref->bytes - offset)
		n = (size_t)(ref->bytes - offset);
	return read_at(b, ref->segment, ref->offset + BLOB_HEAD_BYTES + offset, n, out);
}

enum err
blob_note(struct blob *b, const struct blob_ref *ref, struct buf *out)
{
	if (ref->note == 0)
		return ERR_OK;
	return read_at(b, ref->segment, ref->offset + BLOB_HEAD_BYTES + ref->bytes, ref->note,
	    out);
}

enum err
blob_head_at(struct blob *b, uint32_t segment, uint64_t offset, struct blob_head *h)
{
	unsigned char head[BLOB_HEAD_BYTES];
	int fd = cached_fd(b, segment);

	if (fd < 0)
		return err_from_errno(errno);
	if (pread(fd, head, sizeof(head), (off_t)offset) != (ssize_t)sizeof(head))
		return ERR_CORRUPT;
	return blob_head_read(h, slice_of(head, sizeof(head)));
}

enum err
blob_check(struct blob *b, const struct blob_ref *ref, uint64_t account, uint64_t content,
    enum blob_kind kind)
{
	uint64_t offset = 0, want_sum;
	struct blob_head h;
	struct blob_sum sum;
	struct buf chunk;
	enum err e;

	if ((e = blob_head_at(b, ref->segment, ref->offset, &h)) != ERR_OK)
		return e;
	if (h.kind != kind || h.account != account || h.content != content ||
	    h.bytes != ref->bytes || h.note != ref->note)
		return ERR_CORRUPT;
	want_sum = h.sum;
	blob_head_sum(&sum, &h);
	buf_init(&chunk, BLOB_COPY_BYTES);
	while (offset < ref->bytes && e == ERR_OK) {
		buf_reset(&chunk);
		e = blob_read(b, ref, offset, BLOB_COPY_BYTES, &chunk);
		blob_sum_add(&sum, buf_data(&chunk), chunk.n);
		offset += chunk.n;
	}
	buf_reset(&chunk);
	if (e == ERR_OK && (e = blob_note(b, ref, &chunk)) == ERR_OK)
		blob_sum_add(&sum, buf_data(&chunk), chunk.n);
	buf_fini(&chunk);
	if (e == ERR_OK && blob_sum_end(&sum) != want_sum)
		e = ERR_CORRUPT;
	return e;
}

void
blob_forget_fd(struct blob *b, uint32_t segment)
{
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++) {
		if (b->cache[i].fd < 0 || b->cache[i].segment != segment)
			continue;
		close(b->cache[i].fd);
		b->cache[i].fd = -1;
		b->cache[i].used = 0;
	}
}
