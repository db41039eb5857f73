/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_source.h"

#include <errno.h>
#include <unistd.h>

#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"

enum err
dlv_source_open(struct dlv_source *s, int fd, uint8_t form, uint64_t bytes,
    struct slice key)
{
	enum err e = ERR_OK;

	*s = (struct dlv_source){ .fd = fd, .bytes = bytes };
	if (fd < 0)
		e = ERR_VIOLATION;
	else if (form == QUEUE_FORM_FILE)
		e = key.n != CRY_KEY_BYTES ? ERR_VIOLATION :
		    chunkfile_reader_new(&s->chunks, fd, (const unsigned char *)key.p, bytes);
	else if (form != QUEUE_FORM_MEMFD)
		e = ERR_VIOLATION;
	if (e != ERR_OK)
		dlv_source_close(s);
	return e;
}

enum err
dlv_source_read(struct dlv_source *s, uint64_t off, void *dst, size_t n)
{
	char *p = dst;

	if (n > s->bytes || off > s->bytes - n)
		return ERR_END;
	if (s->chunks != NULL)
		return chunkfile_reader_get(s->chunks, off, dst, n);
	while (n > 0) {
		ssize_t r = pread(s->fd, p, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_from_errno(errno);
		/* Shorter than queue said. */
		if (r == 0)
			return ERR_CORRUPT;
		p += r;
		n -= (size_t)r;
		off += (uint64_t)r;
	}
	return ERR_OK;
}

void
dlv_source_close(struct dlv_source *s)
{
	chunkfile_reader_free(&s->chunks);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}
