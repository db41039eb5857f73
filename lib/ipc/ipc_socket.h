/* SPDX-License-Identifier: ISC */
/*
 * sendmsg and recvmsg with descriptors; received ones are close-on-exec.
 * Truncated control data is -1 with EPROTO.
 */
#ifndef IPC_SOCKET_H
#define IPC_SOCKET_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"

ssize_t	 ipc_socket_send(int fd, struct slice bytes, const int *fds,
	    unsigned fd_count, int flags);
ssize_t	 ipc_socket_recv(int fd, void *p, size_t n, int *fds,
	    unsigned *fd_count, int flags);	/* fds: IPC_FDS_MAX of them */

static inline uint32_t
dec_frame_length(const struct buf *b)
{
	return dec_le32(buf_data(b));
}

#endif
