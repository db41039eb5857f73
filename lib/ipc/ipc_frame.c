/* SPDX-License-Identifier: ISC */
#include "lib/ipc/ipc_frame.h"

#include "lib/base/enc.h"
#include "lib/ipc/ipc_peer.h"

enum err
ipc_frame_get(struct slice s, struct ipc_frame *f)
{
	uint32_t length;

	if (s.n < 4)
		return ERR_SHORT;
	length = dec_le32(s.p);
	if (length < IPC_HEADER_BYTES - 4 || length > IPC_FRAME_MAX - 4)
		return ERR_VIOLATION;
	if (s.n < IPC_HEADER_BYTES)
		return ERR_SHORT;
	f->type = dec_le16(s.p + 4);
	f->fd_count = dec_le16(s.p + 6);
	f->id = dec_le64(s.p + 8);
	f->bytes = (size_t)length + 4;
	if (f->fd_count > IPC_FDS_MAX)
		return ERR_VIOLATION;
	if (s.n < f->bytes)
		return ERR_SHORT;
	f->body = slice_of(s.p + IPC_HEADER_BYTES, f->bytes - IPC_HEADER_BYTES);
	return ERR_OK;
}

enum err
ipc_frame_put(struct buf *b, const struct ipc_type_row *row, uint64_t id,
    uint64_t deadline_ms, const void *m, unsigned fd_count)
{
	size_t start = b->n, max = b->max;
	unsigned char head[IPC_HEADER_BYTES] = { 0 };
	enum err e;

	if (b->full)
		return ERR_FULL;
	/* The frame's own cap, unless the buffer's is nearer. */
	if (b->max - start > IPC_FRAME_MAX)
		b->max = start + IPC_FRAME_MAX;
	enc_le16(head + 4, row->type);
	enc_le16(head + 6, (uint16_t)fd_count);
	enc_le64(head + 8, id);
	buf_put(b, head, sizeof(head));
	if (row->is_request)
		ipc_put_u64(b, deadline_ms);
	row->put(b, m);
	b->max = max;
	e = buf_err(b);
	if (e != ERR_OK) {
		b->full = false;
		buf_truncate(b, start);
		return ERR_LIMIT;
	}
	enc_le32(buf_data(b) + start, (uint32_t)(b->n - start - 4));
	return ERR_OK;
}

enum err
ipc_frame_decode(const struct ipc_frame *f, uint32_t from, union ipc_any *m,
    uint64_t *deadline_ms, const char **reason)
{
	const struct ipc_type_row *row = ipc_type_find(f->type);
	struct ipc_reader r;

	*deadline_ms = 0;
	*reason = NULL;
	if (row == NULL)
		*reason = "unknown type";
	else if ((row->from & from) == 0)
		*reason = "sender not permitted";
	else if (f->fd_count > row->max_fds)
		*reason = "too many descriptors";
	else if (row->is_request && (f->id & IPC_REPLY_BIT) != 0)
		*reason = "request as reply";
	if (*reason != NULL)
		return ERR_VIOLATION;
	r = ipc_reader_of(f->body);
	if (row->is_request)
		*deadline_ms = ipc_get_u64(&r);
	row->get(&r, m);
	if (ipc_reader_done(&r) != ERR_OK) {
		*reason = "malformed body";
		return ERR_VIOLATION;
	}
	return ERR_OK;
}
