/* SPDX-License-Identifier: ISC */
/*
 * The write half of a connection: c->out is what the session wrote; with TLS
 * it passes through the stream's wire buffer on its way to the socket.
 */
#include "lib/io/conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/io/conn_priv.h"
#include "lib/io/tls_stream.h"

#define ENCRYPT_CHUNK	65536		/* ciphertext made ahead of sending */

void
conn_set_mask(struct conn *c, int mask)
{
	if (c->state != CONN_DEAD && mask != c->mask) {
		c->mask = mask;
		loop_poll_set(c->poll, mask);
	}
}

size_t
conn_out_bytes(const struct conn *c)
{
	return c->out.n + c->zipped.n + (c->tls != NULL ? tls_stream_wire(c->tls)->n : 0);
}

/* Who has more than fits is soon at it again: only then memory stays for that. */
static void
let_go(const struct conn *c, struct buf *empty)
{
	if (c->is_clogged)
		buf_reset(empty);
	else
		buf_release(empty);
}

bool
conn_send(struct conn *c, struct buf *wire)
{
	/* At the end shutdown() comes behind it at once: one packet for both. */
	int more = c->state == CONN_FLUSH ? MSG_MORE : 0;
	ssize_t n;

	while (wire->n > 0) {
		n = send(c->fd, buf_data(wire), wire->n,
		    MSG_DONTWAIT | MSG_NOSIGNAL | more);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n < 0) {
			conn_break(c, "write");
			return false;
		}
		c->out_total += (uint64_t)n;
		buf_consume(wire, (size_t)n);
	}
	let_go(c, wire);
	return true;
}

/* One piece of out compressed. */
static void
zip_some(struct conn *c)
{
	struct slice s = slice_head(buf_slice(&c->out), ENCRYPT_CHUNK);

	zip_deflate(c->zip, s, &c->zipped);
	buf_consume(&c->out, s.n);
	if (c->out.n == 0)
		let_go(c, &c->out);
}

void
conn_zip_begin_out(struct conn *c)
{
	conn_tap_out(c);
	buf_put_slice(&c->zipped, buf_slice(&c->out));
	buf_release(&c->out);
	conn_tap_sent(c);
	c->zips_out = true;
}

void
conn_zip_end_out(struct conn *c)
{
	conn_tap_out(c);
	while (c->out.n > 0)
		zip_some(c);
	conn_tap_sent(c);
	c->zips_out = false;
}

/* What is ready to be encrypted or sent: compressed first where that is on. */
static struct buf *
ready(struct conn *c)
{
	while (c->zips_out && c->out.n > 0 && c->zipped.n < ENCRYPT_CHUNK)
		zip_some(c);
	return c->zips_out || c->zipped.n > 0 ? &c->zipped : &c->out;
}

/* One piece of it encrypted into the wire buffer. */
static bool
encrypt_some(struct conn *c, struct buf *from)
{
	struct slice s = slice_head(buf_slice(from), ENCRYPT_CHUNK);

	if (tls_stream_write(c->tls, s) != ERR_OK) {
		conn_abort(c, "tls");
		return false;
	}
	buf_consume(from, s.n);
	if (from->n == 0)
		let_go(c, from);
	return true;
}

static bool
send_plain(struct conn *c)
{
	struct buf *from;

	do {
		from = ready(c);
		if (!conn_send(c, from))
			return false;
	} while (from->n == 0 && c->out.n > 0);
	return true;
}

static bool
send_all(struct conn *c)
{
	struct buf *wire;

	if (c->tls == NULL)
		return send_plain(c);
	wire = tls_stream_wire(c->tls);
	if (!tls_stream_is_up(c->tls))
		return conn_send(c, wire);
	do {
		while (c->out.n + c->zipped.n > 0 && wire->n < ENCRYPT_CHUNK)
			if (!encrypt_some(c, ready(c)))
				return false;
		/* The last words and the end of TLS leave together. */
		if (c->state == CONN_FLUSH && c->out.n + c->zipped.n == 0)
			tls_stream_end(c->tls);
		if (!conn_send(c, wire))
			return false;
	} while (wire->n == 0 && c->out.n + c->zipped.n > 0);
	return true;
}

static void
watch_water(struct conn *c)
{
	size_t n = conn_out_bytes(c);

	if (!c->is_clogged && n > c->limits->out_high) {
		c->is_clogged = true;
	} else if (c->is_clogged && n <= c->limits->out_low) {
		c->is_clogged = false;
		c->wants_pump = true;
		loop_defer(c->loop, &c->turn);
		if (c->state == CONN_OPEN && c->ops->on_drained != NULL)
			c->ops->on_drained(c->arg);
	}
}

/* All is sent. */
static void
end_flush(struct conn *c)
{
	conn_set_mask(c, c->mask & ~LOOP_WRITE);
	let_go(c, &c->out);
	let_go(c, &c->zipped);
	if (c->tls != NULL)
		let_go(c, tls_stream_wire(c->tls));
}

bool
conn_flush(struct conn *c)
{
	if (buf_err(&c->out) != ERR_OK || buf_err(&c->zipped) != ERR_OK) {
		conn_abort(c, "output limit");
		return false;
	}
	if (c->state == CONN_HANDSHAKE && tls_stream_is_paused(c->tls))
		return true;
	conn_tap_out(c);
	if (conn_out_bytes(c) > 0 && !send_all(c))
		return false;
	conn_tap_sent(c);
	if (conn_out_bytes(c) > 0)
		conn_set_mask(c, c->mask | LOOP_WRITE);
	else
		end_flush(c);
	watch_water(c);
	return c->state != CONN_DEAD;
}

struct buf *
conn_out(struct conn *c)
{
	loop_defer(c->loop, &c->turn);
	return &c->out;
}

void
conn_write(struct conn *c, struct slice s)
{
	if (c->state == CONN_OPEN)
		buf_put_slice(conn_out(c), s);
}

void
conn_write_str(struct conn *c, const char *s)
{
	conn_write(c, slice_str(s));
}

/* Who is told so waits for on_drained, even when one flush is all it takes. */
bool
conn_is_clogged(struct conn *c)
{
	if (!c->is_clogged && conn_out_bytes(c) > c->limits->out_high) {
		c->is_clogged = true;
		loop_defer(c->loop, &c->turn);
	}
	return c->is_clogged;
}
