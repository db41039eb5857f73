/* SPDX-License-Identifier: ISC */
#include "lib/io/conn_tap.h"

#ifdef GODWIT_TEST
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/io/conn_priv.h"

#define PATH_BYTES	512

static int tap_fd = -1;

void
conn_tap_open(const char *variable)
{
	const char *dir = getenv(variable);
	char path[PATH_BYTES];
	int n;

	if (dir == NULL || *dir == '\0')
		return;
	n = snprintf(path, sizeof(path), "%s/%ld", dir, (long)getpid());
	if (n < 0 || n >= PATH_BYTES)
		log_fatal("the name of the transcript is too long");
	tap_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (tap_fd < 0)
		log_fatal("the transcript cannot be written");
}

void
conn_tap_set(struct conn *c, uint64_t id)
{
	c->tap_id = id;
}

void
conn_tap(uint64_t id, char kind, struct slice s)
{
	char head[64];
	struct iovec v[2];

	if (tap_fd < 0 || id == 0 || (s.n == 0 && kind != CONN_TAP_END))
		return;
	v[0].iov_base = head;
	v[0].iov_len = (size_t)snprintf(head, sizeof(head), "%" PRIu64 " %c %zu\n", id, kind,
	    s.n);
	v[1].iov_base = (void *)(uintptr_t)s.p;		/* writev only reads */
	v[1].iov_len = s.n;
	/* A disk that is full ends the transcript, not the daemon. */
	if (writev(tap_fd, v, 2) != (ssize_t)(v[0].iov_len + s.n)) {
		(void)close(tap_fd);
		tap_fd = -1;
	}
}

void
conn_tap_in(struct conn *c, struct slice used)
{
	conn_tap(c->tap_id, CONN_TAP_CLIENT, used);
}

void
conn_tap_out(struct conn *c)
{
	if (c->out.n <= c->tapped)
		return;
	conn_tap(c->tap_id, CONN_TAP_SERVER, slice_from(buf_slice(&c->out), c->tapped));
	c->tapped = c->out.n;
}

void
conn_tap_sent(struct conn *c)
{
	c->tapped = c->out.n;
}
#endif
