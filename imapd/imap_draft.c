/* SPDX-License-Identifier: ISC */
#include "imapd/imap_draft.h"

#include <string.h>

/* What may come at once on top: a frame of the source, or a piece of a literal. */
#define MEMORY_MAX	(IMAP_DRAFT_MEMORY + (512u << 10))

void
imap_draft_init(struct imap_draft *d, struct imap_session *s)
{
	memset(d, 0, sizeof(*d));
	d->s = s;
	d->fd = -1;
	buf_init(&d->memory, MEMORY_MAX);
}

void
imap_draft_reset(struct imap_draft *d)
{
	chunkfile_writer_free(&d->writer);
	chunkfile_reader_free(&d->reader);
	if (d->fd >= 0)
		d->s->host->file_close(d->s->host_arg, d->fd);
	d->fd = -1;
	buf_wipe(&d->memory);
	d->bytes = d->read_bytes = 0;
	d->error = ERR_OK;
}

void
imap_draft_fini(struct imap_draft *d)
{
	imap_draft_reset(d);
	buf_fini(&d->memory);
}

static enum err
write_file(void *arg, const void *p, size_t n, uint64_t off)
{
	struct imap_draft *d = arg;

	(void)off;	/* it is where the file ends */
	return d->s->host->file_write(d->s->host_arg, d->fd, slice_of(p, n));
}

void
imap_draft_put(struct imap_draft *d, struct slice s)
{
	d->bytes += s.n;
	if (d->error != ERR_OK)
		return;
	if (d->writer != NULL) {
		d->error = chunkfile_writer_put(d->writer, s);
	} else {
		buf_put_slice(&d->memory, s);
		d->error = buf_err(&d->memory);
	}
}

bool
imap_draft_needs_file(const struct imap_draft *d)
{
	return d->fd < 0 && d->memory.n > IMAP_DRAFT_MEMORY;
}

void
imap_draft_take_file(struct imap_draft *d, int fd)
{
	d->fd = fd;
	d->writer = chunkfile_writer_new(write_file, d);
	d->error = chunkfile_writer_put(d->writer, buf_slice(&d->memory));
	buf_wipe(&d->memory);
}

enum err
imap_draft_end(struct imap_draft *d)
{
	if (d->error == ERR_OK && d->writer != NULL)
		d->error = chunkfile_writer_end(d->writer);
	if (d->error == ERR_OK && d->writer != NULL)
		d->error = chunkfile_reader_new(&d->reader, d->fd,
		    chunkfile_writer_key(d->writer), d->bytes);
	return d->error;
}

enum err
imap_draft_read(struct imap_draft *d, struct buf *out)
{
	uint64_t left = d->bytes - d->read_bytes;
	size_t n = left < IMAP_DRAFT_PIECE ? (size_t)left : IMAP_DRAFT_PIECE;
	char *dst;

	if (d->error != ERR_OK)
		return d->error;
	if (n == 0)
		return ERR_END;
	dst = buf_reserve(out, n);
	if (dst == NULL)
		return ERR_FULL;
	if (d->reader != NULL)
		d->error = chunkfile_reader_get(d->reader, d->read_bytes, dst, n);
	else
		memcpy(dst, buf_data(&d->memory) + d->read_bytes, n);
	if (d->error == ERR_OK)
		buf_commit(out, n);
	d->read_bytes += n;
	return d->error;
}
