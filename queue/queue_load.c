/* SPDX-License-Identifier: ISC */
#include "queue/queue_load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_body.h"

static enum err
open_envelope(struct queue_load *l, struct cry_aead *aead, struct slice meta)
{
	struct slice sealed = slice_from(meta, QUEUE_WRAP_BYTES);
	unsigned char *plain;
	enum err e;

	if (meta.n < QUEUE_WRAP_BYTES + CRY_TAG_BYTES)
		return ERR_CORRUPT;
	if ((e = queue_seal_unwrap(aead, l->key, slice_head(meta, QUEUE_WRAP_BYTES),
	    &l->spool_key, l->id)) != ERR_OK)
		return e;
	plain = must_alloc(1, sealed.n);
	queue_seal_use(aead, l->key);
	e = queue_seal_open_part(aead, QUEUE_PART_ENVELOPE, l->id, plain, sealed);
	if (e == ERR_OK)
		e = queue_envelope_get(slice_of(plain, sealed.n - CRY_TAG_BYTES), &l->env);
	secret_wipe(plain, sealed.n);
	free(plain);
	l->env.id = l->id;
	return e;
}

static enum err
small_body(struct queue_load *l, struct cry_aead *aead,
    const struct queue_segment_reader *s, uint64_t off, uint64_t bytes)
{
	unsigned char *p;
	enum err e;

	if (bytes != l->env.size + CRY_TAG_BYTES || l->env.size > QUEUE_MEMFD_MAX)
		return ERR_CORRUPT;
	p = must_alloc(1, (size_t)bytes);
	e = queue_segment_read(s, off, p, (size_t)bytes);
	if (e == ERR_OK)
		e = queue_seal_open_part(aead, QUEUE_PART_BODY, l->id, p,
		    slice_of(p, (size_t)bytes));
	if (e == ERR_OK)
		e = queue_body_make_memfd(slice_of(p, (size_t)l->env.size), &l->fd);
	secret_wipe(p, (size_t)bytes);
	free(p);
	return e;
}

/* As it is: the chunks are under the key that the envelope holds. */
static enum err
large_body(struct queue_load *l, const struct queue_segment_reader *s, uint64_t off,
    uint64_t bytes)
{
	struct queue_file_id id;
	unsigned char *p;
	uint64_t at = 0;
	ssize_t done;
	enum err e;
	size_t n;

	if (bytes != chunkfile_bytes(l->env.size))
		return ERR_CORRUPT;
	if ((e = queue_body_make_file(l->dir, &l->fd, &id)) != ERR_OK)
		return e;
	p = must_alloc(1, QUEUE_PIECE_BYTES);
	for (; at < bytes && e == ERR_OK; at += (uint64_t)done) {
		n = bytes - at < QUEUE_PIECE_BYTES ? (size_t)(bytes - at) : QUEUE_PIECE_BYTES;
		done = 0;
		if ((e = queue_segment_read(s, off + at, p, n)) != ERR_OK)
			break;
		done = pwrite(l->fd, p, n, (off_t)at);
		if (done <= 0) {
			e = done == 0 ? ERR_FULL : err_from_errno(errno);
			done = 0;
		}
	}
	free(p);
	return e;
}

static enum err
open_message(struct queue_load *l, struct cry_aead *aead, struct buf *meta)
{
	struct queue_segment_reader s;
	struct queue_record r = { 0 };
	uint64_t body;
	enum err e;

	if ((e = queue_segment_open(&s, l->dir, l->spot.number, false)) != ERR_OK)
		return e;
	e = queue_segment_get(&s, &l->spot, &r, meta);
	if (e == ERR_OK && (r.type != QUEUE_MESSAGE || r.id != l->id))
		e = ERR_CORRUPT;
	if (e == ERR_OK)
		e = open_envelope(l, aead, buf_slice(meta));
	if (e == ERR_OK && (r.flags & QUEUE_BODY_CHUNKS ? QUEUE_FORM_FILE :
	    QUEUE_FORM_MEMFD) != l->env.form)
		e = ERR_CORRUPT;
	body = l->spot.off + QUEUE_HEAD_BYTES + r.meta_bytes;
	if (e == ERR_OK && l->want_body)
		e = l->env.form == QUEUE_FORM_MEMFD ?
		    small_body(l, aead, &s, body, r.body_bytes) :
		    large_body(l, &s, body, r.body_bytes);
	queue_segment_close(&s);
	return e;
}

/* A RESULT that cannot be read costs a repetition, not the message. */
static void
open_progress(struct queue_load *l, struct cry_aead *aead, struct buf *meta)
{
	struct queue_segment_reader s;
	struct queue_record r;
	struct buf plain;

	if (l->result.number == 0 ||
	    queue_segment_open(&s, l->dir, l->result.number, false) != ERR_OK)
		return;
	buf_init(&plain, QUEUE_META_MAX);
	buf_reset(meta);
	if (queue_segment_get(&s, &l->result, &r, meta) == ERR_OK &&
	    r.type == QUEUE_RESULT && r.id == l->id) {
		queue_seal_use(aead, l->key);
		if (queue_seal_open_progress(aead, l->id, &plain, buf_slice(meta)) != ERR_OK ||
		    queue_envelope_get_progress(buf_slice(&plain), &l->env,
		    &l->progress) != ERR_OK)
			l->progress = (struct queue_progress){ 0 };
	}
	buf_fini(&plain);
	queue_segment_close(&s);
}

void
queue_load_run(struct queue_load *l)
{
	struct cry_aead *aead = cry_aead_new();
	struct buf meta;

	l->fd = -1;
	l->progress = (struct queue_progress){ 0 };
	queue_envelope_init(&l->env);
	buf_init(&meta, QUEUE_META_MAX);
	l->error = open_message(l, aead, &meta);
	if (l->error == ERR_OK)
		open_progress(l, aead, &meta);
	buf_fini(&meta);
	cry_aead_free(&aead);
}

void
queue_load_fini(struct queue_load *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
	secret_wipe(l->key, sizeof(l->key));
	secret_wipe(&l->spool_key, sizeof(l->spool_key));
	queue_envelope_fini(&l->env);
}
