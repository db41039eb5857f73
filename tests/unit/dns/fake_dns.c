/* SPDX-License-Identifier: ISC */
#include "tests/unit/dns/fake_dns.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/dns/dns_msg.h"

#include "lib/base/must.h"

static void
got_query(struct fake_dns *f)
{
	if (f->script != NULL)
		f->script(f);
	else
		loop_stop(f->loop);
}

static void
on_udp(void *arg, int events)
{
	struct fake_dns *f = arg;
	socklen_t n = sizeof(f->from);
	char bytes[2048];
	ssize_t got;

	must(events == LOOP_READ);
	got = recvfrom(f->udp, bytes, sizeof(bytes), 0,
	    (struct sockaddr *)&f->from, &n);
	must(got > 0);
	f->udp_count++;
	f->is_tcp = false;
	buf_reset(&f->query);
	buf_put(&f->query, bytes, (size_t)got);
	got_query(f);
}

void
fake_dns_hang_up(struct fake_dns *f)
{
	loop_poll_free(&f->conn_poll);
	if (f->conn >= 0)
		(void)close(f->conn);
	f->conn = -1;
	buf_reset(&f->in);
	buf_reset(&f->drip);
	loop_idle_cancel(&f->drip_idle);
}

static void
on_conn(void *arg, int events)
{
	struct fake_dns *f = arg;
	char bytes[2048];
	ssize_t got;
	size_t want;

	(void)events;
	got = recv(f->conn, bytes, sizeof(bytes), 0);
	if (got <= 0) {
		fake_dns_hang_up(f);
		return;
	}
	buf_put(&f->in, bytes, (size_t)got);
	want = f->in.n < 2 ? 2 : 2u + (unsigned char)buf_data(&f->in)[1];
	if (f->in.n < want)
		return;
	must(f->in.n == want);
	buf_consume(&f->in, 2);
	f->tcp_count++;
	f->is_tcp = true;
	buf_reset(&f->query);
	buf_put_slice(&f->query, buf_slice(&f->in));
	buf_reset(&f->in);
	got_query(f);
}

static void
on_tcp(void *arg, int events)
{
	struct fake_dns *f = arg;

	must(events == LOOP_READ);
	fake_dns_hang_up(f);
	f->conn = accept4(f->tcp, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	must(f->conn >= 0);
	f->conn_poll = loop_poll_new(f->loop, f->conn, on_conn, f);
	loop_poll_set(f->conn_poll, LOOP_READ);
}

static int
bind_local(int type, unsigned *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0);
	if (bind(fd, (struct sockaddr *)&in, n) != 0) {
		(void)close(fd);
		return -1;
	}
	must(getsockname(fd, (struct sockaddr *)&in, &n) == 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void
drip(void *arg)
{
	struct fake_dns *f = arg;

	if (f->conn < 0 || f->drip.n == 0)
		return;
	if (send(f->conn, buf_data(&f->drip), 1, MSG_NOSIGNAL) == 1)
		buf_consume(&f->drip, 1);
	loop_defer(f->loop, &f->drip_idle);
}

void
fake_dns_init(struct fake_dns *f, struct loop *loop, fake_dns_fn *script)
{
	unsigned port;

	*f = (struct fake_dns){ .loop = loop, .script = script, .conn = -1 };
	buf_init(&f->query, 2048);
	buf_init(&f->in, 4096);
	buf_init(&f->drip, 1u << 17);
	loop_idle_init(&f->drip_idle, drip, f);
	do {			/* another may have the same TCP port */
		if (f->udp > 0)
			(void)close(f->udp);
		port = 0;
		f->udp = bind_local(SOCK_DGRAM, &port);
		f->tcp = bind_local(SOCK_STREAM, &port);
	} while (f->tcp < 0);
	must(listen(f->tcp, 16) == 0);
	must(conn_addr_parse(&f->addr, SLICE_LIT("127.0.0.1"),
	    (uint16_t)port) == ERR_OK);
	f->udp_poll = loop_poll_new(loop, f->udp, on_udp, f);
	f->tcp_poll = loop_poll_new(loop, f->tcp, on_tcp, f);
	loop_poll_set(f->udp_poll, LOOP_READ);
	loop_poll_set(f->tcp_poll, LOOP_READ);
}

void
fake_dns_fini(struct fake_dns *f)
{
	fake_dns_hang_up(f);
	loop_poll_free(&f->udp_poll);
	loop_poll_free(&f->tcp_poll);
	(void)close(f->udp);
	(void)close(f->tcp);
	buf_fini(&f->query);
	buf_fini(&f->in);
	buf_fini(&f->drip);
}

static void
send_udp(int fd, const struct fake_dns *f, struct slice m)
{
	must(sendto(fd, m.p, m.n, 0, (const struct sockaddr *)&f->from,
	    sizeof(f->from)) == (ssize_t)m.n);
}

void
fake_dns_reply(struct fake_dns *f, struct slice m)
{
	unsigned char head[2] = { (unsigned char)(m.n >> 8), (unsigned char)m.n };

	if (!f->is_tcp) {
		send_udp(f->udp, f, m);
		return;
	}
	must(send(f->conn, head, 2, MSG_NOSIGNAL) == 2);
	must(send(f->conn, m.p, m.n, MSG_NOSIGNAL) == (ssize_t)m.n);
}

void
fake_dns_forge(struct fake_dns *f, struct slice m)
{
	unsigned port = 0;
	int fd = bind_local(SOCK_DGRAM, &port);

	send_udp(fd, f, m);
	(void)close(fd);
}

void
fake_dns_drip(struct fake_dns *f, struct slice m, size_t first)
{
	buf_put_char(&f->drip, (char)(m.n >> 8));
	buf_put_char(&f->drip, (char)m.n);
	buf_put_slice(&f->drip, m);
	if (first > f->drip.n)
		first = f->drip.n;
	if (first > 0)
		must(send(f->conn, buf_data(&f->drip), first, MSG_NOSIGNAL) ==
		    (ssize_t)first);
	buf_consume(&f->drip, first);
	loop_defer(f->loop, &f->drip_idle);
}
