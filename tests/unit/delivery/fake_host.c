/* SPDX-License-Identifier: ISC */
#include "tests/unit/delivery/fake_host.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/must.h"

#define OUT_MAX	(1u << 20)

struct client {
	struct list		 link;
	struct fake_host	*host;
	struct conn		*conn;
	struct timer		 tick;		/* the next byte */
	struct buf		 out;		/* by_bytes */
	bool			 in_data;
	unsigned		 rcpts;
	unsigned		 messages;
	bool			 is_flooding;
	bool			 is_raw;
	bool			 is_mute;	/* misbehaved: hears nothing any more */
};

static const struct conn_limits limits = { .in_max = 65536, .out_low = 4096,
	.out_high = 65536, .out_max = 4 * OUT_MAX };

static void
flood(struct client *c)
{
	struct buf *out = conn_out(c->conn);
	const char *text = c->host->fault == FAKE_ENDLESS ? "250-and on and on\r\n" :
	    "xxxxxxxxxxxxxxxxx";

	while (conn_out_bytes(c->conn) + out->n < limits.out_high + 1000)
		buf_put_str(out, text);
}

static void
on_tick(void *arg)
{
	struct client *c = arg;

	conn_write(c->conn, slice_of(buf_data(&c->out), 1));
	buf_consume(&c->out, 1);
	if (c->out.n > 0)
		timer_set(&c->tick, loop_now(c->host->loop) + 1000);
}

static void
say(struct client *c, const char *text)
{
	if (!c->host->by_bytes) {
		conn_write_str(c->conn, text);
		conn_write_str(c->conn, "\r\n");
		return;
	}
	buf_put_str(&c->out, text);
	buf_put_str(&c->out, "\r\n");
	timer_set(&c->tick, loop_now(c->host->loop) + 1000);
}

/* false: it misbehaved. */
static bool
reply(struct client *c, enum fake_step step, const char *set, const char *usual)
{
	if (c->host->step != step) {
		say(c, set != NULL ? set : usual);
		return true;
	}
	c->is_mute = true;
	switch (c->host->fault) {
	case FAKE_SILENT:
		break;
	case FAKE_CLOSE:
		conn_close(c->conn, "fault");
		break;
	case FAKE_ENDLESS:
	case FAKE_LONG_LINE:
		c->is_flooding = true;
		flood(c);
		break;
	case FAKE_BINARY:
		conn_write(c->conn, slice_of("\0\xff\r\n250\n\r\n\x80", 12));
		break;
	}
	return false;
}

static void
end_of_message(struct client *c)
{
	struct fake_host *h = c->host;

	c->in_data = false;
	h->message_count++;
	must(h->message_count < FAKE_MESSAGES);
	c->messages++;
	for (unsigned i = 0; i < (h->is_lmtp ? c->rcpts : 1); i++)
		(void)reply(c, FAKE_DOT, h->dot, "250 2.0.0 Ok: taken");
	if (h->close_after > 0 && c->messages >= h->close_after)
		conn_close(c->conn, "enough");
}

static void
data_line(struct client *c, struct slice line)
{
	struct buf *to = &c->host->messages[c->host->message_count];

	if (slice_eq_str(line, ".")) {
		end_of_message(c);
		return;
	}
	buf_put_slice(to, line.n > 0 && line.p[0] == '.' ? slice_from(line, 1) : line);
	buf_put_str(to, "\r\n");
}

static void
rcpt(struct client *c, struct slice line)
{
	const char *text = c->host->rcpt == NULL ? NULL :
	    c->host->rcpt(slice_head(slice_from(line, 9), slice_find(slice_from(line, 9), '>')));

	if (reply(c, FAKE_RCPT, text, "250 2.1.5 Ok") && (text == NULL || text[0] == '2'))
		c->rcpts++;
}

static void
command(struct client *c, struct slice line)
{
	struct fake_host *h = c->host;

	buf_put_slice(&h->seen, line);
	buf_put_char(&h->seen, '\n');
	if (slice_starts(line, "EHLO ") || slice_starts(line, "LHLO ")) {
		(void)reply(c, FAKE_EHLO, conn_tls(c->conn) != NULL ? h->ehlo_in_tls : h->ehlo,
		    "250-fake\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		    "250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN");
	} else if (slice_starts(line, "MAIL FROM:")) {
		c->rcpts = 0;
		(void)reply(c, FAKE_MAIL, h->mail, "250 2.1.0 Ok");
	} else if (slice_starts(line, "RCPT TO:<")) {
		rcpt(c, line);
	} else if (slice_eq_str(line, "DATA")) {
		if (c->rcpts == 0)
			say(c, "554 5.5.1 No recipients");
		else if (reply(c, FAKE_DATA, h->data, "354 Go on"))
			c->in_data = h->data == NULL;
	} else if (slice_eq_str(line, "STARTTLS") && h->tls != NULL) {
		enum err e;

		say(c, "220 2.0.0 Go on");
		e = conn_start_tls(c->conn, h->tls);
		must(e == ERR_OK);
	} else if (slice_eq_str(line, "RSET")) {
		h->rsets++;
		say(c, h->rset != NULL ? h->rset : "250 2.0.0 Ok");
	} else if (slice_eq_str(line, "QUIT")) {
		h->quits++;
		if (h->ignores_quit)
			return;
		say(c, "221 2.0.0 Bye");
		conn_close(c->conn, "quit");
	} else {
		say(c, "500 5.5.2 What");
	}
}

static size_t
on_data(void *arg, struct slice bytes)
{
	struct client *c = arg;
	size_t used = 0;

	if (c->is_mute)
		return bytes.n;
	while (used < bytes.n && !conn_is_closing(c->conn) && !c->is_mute) {
		struct slice rest = slice_from(bytes, used);
		size_t lf = slice_find(rest, '\n');

		if (c->host->raw != NULL && (c->is_raw || (rest.n >= 5 &&
		    memcmp(rest.p, "OHAI", 5) == 0))) {
			c->is_raw = true;
			return used + c->host->raw(c->host->raw_arg, c->conn, rest);
		}
		if (lf == rest.n)
			break;
		used += lf + 1;
		if (c->in_data)
			data_line(c, slice_head(rest, lf > 0 ? lf - 1 : 0));
		else
			command(c, slice_head(rest, lf > 0 ? lf - 1 : 0));
	}
	return used;
}

static void
on_drained(void *arg)
{
	struct client *c = arg;

	if (c->is_flooding)
		flood(c);
}

static void
on_closed(void *arg, const char *reason)
{
	struct client *c = arg;

	(void)reason;
	c->host->ends++;
	c->host->open--;
	list_remove(&c->link);
	timer_stop(&c->tick);
	buf_fini(&c->out);
	free(c);
}

static const struct conn_ops ops = { .on_data = on_data, .on_drained = on_drained,
	.on_closed = on_closed };

static void
on_connect(void *arg, int events)
{
	struct fake_host *h = arg;
	struct conn_addr from = { .is_inet = true };
	int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)events;
	if (fd < 0)
		return;
	c = must_alloc(1, sizeof(*c));
	c->host = h;
	buf_init(&c->out, OUT_MAX);
	timer_init(&c->tick, h->loop, on_tick, c);
	list_push(&h->clients, &c->link);
	h->connects++;
	h->open++;
	h->open_max = h->open > h->open_max ? h->open : h->open_max;
	c->conn = conn_new(h->loop, fd, &from, &ops, c, &limits, NULL);
	(void)reply(c, FAKE_GREETING, h->greeting, "220 fake ESMTP");
}

void
fake_host_open(struct fake_host *h, struct loop *loop)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	h->loop = loop;
	list_init(&h->clients);
	buf_init(&h->seen, OUT_MAX);
	for (unsigned i = 0; i < FAKE_MESSAGES; i++)
		buf_init(&h->messages[i], OUT_MAX);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (h->octet > 0 ? h->octet : 1));
	a.sin_port = htons(h->port);
	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(h->fd >= 0 && bind(h->fd, (struct sockaddr *)&a, n) == 0 &&
	    listen(h->fd, 100) == 0 && getsockname(h->fd, (struct sockaddr *)&a, &n) == 0);
	h->port = ntohs(a.sin_port);
	h->poll = loop_poll_new(loop, h->fd, on_connect, h);
	loop_poll_set(h->poll, LOOP_READ);
}

void
fake_host_hang_up(struct fake_host *h)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &h->clients)
		conn_close(obj_of(n, struct client, link)->conn, "hang up");
}

void
fake_host_fini(struct fake_host *h)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &h->clients)
		conn_abort(obj_of(n, struct client, link)->conn, "end");
	loop_poll_free(&h->poll);
	(void)close(h->fd);
	buf_fini(&h->seen);
	for (unsigned i = 0; i < FAKE_MESSAGES; i++)
		buf_fini(&h->messages[i]);
}
