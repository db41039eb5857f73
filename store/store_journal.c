/* SPDX-License-Identifier: ISC */
#include "store/store_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/daemon/daemon.h"
#include "store/blob_sum.h"

#define MAGIC	0x314a5747u	/* "GWJ1" */

enum err
journal_open(int dir_fd, unsigned idx, int *fd)
{
	char name[] = "journal.0";
	struct stat st;

	name[8] = (char)('0' + idx);
	if ((*fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		return err_from_errno(errno);
	/* Space and size first: a sync of what is written later is one flush. */
	if (fstat(*fd, &st) != 0 ||
	    (st.st_size < (off_t)JOURNAL_BYTES &&
	    fallocate(*fd, 0, 0, JOURNAL_BYTES) != 0 && errno != EOPNOTSUPP) ||
	    fsync(*fd) != 0) {
		close(*fd);
		return err_from_errno(errno);
	}
	return ERR_OK;
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

enum err
journal_write(int fd, uint64_t offset, struct slice batch)
{
	ssize_t n;

	while (batch.n > 0) {
		n = pwrite(fd, batch.p, batch.n, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		offset += (uint64_t)n;
		batch = slice_from(batch, (size_t)n);
	}
	daemon_crash_at("store.journal-written");
	return fdatasync(fd) == 0 ? ERR_OK : err_from_errno(errno);
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
