/* SPDX-License-Identifier: ISC */
/* The blocking forms of ipc_peer.h, for start-up and tools. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc/ipc_frame.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/ipc/ipc_socket.h"

enum err
ipc_write_blocking(int fd, enum ipc_type type, uint64_t id, const void *m,
    const int *fds, unsigned fd_count)
{
	const struct ipc_type_row *row = ipc_type_find((uint16_t)type);
	struct buf b;
	ssize_t n;
	enum err e;

	if (row == NULL)
		return ERR_NOTFOUND;
	buf_init(&b, IPC_FRAME_MAX);
	e = ipc_frame_put(&b, row, id, UINT64_MAX, m, fd_count);
	while (e == ERR_OK && b.n > 0) {
		n = ipc_socket_send(fd, buf_slice(&b), fds, fd_count, 0);
		if (n > 0) {
			buf_consume(&b, (size_t)n);
			fd_count = 0;
		} else if (errno != EINTR) {
			e = err_from_errno(errno);
		}
	}
	buf_wipe(&b);
	buf_fini(&b);
	return e;
}

/* Read until n bytes are in the buffer; descriptors come with the first. */
static enum err
fill(int fd, struct buf *b, size_t want, struct ipc_in *in)
{
	int fds[IPC_FDS_MAX];
	unsigned got;
	ssize_t n;
	char *at;

	while (b->n < want) {
		at = buf_reserve(b, want - b->n);
		if (at == NULL)
			return ERR_LIMIT;
		n = ipc_socket_recv(fd, at, want - b->n, fds, &got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? ERR_GONE : err_from_errno(errno);
		for (unsigned i = 0; i < got; i++) {
			if (in->fd_count < IPC_FDS_MAX)
				in->fds[in->fd_count++] = fds[i];
			else
				(void)close(fds[i]);
		}
		buf_commit(b, (size_t)n);
	}
	return ERR_OK;
}

enum err
ipc_read_blocking(int fd, enum ipc_role from, struct buf *store,
    uint16_t *type, union ipc_any *m, struct ipc_in *in)
{
	struct ipc_frame f;
	const char *reason;
	enum err e;

	*in = (struct ipc_in){ 0 };
	buf_reset(store);
	e = fill(fd, store, IPC_HEADER_BYTES, in);
	if (e != ERR_OK)
		return e;
	e = ipc_frame_get(buf_slice(store), &f);
	if (e == ERR_SHORT) {
		e = fill(fd, store, 4 + (size_t)dec_frame_length(store), in);
		if (e == ERR_OK)
			e = ipc_frame_get(buf_slice(store), &f);
	}
	if (e == ERR_OK)
		e = ipc_frame_decode(&f, (uint32_t)from, m, &in->deadline_ms,
		    &reason);
	if (e == ERR_OK && in->fd_count != f.fd_count)
		e = ERR_VIOLATION;
	if (e != ERR_OK) {
		for (unsigned i = 0; i < in->fd_count; i++)
			(void)close(in->fds[i]);
		in->fd_count = 0;
		return e;
	}
	*type = f.type;
	in->id = f.id & ~IPC_REPLY_BIT;
	return ERR_OK;
}
