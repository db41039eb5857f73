/* SPDX-License-Identifier: ISC */
/*
 * The journal thread's part: it has a batch (or what is to be synced) to itself
 * and touches nothing of struct blob; blob_batch_done and blob_unsynced_take
 * are the main thread's.  Also the replay of what the journal has.
 */
#include "store/blob_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_sum.h"

#define REDO_HEAD_BYTES	16

void
blob_batch_redo(const struct blob_batch *p, struct buf *redo)
{
	unsigned char head[REDO_HEAD_BYTES];
	const struct run *r;

	for (size_t i = 0; p != NULL && i < p->run_n; i++) {
		r = &p->runs[i];
		if (r->fd >= 0)
			continue;
		enc_le32(head, r->segment);
		enc_le64(head + 4, r->offset);
		enc_le32(head + 12, (uint32_t)r->n);
		buf_put(redo, head, sizeof(head));
		buf_put(redo, buf_data(&p->bytes) + r->start, r->n);
	}
}

static enum err
write_all(int fd, const void *data, size_t n, uint64_t offset)
{
	const char *p = data;
	ssize_t done;

	while (n > 0) {
		done = pwrite(fd, p, n, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_from_errno(errno);
		p += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return ERR_OK;
}

/* The index may name a segment only when its directory entry is durable. */
static enum err
run_open(const struct blob_batch *p, const struct run *r, int *fd)
{
	*fd = blob_seg_open(p->dir_fd, r->segment,
	    r->is_new ? O_RDWR | O_CREAT | O_EXCL : O_RDWR);
	if (*fd < 0)
		return err_from_errno(errno);
	if (!r->is_new)
		return ERR_OK;
	daemon_crash_at("store.segment-made");
	/* The directory is an O_PATH descriptor: syncing needs a real one. */
	int dir = openat(p->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || fsync(dir) != 0) {
		if (dir >= 0)
			close(dir);
		close(*fd);
		return ERR_IO;
	}
	close(dir);
	return ERR_OK;
}

/* The same segment takes one batch after another. */
static enum err
run_fd(struct blob_batch *p, const struct run *r, int *fd)
{
	struct blob_kept *k = p->kept;
	enum err e;

	*fd = k->fd;
	if (k->segment == r->segment && !r->is_new)
		return ERR_OK;
	if ((e = run_open(p, r, fd)) != ERR_OK)
		return e;
	if (k->segment != 0)
		close(k->fd);
	*k = (struct blob_kept){ r->segment, *fd };
	return ERR_OK;
}

/* A file that shrank meanwhile reads as zeros: its owner spoilt its own mail. */
static enum err
copy_fd(int to, struct run *r, struct slice note)
{
	unsigned char head[BLOB_HEAD_BYTES], *chunk = must_alloc(1, BLOB_COPY_BYTES);
	uint64_t done = 0, want;
	struct blob_sum sum;
	enum err e = ERR_OK;
	ssize_t n;

	blob_head_sum(&sum, &r->head);
	while (done < r->head.bytes && e == ERR_OK) {
		want = r->head.bytes - done < BLOB_COPY_BYTES ? r->head.bytes - done : BLOB_COPY_BYTES;
		n = pread(r->fd, chunk, want, (off_t)(r->from + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			e = err_from_errno(errno);
			break;
		}
		if (n == 0) {
			memset(chunk, 0, want);
			n = (ssize_t)want;
		}
		blob_sum_add(&sum, chunk, (size_t)n);
		e = write_all(to, chunk, (size_t)n, r->offset + BLOB_HEAD_BYTES + done);
		done += (uint64_t)n;
	}
	free(chunk);
	if (e == ERR_OK)
		e = write_all(to, note.p, note.n, r->offset + BLOB_HEAD_BYTES + done);
	if (e != ERR_OK)
		return e;
	blob_sum_add(&sum, note.p, note.n);
	/* What was damaged must not look whole because it was moved. */
	if (!r->is_copy)
		r->head.sum = blob_sum_end(&sum);
	blob_head_put(head, &r->head);
	return write_all(to, head, sizeof(head), r->offset);
}

static enum err
write_runs(struct blob_batch *p, bool files)
{
	struct run *r;
	enum err e;
	int fd;

	for (size_t i = 0; i < p->run_n; i++) {
		r = &p->runs[i];
		if (files && r->fd < 0 && r->is_new) {
			/* Later large runs may need the file that this one makes. */
			if ((e = run_fd(p, r, &fd)) != ERR_OK)
				return e;
			r->is_new = false;
			continue;
		}
		if (files != (r->fd >= 0))
			continue;
		if ((e = run_fd(p, r, &fd)) != ERR_OK)
			return e;
		r->is_new = false;
		if (r->fd >= 0) {
			e = copy_fd(fd, r, slice_of(buf_data(&p->bytes) + r->start, r->n));
			if (e == ERR_OK && fdatasync(fd) != 0)
				e = ERR_IO;
		} else {
			e = write_all(fd, buf_data(&p->bytes) + r->start, r->n, r->offset);
		}
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
blob_batch_write_files(struct blob_batch *p)
{
	return p == NULL ? ERR_OK : write_runs(p, true);
}

enum err
blob_batch_write(struct blob_batch *p)
{
	return p == NULL ? ERR_OK : write_runs(p, false);
}

static void
close_runs(struct blob_batch *p)
{
	for (size_t i = 0; i < p->run_n; i++)
		if (p->runs[i].fd >= 0)
			close(p->runs[i].fd);
	p->run_n = 0;
}

void
blob_batch_free(struct blob_batch **pp)
{
	struct blob_batch *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	close_runs(p);
	free(p->runs);
	buf_fini(&p->bytes);
	free(p);
}

static void
unsynced_add(struct blob *b, uint32_t segment)
{
	for (size_t i = 0; i < b->unsynced_n; i++)
		if (b->unsynced[i] == segment)
			return;
	if (b->unsynced_n == b->unsynced_cap) {
		b->unsynced_cap = b->unsynced_cap == 0 ? 8 : b->unsynced_cap * 2;
		b->unsynced = must_realloc(b->unsynced, b->unsynced_cap, sizeof(*b->unsynced));
	}
	b->unsynced[b->unsynced_n++] = segment;
}

/* Its memory serves the next one, which is as large as a rule. */
static void
keep_batch(struct blob *b, struct blob_batch **pp)
{
	struct blob_batch *p = *pp;

	if (p == NULL || b->spare != NULL || p->bytes.cap > BLOB_SPARE_BYTES) {
		blob_batch_free(pp);
		return;
	}
	*pp = NULL;
	close_runs(p);
	buf_reset(&p->bytes);
	b->spare = p;
}

void
blob_batch_done(struct blob *b, struct blob_batch **pp)
{
	if (*pp != NULL)
		b->written = b->serial - 1;
	for (size_t i = 0; *pp != NULL && i < (*pp)->run_n; i++)
		if ((*pp)->runs[i].fd < 0)
			unsynced_add(b, (*pp)->runs[i].segment);
	keep_batch(b, pp);
}

void
blob_unsynced_take(struct blob *b, struct blob_unsynced *u)
{
	u->dir_fd = b->dir_fd;
	u->n = b->unsynced_n;
	u->segments = b->unsynced;
	b->unsynced = NULL;
	b->unsynced_n = b->unsynced_cap = 0;
}

enum err
blob_unsynced_sync(struct blob_unsynced *u)
{
	int fd, rc;

	for (size_t i = 0; i < u->n; i++) {
		if ((fd = blob_seg_open(u->dir_fd, u->segments[i], O_RDWR)) < 0)
			return err_from_errno(errno);
		rc = fdatasync(fd);
		close(fd);
		if (rc != 0)
			return ERR_IO;
	}
	return ERR_OK;
}

void
blob_unsynced_fini(struct blob_unsynced *u)
{
	free(u->segments);
	u->segments = NULL;
	u->n = 0;
}

/* ---- replay ---- */

void
blob_replay_init(struct blob_replay *r, int dir_fd)
{
	r->dir_fd = dir_fd;
	r->fd = -1;
	r->segment = 0;
}

enum err
blob_replay_fini(struct blob_replay *r)
{
	enum err e = ERR_OK;

	if (r->fd >= 0) {
		if (fdatasync(r->fd) != 0)
			e = ERR_IO;
		close(r->fd);
		r->fd = -1;
	}
	return e;
}

enum err
blob_replay_next(struct blob_replay *r, struct slice *redo)
{
	uint64_t offset;
	uint32_t segment;
	size_t n;
	enum err e;

	if (redo->n == 0)
		return ERR_END;
	if (redo->n < REDO_HEAD_BYTES)
		return ERR_CORRUPT;
	segment = dec_le32(redo->p);
	offset = dec_le64(redo->p + 4);
	n = dec_le32(redo->p + 12);
	if (segment == 0 || n > redo->n - REDO_HEAD_BYTES || offset > INT64_MAX - n)
		return ERR_CORRUPT;
	if (r->fd < 0 || r->segment != segment) {
		if ((e = blob_replay_fini(r)) != ERR_OK)
			return e;
		if ((r->fd = blob_seg_open(r->dir_fd, segment, O_RDWR | O_CREAT)) < 0)
			return err_from_errno(errno);
		r->segment = segment;
	}
	if ((e = write_all(r->fd, redo->p + REDO_HEAD_BYTES, n, offset)) != ERR_OK)
		return e;
	*redo = slice_from(*redo, REDO_HEAD_BYTES + n);
	return ERR_OK;
}
