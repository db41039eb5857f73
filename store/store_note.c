/* SPDX-License-Identifier: ISC */
#include "store/store_note.h"

#include <string.h>

#include "lib/ipc/ipc_codec.h"

#define FORM	1

static enum err
end_read(const struct ipc_reader *r)
{
	return ipc_reader_done(r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

enum err
note_body_read(struct note_body *n, struct slice s)
{
	struct ipc_reader r = ipc_reader_of(s);

	memset(n, 0, sizeof(*n));
	if (ipc_get_u8(&r) != FORM)
		return ERR_CORRUPT;
	n->mailbox = ipc_get_u32(&r);
	n->epoch = ipc_get_u64(&r);
	n->generation = ipc_get_u32(&r);
	n->message_id = ipc_get_u64(&r);
	n->internal_s = ipc_get_u64(&r);
	n->created_s = ipc_get_u64(&r);
	n->size = ipc_get_u32(&r);
	n->flags = ipc_get_u32(&r);
	n->commitment = ipc_get_var(&r, 32);
	n->wrapped = ipc_get_var(&r, 64);
	n->references = ipc_get_var(&r, 8 * NOTE_REFERENCES_MAX);
	n->name = ipc_get_var(&r, RECORD_NAME_MAX);
	return n->references.n % 8 == 0 ? end_read(&r) : ERR_CORRUPT;
}

void
note_body_put(const struct note_body *n, struct buf *b)
{
	size_t max = 8 * NOTE_REFERENCES_MAX;
	struct slice nearest = n->references.n > max ?
	    slice_from(n->references, n->references.n - max) : n->references;

	ipc_put_u8(b, FORM);
	ipc_put_u32(b, n->mailbox);
	ipc_put_u64(b, n->epoch);
	ipc_put_u32(b, n->generation);
	ipc_put_u64(b, n->message_id);
	ipc_put_u64(b, n->internal_s);
	ipc_put_u64(b, n->created_s);
	ipc_put_u32(b, n->size);
	ipc_put_u32(b, n->flags);
	ipc_put_var(b, n->commitment, 32);
	ipc_put_var(b, n->wrapped, 64);
	ipc_put_var(b, nearest, max);
	ipc_put_var(b, n->name, RECORD_NAME_MAX);
}

enum err
note_epoch_read(struct note_epoch *n, struct slice s)
{
	struct ipc_reader r = ipc_reader_of(s);

	memset(n, 0, sizeof(*n));
	if (ipc_get_u8(&r) != FORM)
		return ERR_CORRUPT;
	n->generation = ipc_get_u32(&r);
	n->form = ipc_get_u8(&r);
	n->data = ipc_get_var(&r, 96);
	n->salt = ipc_get_var(&r, RECORD_SALT_BYTES);
	return n->salt.n == RECORD_SALT_BYTES ? end_read(&r) : ERR_CORRUPT;
}

void
note_epoch_put(const struct note_epoch *n, struct buf *b)
{
	ipc_put_u8(b, FORM);
	ipc_put_u32(b, n->generation);
	ipc_put_u8(b, n->form);
	ipc_put_var(b, n->data, 96);
	ipc_put_var(b, n->salt, RECORD_SALT_BYTES);
}

bool
note_agrees(const struct note_body *n, const struct record_content *c)
{
	return n->epoch == c->epoch && n->generation == c->generation &&
	    slice_eq(n->commitment, c->commitment) && slice_eq(n->wrapped, c->wrapped);
}
