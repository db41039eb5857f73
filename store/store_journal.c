/* SPDX-License-Identifier: ISC */
#include "store/store_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_sum.h"

#define MAGIC	0x314a5747u	/* "GWJ1" */
#define MEMORY_ALIGN	4096u	/* enough for any device */

enum err
journal_open(struct journal *j, int dir_fd, unsigned idx)
{
	char name[] = "journal.0";
	struct stat st;
	enum err e;

	*j = (struct journal){ .fd = -1 };
	name[8] = (char)('0' + idx);
	if ((j->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return err_from_errno(errno);
	/* Space and size first: a sync of what is written later is one flush. */
	if (fstat(j->fd, &st) != 0 ||
	    (st.st_size < (off_t)JOURNAL_BYTES &&
	    fallocate(j->fd, 0, 0, JOURNAL_BYTES) != 0 && errno != EOPNOTSUPP) ||
	    fsync(j->fd) != 0) {
		e = err_from_errno(errno);
		journal_close(j);
		return e;
	}
	return ERR_OK;
}

static bool
set_direct(struct journal *j, bool on)
{
	int flags = fcntl(j->fd, F_GETFL);

	return flags >= 0 &&
	    fcntl(j->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

void
journal_start(struct journal *j)
{
	j->piece = aligned_alloc(MEMORY_ALIGN, JOURNAL_PIECE_BYTES);
	must(j->piece != NULL);
	j->is_direct = set_direct(j, true);
}

void
journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->piece);
	*j = (struct journal){ .fd = -1 };
}

void
journal_batch_begin(struct buf *b)
{
	static const char head[JOURNAL_HEAD_BYTES];

	buf_reset(b);
	buf_put(b, head, sizeof(head));
}

static uint64_t
batch_sum(const unsigned char *p, size_t n)
{
	struct blob_sum s;

	blob_sum_init(&s);
	blob_sum_add(&s, p, 24);
	blob_sum_add(&s, p + JOURNAL_HEAD_BYTES, n - JOURNAL_HEAD_BYTES);
	return blob_sum_end(&s);
}

void
journal_batch_end(struct buf *b, uint64_t number, size_t index_bytes)
{
	static const char zeros[JOURNAL_ALIGN];
	unsigned char *p = (unsigned char *)buf_data(b);
	size_t n = b->n;

	enc_le32(p, MAGIC);
	enc_le32(p + 4, (uint32_t)index_bytes);
	enc_le32(p + 8, (uint32_t)(n - JOURNAL_HEAD_BYTES - index_bytes));
	enc_le32(p + 12, 0);
	enc_le64(p + 16, number);
	enc_le64(p + 24, batch_sum(p, n));
	if (n % JOURNAL_ALIGN != 0)
		buf_put(b, zeros, JOURNAL_ALIGN - n % JOURNAL_ALIGN);
}

/* The first n bytes of the piece. */
static enum err
write_piece(struct journal *j, uint64_t offset, size_t n)
{
	const unsigned char *p = j->piece;
	ssize_t done;

	while (n > 0) {
		done = pwrite(j->fd, p, n, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		/* Sectors larger than ours: nothing of it was written. */
		if (done < 0 && errno == EINVAL && j->is_direct) {
			if (!set_direct(j, false))
				return ERR_IO;
			j->is_direct = false;
			continue;
		}
		if (done < 0)
			return err_from_errno(errno);
		p += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return ERR_OK;
}

/* There is nothing behind end that is still needed. */
static enum err
fill_ahead(struct journal *j, uint64_t end)
{
	enum err e = ERR_OK;
	size_t n;

	if (end > j->filled)
		memset(j->piece, 0, JOURNAL_PIECE_BYTES);
	while (end > j->filled && j->filled < JOURNAL_BYTES && e == ERR_OK) {
		n = JOURNAL_BYTES - j->filled < JOURNAL_PIECE_BYTES ?
		    (size_t)(JOURNAL_BYTES - j->filled) : JOURNAL_PIECE_BYTES;
		e = write_piece(j, j->filled, n);
		j->filled += e == ERR_OK ? n : 0;
	}
	return e;
}

enum err
journal_write(struct journal *j, uint64_t offset, struct slice batch)
{
	enum err e = fill_ahead(j, offset + batch.n);
	size_t n;

	while (batch.n > 0 && e == ERR_OK) {
		n = batch.n < JOURNAL_PIECE_BYTES ? batch.n : JOURNAL_PIECE_BYTES;
		memcpy(j->piece, batch.p, n);
		e = write_piece(j, offset, n);
		offset += n;
		batch = slice_from(batch, n);
	}
	if (e != ERR_OK)
		return e;
	daemon_crash_at("store.journal-written");
	return fdatasync(j->fd) == 0 ? ERR_OK : err_from_errno(errno);
}

enum err
journal_next(struct slice file, size_t *offset, uint64_t after, struct journal_batch *out)
{
	const unsigned char *p;
	size_t index, bodies, n;

	if (*offset > file.n || file.n - *offset < JOURNAL_HEAD_BYTES)
		return ERR_END;
	p = (const unsigned char *)file.p + *offset;
	index = dec_le32(p + 4);
	bodies = dec_le32(p + 8);
	n = JOURNAL_HEAD_BYTES + index + bodies;
	if (dec_le32(p) != MAGIC || n > file.n - *offset ||
	    (after != 0 && dec_le64(p + 16) != after + 1) ||
	    dec_le64(p + 24) != batch_sum(p, n))
		return ERR_END;
	out->number = dec_le64(p + 16);
	out->index = slice_of(p + JOURNAL_HEAD_BYTES, index);
	out->bodies = slice_of(p + JOURNAL_HEAD_BYTES + index, bodies);
	*offset += (n + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
	return ERR_OK;
}
