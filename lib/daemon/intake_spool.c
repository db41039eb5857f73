/* SPDX-License-Identifier: ISC */
#include "lib/daemon/intake_spool.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "lib/sys/fd.h"

/* What one turn may bring after the file was asked for. */
#define MEM_SLACK	(256u << 10)

void
intake_spool_init(struct intake_spool *sp, struct intake_pool *pool)
{
	memset(sp, 0, sizeof(*sp));
	sp->pool = pool;
	sp->fd = -1;
	buf_init(&sp->mem, QUEUE_MEMFD_MAX + MEM_SLACK);
}

static void
release_mem(struct intake_spool *sp)
{
	sp->pool->used_bytes -= sp->mem.n;
	buf_release(&sp->mem);
}

void
intake_spool_reset(struct intake_spool *sp)
{
	release_mem(sp);
	chunkfile_writer_free(&sp->writer);
	fd_close(&sp->fd);
	sp->at = SPOOL_MEMORY;
	sp->failed = ERR_OK;
}

static enum err
put_mem(struct intake_spool *sp, struct slice s)
{
	struct intake_pool *p = sp->pool;

	/* The file is for what does not fit; twice the cap is the end. */
	if (p->used_bytes + s.n > 2 * p->max_bytes)
		return ERR_FULL;
	buf_put_slice(&sp->mem, s);
	if (buf_err(&sp->mem) != ERR_OK)
		return ERR_FULL;
	p->used_bytes += s.n;
	return ERR_OK;
}

enum err
intake_spool_put(struct intake_spool *sp, struct slice s)
{
	enum err e;

	switch (sp->at) {
	case SPOOL_FILE:
		return chunkfile_writer_put(sp->writer, s);
	case SPOOL_FAILED:
		return sp->failed;
	case SPOOL_MEMORY:
	case SPOOL_ASKED:
		break;
	}
	if ((e = put_mem(sp, s)) != ERR_OK)
		return e;
	if (sp->mem.n > QUEUE_MEMFD_MAX || sp->pool->used_bytes > sp->pool->max_bytes)
		sp->at = SPOOL_ASKED;
	return sp->at == SPOOL_ASKED ? ERR_AGAIN : ERR_OK;
}

enum err
intake_spool_use_file(struct intake_spool *sp, int take_fd)
{
	enum err e;

	must(sp->at == SPOOL_ASKED && sp->fd < 0);
	sp->fd = take_fd;
	sp->writer = chunkfile_writer_new(chunkfile_write_fd, &sp->fd);
	sp->at = SPOOL_FILE;
	e = chunkfile_writer_put(sp->writer, buf_slice(&sp->mem));
	release_mem(sp);
	if (e != ERR_OK)
		intake_spool_fail(sp, e);
	return e;
}

void
intake_spool_fail(struct intake_spool *sp, enum err e)
{
	release_mem(sp);
	sp->at = SPOOL_FAILED;
	sp->failed = e;
}

static enum err
finish_memfd(struct intake_spool *sp)
{
	enum err e;

	if ((e = fd_memfd_make("message", &sp->fd)) != ERR_OK ||
	    (e = fd_write_all(sp->fd, buf_data(&sp->mem), sp->mem.n)) != ERR_OK)
		return e;
	return fd_memfd_seal(sp->fd);
}

enum err
intake_spool_finish(struct intake_spool *sp, int *fd, uint8_t *form, struct slice *key, uint64_t *bytes)
{
	enum err e;

	*key = SLICE_NONE;
	if (sp->at == SPOOL_MEMORY) {
		*form = QUEUE_FORM_MEMFD;
		*bytes = sp->mem.n;
		e = finish_memfd(sp);
		release_mem(sp);
	} else if (sp->at == SPOOL_FILE) {
		*form = QUEUE_FORM_FILE;
		e = chunkfile_writer_end(sp->writer);
		*bytes = chunkfile_writer_plain_bytes(sp->writer);
		*key = slice_of(chunkfile_writer_key(sp->writer), CRY_KEY_BYTES);
	} else
		return sp->at == SPOOL_FAILED ? sp->failed : ERR_STATE;
	*fd = sp->fd;
	return e;
}
