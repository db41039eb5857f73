/* SPDX-License-Identifier: ISC */
/*
 * A client that changed to CMTP goes to cmtpd.  Plain, and with nothing left
 * to be sent to it: the descriptor goes, and this process has done with it.
 * Otherwise the connection stays, and what passes through it is carried to and
 * from the end of a pair that smtpd keeps (inner).
 */
#include "smtpd/smtp_conn_priv.h"

#include <unistd.h>

#include "lib/sys/fd.h"

#define EARLY_MAX	32768u		/* as cmtpd.msg */

static const struct conn_limits inner_caps = {
	.in_max = 65536,
	.out_low = 16384,
	.out_high = 65536,
	.out_max = 262144,
};

static size_t
inner_data(void *arg, struct slice bytes)
{
	struct smtp_conn *c = arg;

	if (c->conn == NULL || conn_is_closing(c->conn))
		return bytes.n;
	if (conn_is_clogged(c->conn)) {
		conn_pause(c->inner);
		return 0;
	}
	conn_write(c->conn, bytes);
	return bytes.n;
}

static void
inner_drained(void *arg)
{
	struct smtp_conn *c = arg;

	if (c->conn != NULL)
		conn_resume(c->conn);
}

static void
inner_closed(void *arg, const char *reason)
{
	struct smtp_conn *c = arg;

	c->inner = NULL;
	if (c->conn != NULL)
		conn_close(c->conn, reason);
	smtp_conn_check_gone(c);
}

static const struct conn_ops inner_ops = {
	.on_data = inner_data, .on_drained = inner_drained, .on_closed = inner_closed,
};

size_t
smtp_hand_from_client(struct smtp_conn *c, struct slice bytes)
{
	if (c->inner == NULL || conn_is_closing(c->inner))
		return bytes.n;
	if (conn_is_clogged(c->inner)) {
		conn_pause(c->conn);
		return 0;
	}
	conn_write(c->inner, bytes);
	return bytes.n;
}

void
smtp_hand_client_drained(struct smtp_conn *c)
{
	if (c->inner != NULL)
		conn_resume(c->inner);
}

static enum err
send_hand(struct smtp_conn *c, struct slice early, int fd)
{
	struct ipc_peer *p = daemon_peer_next(c->server->app, IPC_CMTPD);
	const struct smtp_session *s = &c->session;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_cmtp_hand m = { .session = s->id, .port = c->peer.port,
	    .listener = slice_str(c->listener->title), .early = early };

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	if (s->tls_version != NULL) {
		m.tls = slice_str(s->tls_version);
		m.cipher = slice_str(s->tls_cipher);
	}
	return p == NULL ? ERR_GONE : ipc_send(p, IPC_MSG_cmtp_hand, &m, &fd, 1);
}

/* What follows early comes through the pair. */
static enum err
carry(struct smtp_conn *c, struct slice early)
{
	int fds[2];
	enum err e = fd_pair(fds);

	if (e != ERR_OK)
		return e;
	e = send_hand(c, early, fds[1]);
	(void)close(fds[1]);
	if (e != ERR_OK) {
		(void)close(fds[0]);
		return e;
	}
	c->inner = conn_new(c->server->loop, fds[0], &c->peer, &inner_ops, c, &inner_caps, NULL);
	conn_set_deadline(c->conn, 0);	/* cmtpd keeps the time */
	return ERR_OK;
}

size_t
smtp_hand_begin(struct smtp_conn *c, size_t used, struct slice bytes)
{
	struct slice rest = slice_from(bytes, used);
	struct buf early;
	enum err e;
	int fd;

	buf_init(&early, EARLY_MAX);
	buf_put_slice(&early, buf_slice(&c->session.line));
	buf_put_slice(&early, slice_head(rest, EARLY_MAX - early.n));
	used += early.n - c->session.line.n;
	/* What does not fit follows through a pair. */
	fd = used == bytes.n ? conn_plain_fd(c->conn) : -1;
	e = fd >= 0 ? send_hand(c, buf_slice(&early), fd) : carry(c, buf_slice(&early));
	buf_fini(&early);
	c->is_handed = e == ERR_OK;
	if (e != ERR_OK) {
		smtp_session_hand_failed(&c->session);
		return bytes.n;
	}
	if (fd < 0) {
		conn_write(c->inner, slice_from(bytes, used));
		return bytes.n;
	}
	conn_abort(c->conn, "cmtp");	/* it lives on where it went */
	return 0;
}
