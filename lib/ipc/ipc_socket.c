/* SPDX-License-Identifier: ISC */
#include "lib/ipc/ipc_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/ipc/ipc_peer.h"

union control {
	struct cmsghdr	 align;
	char		 space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

ssize_t
ipc_socket_send(int fd, struct slice bytes, const int *fds, unsigned fd_count,
    int flags)
{
	union control c;
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *h;

	must(fd_count <= IPC_FDS_MAX);
	if (fd_count > 0) {
		memset(&c, 0, sizeof(c));
		msg.msg_control = c.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		h = CMSG_FIRSTHDR(&msg);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * fd_count);
	}
	return sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

ssize_t
ipc_socket_recv(int fd, void *p, size_t n, int *fds, unsigned *fd_count,
    int flags)
{
	union control c;
	struct iovec iov = { p, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = c.space, .msg_controllen = sizeof(c.space) };
	struct cmsghdr *h;
	unsigned count;
	ssize_t got;

	*fd_count = 0;
	got = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return got;
	for (h = CMSG_FIRSTHDR(&msg); h != NULL; h = CMSG_NXTHDR(&msg, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		count = (unsigned)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		must(*fd_count + count <= IPC_FDS_MAX);
		memcpy(fds + *fd_count, CMSG_DATA(h), count * sizeof(int));
		*fd_count += count;
	}
	if ((msg.msg_flags & MSG_CTRUNC) != 0) {
		for (unsigned i = 0; i < *fd_count; i++)
			(void)close(fds[i]);
		*fd_count = 0;
		errno = EPROTO;
		return -1;
	}
	return got;
}
