/* SPDX-License-Identifier: ISC */
/*
 * The writing half is at the top, reading records in the middle; the scan
 * that the start does is in queue_scan.c.
 */
#include "queue/queue_segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon.h"

#define INDEX_MAX	(QUEUE_INDEX_MAX * QUEUE_ENTRY_BYTES)

struct queue_segment {
	int				 fd;
	struct queue_segment_head	 head;
	uint64_t			 bytes;
	struct buf			 index;
	bool				 dirty;
};

void
queue_segment_name(char dst[QUEUE_SEGMENT_NAME], uint64_t number)
{
	(void)snprintf(dst, QUEUE_SEGMENT_NAME, "segment-%016llx",
	    (unsigned long long)number);
}

static bool
parse_name(const char *name, uint64_t *number)
{
	char again[QUEUE_SEGMENT_NAME], *end;

	if (strncmp(name, "segment-", 8) != 0)
		return false;
	*number = strtoull(name + 8, &end, 16);
	queue_segment_name(again, *number);
	return strcmp(name, again) == 0;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

enum err
queue_segment_list(int dir, uint64_t **numbers, size_t *count)
{
	struct dirent *d;
	uint64_t n;
	size_t cap = 0;
	DIR *list;
	int fd;

	*numbers = NULL;
	*count = 0;
	if ((fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return err_from_errno(errno);
	if ((list = fdopendir(fd)) == NULL) {
		(void)close(fd);
		return ERR_IO;
	}
	while ((d = readdir(list)) != NULL) {
		if (!parse_name(d->d_name, &n))
			continue;
		if (*count == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			*numbers = must_realloc(*numbers, cap, sizeof(**numbers));
		}
		(*numbers)[(*count)++] = n;
	}
	(void)closedir(list);
	if (*count > 1)
		qsort(*numbers, *count, sizeof(**numbers), by_number);
	return ERR_OK;
}

/* ---- writing ---- */

static void
sync_dir(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || fsync(fd) == -1)
		log_fatal("spool: cannot sync the directory: %s", strerror(errno));
	(void)close(fd);
}

static enum err
write_all(int fd, const void *p, size_t n, uint64_t off)
{
	ssize_t done;

	while (n > 0) {
		done = pwrite(fd, p, n, (off_t)off);
		if (done == -1 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? ERR_FULL : err_from_errno(errno);
		p = (const char *)p + done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

enum err
queue_segment_create(struct queue_segment **out, int dir, uint64_t number,
    uint32_t flags, uint64_t now_ms)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	char name[QUEUE_SEGMENT_NAME];
	struct queue_segment *s;
	enum err e;
	int fd;

	queue_segment_name(name, number);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_from_errno(errno);
	s = must_alloc(1, sizeof(*s));
	s->fd = fd;
	s->head = (struct queue_segment_head){ .flags = flags, .number = number,
	    .created_ms = now_ms };
	cry_random(s->head.salt, sizeof(s->head.salt));
	buf_init(&s->index, INDEX_MAX);
	queue_record_put_segment(head, &s->head);
	if ((e = write_all(fd, head, sizeof(head), 0)) != ERR_OK) {
		queue_segment_abandon(&s);
		(void)unlinkat(dir, name, 0);
		return e;
	}
	s->bytes = sizeof(head);
	s->dirty = true;
	daemon_crash_at("queue.segment");
	queue_segment_sync(s);
	sync_dir(dir);
	daemon_crash_at("queue.segment-synced");
	*out = s;
	return ERR_OK;
}

uint64_t
queue_segment_number(const struct queue_segment *s)
{
	return s->head.number;
}

uint64_t
queue_segment_bytes(const struct queue_segment *s)
{
	return s->bytes;
}

/* The file must end where the next record starts, or a reader loses its way. */
static void
cut_back(struct queue_segment *s)
{
	if (ftruncate(s->fd, (off_t)s->bytes) == -1)
		log_fatal("spool: cannot cut segment %016llx: %s",
		    (unsigned long long)s->head.number, strerror(errno));
}

static void
appended(struct queue_segment *s, const struct queue_record *r, struct queue_spot *spot)
{
	struct queue_entry entry = { .record = *r, .off = s->bytes };

	if (r->type != QUEUE_INDEX)
		queue_record_put_entry(&s->index, &entry);
	*spot = (struct queue_spot){ .number = s->head.number, .off = s->bytes,
	    .meta_bytes = r->meta_bytes, .body_bytes = r->body_bytes };
	s->bytes += queue_record_bytes(r);
	s->dirty = true;
}

enum err
queue_segment_append(struct queue_segment *s, struct queue_record *r,
    struct slice meta, struct slice body, struct queue_spot *spot)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	struct iovec iov[3];
	uint64_t total;
	ssize_t done;
	int n = 0;

	r->meta_bytes = (uint32_t)meta.n;
	r->body_bytes = body.n;
	r->meta_sum = queue_record_sum(s->head.salt, meta);
	r->body_sum = queue_record_sum_body(s->head.salt, body);
	queue_record_put(head, r, s->head.salt);
	iov[n++] = (struct iovec){ head, sizeof(head) };
	if (meta.n > 0)
		iov[n++] = (struct iovec){ (void *)(uintptr_t)meta.p, meta.n };
	if (body.n > 0)
		iov[n++] = (struct iovec){ (void *)(uintptr_t)body.p, body.n };
	total = queue_record_bytes(r);
	do {
		done = pwritev(s->fd, iov, n, (off_t)s->bytes);
	} while (done == -1 && errno == EINTR);
	if (done < 0 || (uint64_t)done != total) {
		enum err e = done < 0 ? err_from_errno(errno) : ERR_FULL;

		cut_back(s);
		return e;
	}
	appended(s, r, spot);
	return ERR_OK;
}

static enum err
copy_body(struct queue_segment *s, int fd, uint64_t from, uint64_t n, uint64_t to,
    uint64_t *sum)
{
	unsigned char *p = must_alloc(1, QUEUE_PIECE_BYTES);
	uint64_t chain = 0;
	enum err e = ERR_OK;
	size_t want;
	ssize_t got;

	for (; n > 0; n -= want, from += want, to += want) {
		want = n < QUEUE_PIECE_BYTES ? (size_t)n : QUEUE_PIECE_BYTES;
		got = pread(fd, p, want, (off_t)from);
		if (got < 0 || (size_t)got != want) {
			e = got < 0 ? err_from_errno(errno) : ERR_CORRUPT;
			break;
		}
		chain = queue_record_chain(chain, s->head.salt, slice_of(p, want));
		if ((e = write_all(s->fd, p, want, to)) != ERR_OK)
			break;
	}
	*sum = chain;
	free(p);
	return e;
}

/* The head goes last: its sums need the body. */
enum err
queue_segment_append_from(struct queue_segment *s, struct queue_record *r,
    struct slice meta, int fd, uint64_t off, struct queue_spot *spot)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	uint64_t body = s->bytes + sizeof(head) + meta.n;
	enum err e;

	r->meta_bytes = (uint32_t)meta.n;
	r->meta_sum = queue_record_sum(s->head.salt, meta);
	e = copy_body(s, fd, off, r->body_bytes, body, &r->body_sum);
	if (e == ERR_OK)
		e = write_all(s->fd, meta.p, meta.n, s->bytes + sizeof(head));
	if (e == ERR_OK) {
		queue_record_put(head, r, s->head.salt);
		e = write_all(s->fd, head, sizeof(head), s->bytes);
	}
	if (e != ERR_OK) {
		cut_back(s);
		return e;
	}
	appended(s, r, spot);
	return ERR_OK;
}

void
queue_segment_sync(struct queue_segment *s)
{
	if (s->dirty && fdatasync(s->fd) == -1)
		log_fatal("spool: cannot sync segment %016llx: %s",
		    (unsigned long long)s->head.number, strerror(errno));
	s->dirty = false;
}

/* A segment without an index is only slower to read: no room is no error. */
void
queue_segment_finish(struct queue_segment **sp)
{
	struct queue_segment *s = *sp;
	struct queue_record r = { .type = QUEUE_INDEX };
	unsigned char tail[QUEUE_TAIL_BYTES];
	struct queue_spot spot;

	queue_segment_sync(s);
	if (buf_err(&s->index) == ERR_OK &&
	    queue_segment_append(s, &r, buf_slice(&s->index), SLICE_NONE, &spot) == ERR_OK) {
		queue_record_put_tail(tail, spot.off, s->head.salt);
		daemon_crash_at("queue.segment-index");
		if (write_all(s->fd, tail, sizeof(tail), s->bytes) != ERR_OK)
			cut_back(s);
		queue_segment_sync(s);
	}
	queue_segment_abandon(sp);
}

void
queue_segment_abandon(struct queue_segment **sp)
{
	struct queue_segment *s = *sp;

	if (s == NULL)
		return;
	(void)close(s->fd);
	buf_fini(&s->index);
	free(s);
	*sp = NULL;
}

void
queue_segment_unlink(int dir, uint64_t number)
{
	char name[QUEUE_SEGMENT_NAME];

	queue_segment_name(name, number);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		log_fatal("spool: cannot unlink %s: %s", name, strerror(errno));
	daemon_crash_at("queue.unlink");
	sync_dir(dir);
}

/* ---- reading ---- */

/*
 * A head with a wrong sum is taken all the same when the first record passes
 * under its salt: a flipped bit elsewhere must not cost a whole segment.
 */
static enum err
save_head(struct queue_segment_reader *r, const unsigned char head[QUEUE_HEAD_BYTES],
    uint64_t number)
{
	unsigned char first[QUEUE_HEAD_BYTES];
	struct queue_record rec;

	r->head = (struct queue_segment_head){ .number = number, .created_ms = number,
	    .flags = dec_le32(head + 12) & QUEUE_SEGMENT_SINGLE };
	memcpy(r->head.salt, head + 32, sizeof(r->head.salt));
	if (queue_segment_read(r, QUEUE_HEAD_BYTES, first, sizeof(first)) != ERR_OK)
		return ERR_CORRUPT;
	return queue_record_get(slice_of(first, sizeof(first)), &rec, r->head.salt);
}

enum err
queue_segment_open(struct queue_segment_reader *r, int dir, uint64_t number, bool writable)
{
	unsigned char head[QUEUE_HEAD_BYTES] = { 0 };
	char name[QUEUE_SEGMENT_NAME];
	struct stat st;
	enum err e;

	queue_segment_name(name, number);
	r->fd = openat(dir, name, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd == -1)
		return err_from_errno(errno);
	e = ERR_IO;
	if (fstat(r->fd, &st) == 0) {
		r->bytes = (uint64_t)st.st_size;
		e = queue_segment_read(r, 0, head, sizeof(head));
	}
	if (e == ERR_OK)
		e = queue_record_get_segment(slice_of(head, sizeof(head)), &r->head);
	if (e == ERR_CORRUPT || (e == ERR_OK && r->head.number != number))
		e = save_head(r, head, number);
	if (e != ERR_OK)
		queue_segment_close(r);
	return e;
}

void
queue_segment_close(struct queue_segment_reader *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
}

enum err
queue_segment_read(const struct queue_segment_reader *r, uint64_t off, void *dst, size_t n)
{
	ssize_t got;

	while (n > 0) {
		got = pread(r->fd, dst, n, (off_t)off);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? ERR_CORRUPT : ERR_IO;
		dst = (char *)dst + got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

enum err
queue_segment_get(const struct queue_segment_reader *s, const struct queue_spot *spot,
    struct queue_record *r, struct buf *meta)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	enum err e;
	char *p;

	if ((e = queue_segment_read(s, spot->off, head, sizeof(head))) != ERR_OK ||
	    (e = queue_record_get(slice_of(head, sizeof(head)), r, s->head.salt)) != ERR_OK)
		return e;
	if (r->meta_bytes == 0)
		return ERR_OK;
	if (r->meta_bytes > s->bytes)
		return ERR_CORRUPT;
	if ((p = buf_reserve(meta, r->meta_bytes)) == NULL)
		return ERR_LIMIT;
	if ((e = queue_segment_read(s, spot->off + sizeof(head), p, r->meta_bytes)) != ERR_OK)
		return e;
	if (queue_record_sum(s->head.salt, slice_of(p, r->meta_bytes)) != r->meta_sum)
		return ERR_CORRUPT;
	buf_commit(meta, r->meta_bytes);
	return ERR_OK;
}

/* Against torn writes, not against malice: that is what the AEAD's tags are for. */
enum err
queue_segment_check_body(const struct queue_segment_reader *s, uint64_t off,
    const struct queue_record *r)
{
	uint64_t at = off + QUEUE_HEAD_BYTES + r->meta_bytes, left = r->body_bytes;
	uint64_t sum = 0;
	unsigned char *p;
	enum err e = ERR_OK;
	size_t n;

	if (left > s->bytes)
		return ERR_CORRUPT;
	p = must_alloc(1, QUEUE_PIECE_BYTES);
	for (; left > 0; at += n, left -= n) {
		n = left < QUEUE_PIECE_BYTES ? (size_t)left : QUEUE_PIECE_BYTES;
		if ((e = queue_segment_read(s, at, p, n)) != ERR_OK)
			break;
		sum = queue_record_chain(sum, s->head.salt, slice_of(p, n));
	}
	free(p);
	if (e != ERR_OK)
		return e;
	return sum == r->body_sum ? ERR_OK : ERR_CORRUPT;
}

enum err
queue_segment_set_aside(const struct queue_segment_reader *s, int dir, uint64_t off,
    uint64_t bytes)
{
	unsigned char *p;
	enum err e = ERR_OK;
	uint64_t at = 0;
	char name[64];
	size_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "corrupt-%016llx-%llu",
	    (unsigned long long)s->head.number, (unsigned long long)off);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_from_errno(errno);
	p = must_alloc(1, QUEUE_PIECE_BYTES);
	for (; at < bytes && e == ERR_OK; at += n) {
		n = bytes - at < QUEUE_PIECE_BYTES ? (size_t)(bytes - at) : QUEUE_PIECE_BYTES;
		if ((e = queue_segment_read(s, off + at, p, n)) == ERR_OK)
			e = write_all(fd, p, n, at);
	}
	free(p);
	if (e == ERR_OK && fdatasync(fd) == -1)
		e = err_from_errno(errno);
	(void)close(fd);
	if (e == ERR_OK)
		sync_dir(dir);
	return e;
}

enum err
queue_segment_cut(struct queue_segment_reader *s, uint64_t off)
{
	if (ftruncate(s->fd, (off_t)off) == -1 || fdatasync(s->fd) == -1)
		return err_from_errno(errno);
	s->bytes = off;
	return ERR_OK;
}

static bool
has_bytes(int fd)
{
	char p[4096];
	ssize_t i, n;

	while ((n = read(fd, p, sizeof(p))) > 0)
		for (i = 0; i < n; i++)
			if (p[i] != 0)
				return true;
	return false;
}

enum err
queue_segment_discard(int dir, uint64_t number, bool *kept)
{
	char name[QUEUE_SEGMENT_NAME], aside[QUEUE_SEGMENT_NAME + 8];
	int fd;

	queue_segment_name(name, number);
	(void)snprintf(aside, sizeof(aside), "corrupt-%s", name);
	if ((fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return err_from_errno(errno);
	*kept = has_bytes(fd);
	(void)close(fd);
	if ((*kept ? renameat(dir, name, dir, aside) : unlinkat(dir, name, 0)) == -1)
		return err_from_errno(errno);
	sync_dir(dir);
	return ERR_OK;
}
