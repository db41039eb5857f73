/* SPDX-License-Identifier: ISC */
/*
 * Plain recv and send on a polled descriptor instead of uv_tcp: no write
 * requests to allocate, one buffer for all reads of the loop, and half the
 * memory of a uv_tcp_t with its queues; TLS reads the socket by itself.
 *
 * The poll mask is changed lazily, since each change costs two epoll_ctl:
 * a paused connection keeps LOOP_READ until an event really comes, and
 * LOOP_WRITE is set only when the kernel took less than there was.
 *
 * Everything that calls the session from outside an event (resumed input,
 * the end) and every send happens in on_turn, once per loop turn.
 */
#include "lib/io/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/io/conn_priv.h"
#include "lib/io/tls_stream.h"

#define READS_PER_TURN	16		/* then others get theirs */
#define LINGER_MAX	(256u << 10)	/* unread input thrown away at the end */

static void pump(struct conn *);

/* ---- the poll mask ---- */

static bool
wants_input(const struct conn *c)
{
	switch (c->state) {
	case CONN_OPEN:
		return !c->is_paused && !c->is_clogged && !c->is_eof &&
		    c->in.n < c->limits->in_max;
	case CONN_HANDSHAKE:
		return !tls_stream_is_paused(c->tls);
	case CONN_LINGER:
		return true;
	case CONN_TLS_WAIT:
	case CONN_FLUSH:
	case CONN_DEAD:
		return false;
	}
	return false;
}

static void
want_input(struct conn *c)
{
	if (wants_input(c))
		conn_set_mask(c, c->mask | LOOP_READ);
}

/* ---- the end ---- */

static void
bury(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	timer_stop(&c->timer);
	loop_poll_free(&c->poll);
	c->state = CONN_DEAD;
	c->in_total = conn_in_total(c);
	if (c->tls != NULL)
		tls_stream_free(&c->tls, c->fd);
	else if (c->tls_next != NULL)
		tls_stream_free(&c->tls_next, c->fd);
	else
		(void)close(c->fd);
	c->fd = -1;
	buf_release(&c->in);
	buf_release(&c->out);
	buf_release(&c->zipped);
	zip_free(&c->zip);
	loop_defer(c->loop, &c->turn);
}

void
conn_abort(struct conn *c, const char *reason)
{
	if (c->reason == NULL)
		c->reason = reason;
	bury(c);
}

/* A client hears of its handshake whatever became of it. */
void
conn_break(struct conn *c, const char *reason)
{
	if (c->state == CONN_HANDSHAKE && tls_stream_peer(c->tls) != NULL) {
		tls_stream_give_up(c->tls, "connection lost");
		if (c->ops->on_tls != NULL)
			c->ops->on_tls(c->arg, ERR_GONE);
	}
	conn_abort(c, reason);
}

void
conn_close(struct conn *c, const char *reason)
{
	if (c->state == CONN_FLUSH || c->state == CONN_LINGER ||
	    c->state == CONN_DEAD)
		return;
	if (c->state == CONN_HANDSHAKE) {
		conn_abort(c, reason);
		return;
	}
	c->reason = reason;
	c->state = CONN_FLUSH;
	buf_release(&c->in);
	timer_set(&c->timer, loop_now(c->loop) + CONN_FLUSH_MS);
	loop_defer(c->loop, &c->turn);
}

static void
disappear(struct conn *c)
{
	loop_idle_cancel(&c->turn);
	if (c->listener != NULL)
		conn_listener_leave(c->listener);
	c->ops->on_closed(c->arg, c->reason);
	buf_fini(&c->in);
	buf_fini(&c->out);
	buf_fini(&c->zipped);
	free(c);
}

/*
 * All is sent.  Closing while the peer's bytes lie unread would make the
 * kernel send a reset, which can destroy our last reply on its way: end our
 * side and read on for a moment.
 */
static void
begin_linger(struct conn *c)
{
	if (shutdown(c->fd, SHUT_WR) != 0 || c->is_eof) {
		bury(c);
		return;
	}
	c->state = CONN_LINGER;
	timer_set(&c->timer, loop_now(c->loop) + CONN_LINGER_MS);
	want_input(c);
}

static void
linger(struct conn *c)
{
	size_t cap;
	char *scrap = loop_read_buffer(c->loop, &cap);
	ssize_t n = recv(c->fd, scrap, cap, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->linger_bytes += (size_t)n;
		if (c->linger_bytes <= LINGER_MAX)
			return;
	}
	bury(c);
}

/* ---- reading ---- */

static enum err
receive(struct conn *c, char *dst, size_t cap, size_t *got)
{
	ssize_t n;

	if (c->tls != NULL)
		return tls_stream_read(c->tls, dst, cap, got);
	do
		n = recv(c->fd, dst, cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		c->in_total += (uint64_t)n;
		return ERR_OK;
	}
	if (n == 0)
		return ERR_END;
	return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_AGAIN : ERR_IO;
}

/*
 * What the session wrote until now goes as before; what it left of its input,
 * of c->in or not, is compressed, or plain, and so is all behind it.
 */
static void
zip_change(struct conn *c, struct slice left)
{
	struct buf before = c->in;

	if (c->zip_starts) {
		conn_zip_begin_out(c);
		buf_init(&c->in, c->limits->in_max);
		zip_feed(c->zip, left);
	} else {
		conn_zip_end_out(c);
		buf_init(&c->in, 2 * c->limits->in_max + ZIP_PIECE);
		buf_put_slice(&c->in, left);
		buf_put_slice(&c->in, zip_left(c->zip));
		zip_free(&c->zip);
	}
	c->zip_starts = c->zip_stops = false;
	c->wants_pump = true;
	loop_defer(c->loop, &c->turn);
	buf_fini(&before);
}

/* Gives the session s, keeps what it did not use in c->in. */
static void
hand_over(struct conn *c, struct slice s)
{
	bool is_kept = c->in.n > 0;
	size_t used;

	if (is_kept) {
		buf_put_slice(&c->in, s);
		s = buf_slice(&c->in);
	}
	conn_tap_out(c);
	used = c->ops->on_data(c->arg, s);
	must(used <= s.n);
	conn_tap_in(c, slice_head(s, used));
	if (c->state == CONN_TLS_WAIT || c->state == CONN_HANDSHAKE) {
		/* RFC 3207 s4.2: not a byte of it may count after TLS. */
		c->injected += s.n - used;
		buf_release(&c->in);
	} else if (c->state != CONN_OPEN) {
		buf_release(&c->in);
	} else if (c->zip_starts || c->zip_stops) {
		zip_change(c, slice_from(s, used));
	} else if (is_kept) {
		buf_consume(&c->in, used);
	} else {
		buf_put_slice(&c->in, slice_from(s, used));
	}
	if (c->in.n == 0)
		buf_release(&c->in);
}

static void
on_end_of_input(struct conn *c)
{
	c->is_eof = true;
	conn_set_mask(c, c->mask & ~LOOP_READ);
	if (c->ops->on_eof != NULL)
		c->ops->on_eof(c->arg);
	else
		conn_close(c, "eof");
}

/* The next piece of what was fed; with nothing left, of what comes. */
static enum err
read_zipped(struct conn *c, char *dst, size_t cap)
{
	struct slice s = SLICE_NONE;
	size_t got = 0;
	enum err e;

	if (!zip_has_input(c->zip)) {
		e = receive(c, dst, cap < ZIP_PIECE ? cap : ZIP_PIECE, &got);
		if (e != ERR_OK)
			return e;
		zip_feed(c->zip, slice_of(dst, got));
	}
	e = zip_inflate(c->zip, c->limits->in_max - c->in.n, &s);
	if (e == ERR_CORRUPT) {
		conn_abort(c, "compression");
		return ERR_OK;
	}
	if (s.n > 0)
		hand_over(c, s);
	return ERR_OK;
}

/* Everything that can be read now, within fairness. */
static void
read_input(struct conn *c)
{
	size_t cap, got, room;
	char *dst = loop_read_buffer(c->loop, &cap);
	enum err e = ERR_OK;
	int i;

	for (i = 0; i < READS_PER_TURN && wants_input(c); i++) {
		if (c->zip != NULL) {
			e = read_zipped(c, dst, cap);
			if (e != ERR_OK)
				break;
			continue;
		}
		room = c->limits->in_max - c->in.n;
		got = 0;
		e = receive(c, dst, room < cap ? room : cap, &got);
		if (e != ERR_OK)
			break;
		hand_over(c, slice_of(dst, got));
		if (c->tls == NULL && c->zip == NULL && got < cap)
			return;		/* the socket is empty */
	}
	if (e == ERR_END)
		on_end_of_input(c);
	else if (e != ERR_OK && e != ERR_AGAIN)
		conn_abort(c, c->tls != NULL ? "tls" : "reset");
	else if (e == ERR_OK && wants_input(c)) {
		/* Bytes inside the TLS library make no event. */
		c->wants_pump = true;
		loop_defer(c->loop, &c->turn);
	}
}

static void
pump(struct conn *c)
{
	if (c->is_pumping || c->state != CONN_OPEN)
		return;
	c->is_pumping = true;
	read_input(c);
	c->is_pumping = false;
	if (c->zip != NULL)
		zip_rest(c->zip);
	want_input(c);
}

/* What was kept, again, then new input. */
static void
pump_again(struct conn *c)
{
	c->wants_pump = false;
	if (c->in.n > 0 && c->state == CONN_OPEN && !c->is_paused &&
	    !c->is_clogged && !c->is_pumping) {
		c->is_pumping = true;
		hand_over(c, SLICE_NONE);
		c->is_pumping = false;
	}
	/* The loop tells about the socket, but not about the libraries. */
	if ((c->tls != NULL && tls_stream_has_input(c->tls)) ||
	    (c->zip != NULL && zip_has_input(c->zip)))
		pump(c);
	else
		want_input(c);
}

void
conn_pause(struct conn *c)
{
	c->is_paused = true;
}

void
conn_resume(struct conn *c)
{
	if (!c->is_paused && c->in.n < c->limits->in_max)
		return;
	c->is_paused = false;
	c->wants_pump = true;
	loop_defer(c->loop, &c->turn);
}

int
conn_plain_fd(const struct conn *c)
{
	bool is_plain = c->state == CONN_OPEN && c->tls == NULL && c->zip == NULL;

	return is_plain && conn_out_bytes(c) == 0 ? c->fd : -1;
}

void
conn_preload(struct conn *c, struct slice bytes)
{
	must(c->in.n + bytes.n <= c->limits->in_max);
	buf_put_slice(&c->in, bytes);
	c->wants_pump = true;
	loop_defer(c->loop, &c->turn);
}

/* ---- compression ---- */

enum err
conn_start_zip(struct conn *c, struct zip_shared *shared)
{
	if (c->state != CONN_OPEN || c->zip != NULL)
		return ERR_STATE;
	buf_init(&c->zipped, c->limits->out_max + ZIP_PIECE * 4);
	c->zip = zip_new(shared);
	/* Inside on_data what it leaves is known only afterwards. */
	c->zip_starts = true;
	if (!c->is_pumping)
		zip_change(c, buf_slice(&c->in));
	return ERR_OK;
}

enum err
conn_stop_zip(struct conn *c)
{
	if (c->state != CONN_OPEN || c->zip == NULL || c->zip_starts || c->zip_stops)
		return ERR_STATE;
	c->zip_stops = true;
	if (!c->is_pumping)
		zip_change(c, buf_slice(&c->in));
	return ERR_OK;
}

/* ---- TLS ---- */

static void
on_tls_wake(void *arg)
{
	struct conn *c = arg;

	loop_defer(c->loop, &c->turn);
}

static void
handshake_failed(struct conn *c, enum err e)
{
	(void)conn_send(c, tls_stream_wire(c->tls));	/* the alert, if any */
	if (c->state == CONN_DEAD)
		return;
	if (c->ops->on_tls != NULL)
		c->ops->on_tls(c->arg, e);
	conn_abort(c, "tls");
}

static void
handshake_done(struct conn *c)
{
	c->state = CONN_OPEN;
	conn_set_deadline(c, c->deadline_ms);
	loop_defer(c->loop, &c->turn);	/* our last flight is to be sent */
	if (c->ops->on_tls != NULL)
		c->ops->on_tls(c->arg, ERR_OK);
	pump(c);		/* a client may have sent its data already */
}

static void
handshake(struct conn *c)
{
	enum err e = tls_stream_handshake(c->tls);

	if (e == ERR_OK) {
		handshake_done(c);
	} else if (e != ERR_AGAIN) {
		handshake_failed(c, e);
	} else if (conn_flush(c)) {
		want_input(c);
	}
}

static void
begin_handshake(struct conn *c)
{
	c->tls = c->tls_next;
	c->tls_next = NULL;
	c->state = CONN_HANDSHAKE;
	timer_set(&c->timer, c->tls_deadline_ms > 0 ? c->tls_deadline_ms :
	    loop_now(c->loop) + CONN_HANDSHAKE_MS);
	if (tls_stream_peer(c->tls) != NULL)	/* a client speaks first */
		loop_defer(c->loop, &c->turn);
	want_input(c);
}

/* As soon as the last plaintext is on its way. */
static void
wait_for_tls(struct conn *c)
{
	c->state = CONN_TLS_WAIT;
	if (!c->is_pumping) {
		c->injected += c->in.n;
		buf_release(&c->in);
	}
	if (c->out.n == 0 && !c->is_pumping)
		begin_handshake(c);
	else
		loop_defer(c->loop, &c->turn);
}

enum err
conn_start_tls_asking(struct conn *c, struct tls_ctx *ctx, enum tls_ask ask)
{
	enum err e;

	if (c->state != CONN_OPEN || c->tls != NULL)
		return ERR_STATE;
	e = tls_stream_new(&c->tls_next, ctx, ask, c->fd, on_tls_wake, c);
	if (e == ERR_OK)
		wait_for_tls(c);
	return e;
}

enum err
conn_start_tls(struct conn *c, struct tls_ctx *ctx)
{
	return conn_start_tls_asking(c, ctx, TLS_ASK_NOT);
}

struct tls_proof
conn_tls_proof(const struct conn *c)
{
	static const struct tls_proof none = { SLICE_NONE, SLICE_NONE };

	return c->tls != NULL ? tls_stream_proof(c->tls) : none;
}

enum err
conn_start_tls_client(struct conn *c, struct tls_client_ctx *ctx,
    const struct tls_demand *demand)
{
	enum err e;

	if (c->state != CONN_OPEN || c->tls != NULL)
		return ERR_STATE;
	e = tls_stream_new_client(&c->tls_next, ctx, demand, c->fd, on_tls_wake, c);
	if (e != ERR_OK)
		return e;
	c->tls_deadline_ms = demand->deadline_ms;
	wait_for_tls(c);
	return ERR_OK;
}

const struct tls_facts *
conn_tls(const struct conn *c)
{
	return c->tls != NULL ? tls_stream_facts(c->tls) : NULL;
}

const struct tls_peer *
conn_tls_peer(const struct conn *c)
{
	return c->tls != NULL ? tls_stream_peer(c->tls) : NULL;
}

enum err
conn_tls_binding(const struct conn *c, enum tls_binding_type type, struct tls_binding *b)
{
	return c->tls != NULL ? tls_stream_binding(c->tls, type, b) : ERR_STATE;
}

enum err
conn_tls_binding_usual(const struct conn *c, struct tls_binding *b)
{
	return c->tls != NULL ?
	    tls_stream_binding(c->tls, tls_stream_binding_type(c->tls), b) : ERR_STATE;
}

size_t
conn_tls_injected(const struct conn *c)
{
	return c->injected;
}

const char *
conn_tls_reason(const struct conn *c)
{
	return c->tls != NULL ? tls_stream_reason(c->tls) : "";
}

/* ---- events ---- */

static void
on_turn(void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_DEAD) {
		disappear(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE) {
		handshake(c);
		if (c->state != CONN_OPEN)
			return;
	}
	if (c->wants_pump && c->state == CONN_OPEN)
		pump_again(c);
	if (c->state == CONN_DEAD || !conn_flush(c) || conn_out_bytes(c) > 0)
		return;
	if (c->state == CONN_TLS_WAIT) {
		begin_handshake(c);
	} else if (c->state == CONN_FLUSH) {
		if (c->tls != NULL)
			tls_stream_end(c->tls);
		if (conn_flush(c) && conn_out_bytes(c) == 0)
			begin_linger(c);
	}
}

static void
on_readable(struct conn *c)
{
	if (!wants_input(c)) {		/* paused: now it costs a call */
		conn_set_mask(c, c->mask & ~LOOP_READ);
		return;
	}
	if (c->tls != NULL)
		tls_stream_readable(c->tls);
	if (c->state == CONN_LINGER)
		linger(c);
	else if (c->state == CONN_HANDSHAKE)
		handshake(c);
	else
		pump(c);
}

static void
on_event(void *arg, int events)
{
	struct conn *c = arg;

	if (events < 0) {
		c->mask = 0;
		conn_break(c, "reset");
		return;
	}
	/* on_turn frees only what is dead, and not before this returns. */
	if ((events & LOOP_READ) != 0)
		on_readable(c);
	if (c->state != CONN_DEAD && (events & LOOP_WRITE) != 0)
		loop_defer(c->loop, &c->turn);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;

	switch (c->state) {
	case CONN_OPEN:
		if (c->ops->on_deadline != NULL)
			c->ops->on_deadline(c->arg);
		else
			conn_close(c, "timeout");
		break;
	case CONN_HANDSHAKE:
		tls_stream_give_up(c->tls, "handshake timed out");
		if (c->ops->on_tls != NULL)
			c->ops->on_tls(c->arg, ERR_TIMEOUT);
		conn_abort(c, "timeout");
		break;
	case CONN_TLS_WAIT:
	case CONN_FLUSH:
		conn_abort(c, "timeout");
		break;
	case CONN_LINGER:
		bury(c);
		break;
	case CONN_DEAD:
		break;
	}
}

void
conn_set_deadline(struct conn *c, uint64_t at_ms)
{
	c->deadline_ms = at_ms;
	if (c->state != CONN_OPEN)
		return;
	if (at_ms == 0)
		timer_stop(&c->timer);
	else
		timer_set(&c->timer, at_ms);
}

/* ---- make and facts ---- */

struct conn *
conn_new(struct loop *l, int take_fd, const struct conn_addr *peer,
    const struct conn_ops *ops, void *arg, const struct conn_limits *limits,
    struct conn_listener *listener)
{
	struct conn *c = must_alloc(1, sizeof(*c));

	must(limits->in_max > 0 && limits->out_low <= limits->out_high &&
	    limits->out_high <= limits->out_max);
	c->loop = l;
	c->fd = take_fd;
	c->ops = ops;
	c->arg = arg;
	c->limits = limits;
	c->listener = listener;
	c->peer = *peer;
	conn_addr_str(c->peer_text, peer);
	buf_init(&c->in, limits->in_max);
	buf_init(&c->out, limits->out_max);
	timer_init(&c->timer, l, on_timer, c);
	loop_idle_init(&c->turn, on_turn, c);
	c->poll = loop_poll_new(l, take_fd, on_event, c);
	if (listener != NULL)
		conn_listener_join(listener);
	want_input(c);
	return c;
}

const struct conn_addr *
conn_peer(const struct conn *c)
{
	return &c->peer;
}

const char *
conn_peer_text(const struct conn *c)
{
	return c->peer_text;
}

uint64_t
conn_in_total(const struct conn *c)
{
	return c->in_total +
	    (c->tls != NULL ? tls_stream_in_total(c->tls) : 0);
}

uint64_t
conn_out_total(const struct conn *c)
{
	return c->out_total;
}

bool
conn_is_closing(const struct conn *c)
{
	return c->state == CONN_FLUSH || c->state == CONN_LINGER ||
	    c->state == CONN_DEAD;
}
