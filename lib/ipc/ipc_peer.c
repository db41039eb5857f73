/* SPDX-License-Identifier: ISC */
/*
 * Frames leave together at the end of the loop turn (flush), or when there are
 * IPC_GATHER_MAX: who works through many keeps the other end at work meanwhile.
 * A frame with descriptors goes out at once, so that they need not be
 * duplicated; only when the socket is full are they.  On a stream socket the
 * kernel delivers descriptors no later than the first byte they were sent
 * with, so they are taken from a first-in first-out list by the frames that
 * announce them; a surplus or a lack is a violation.
 */
#include "lib/ipc/ipc_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/ipc_frame.h"
#include "lib/ipc/ipc_socket.h"

#define IN_BYTES	(2 * IPC_FRAME_MAX)
#define FDS_WAITING_MAX	64	/* received ahead of their frames */

/* A request of ours that waits for its answer. */
struct pending {
	struct map_node	 node;
	struct list	 link;
	struct ipc_peer	*peer;
	struct timer	 timer;
	uint64_t	 id;
	ipc_reply_fn	*fn;
	void		*arg;
};

/* A queued frame's descriptors: sent with the byte at this position. */
struct out_fds {
	struct list	 link;
	uint64_t	 at;
	unsigned	 count;
	int		 fds[IPC_FDS_MAX];
};

struct ipc_peer {
	struct loop			*loop;
	struct loop_poll		*poll;
	int				 fd;
	enum ipc_role			 role;
	uint32_t			 instance;
	const struct ipc_handler	*handlers;
	ipc_gone_fn			*gone;
	void				*arg;

	struct buf			 in;
	int				 in_fds[FDS_WAITING_MAX];
	unsigned			 in_fd_count;
	unsigned			 in_fd_first;

	struct buf			 out;
	uint64_t			 out_at;	/* stream position of out's first byte */
	struct list			 out_fds;	/* struct out_fds */
	bool				 out_secret;
	bool				 blocked;	/* waiting for room */
	unsigned			 gathered;	/* frames since the last flush */
	struct loop_idle		 flush;
	struct timer			 late;		/* set: out leaves then */

	struct map			 pending;
	struct list			 pendings;
	uint64_t			 next_id;

	struct loop_idle		 ending;	/* tells gone, outside of calls */
	unsigned			 busy;		/* inside of callbacks */
	bool				 dead;		/* lost or violated */
	bool				 freed;		/* by its owner, while busy */
};

static void peer_flush(void *arg);
static void peer_end(void *arg);
static void peer_on_poll(void *arg, int events);

struct ipc_peer *
ipc_peer_new(struct loop *loop, int fd, enum ipc_role role, uint32_t instance,
    const struct ipc_handler *handlers, ipc_gone_fn *gone, void *arg)
{
	struct ipc_peer *p = must_alloc(1, sizeof(*p));
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	p->loop = loop;
	p->fd = fd;
	p->role = role;
	p->instance = instance;
	p->handlers = handlers;
	p->gone = gone;
	p->arg = arg;
	buf_init(&p->in, IN_BYTES);
	p->in.secret = true;
	buf_init(&p->out, IPC_OUT_MAX);
	p->out.secret = true;
	list_init(&p->out_fds);
	list_init(&p->pendings);
	map_init(&p->pending);
	p->next_id = 1;
	loop_idle_init(&p->flush, peer_flush, p);
	timer_init(&p->late, loop, peer_flush, p);
	loop_idle_init(&p->ending, peer_end, p);
	p->poll = loop_poll_new(loop, fd, peer_on_poll, p);
	loop_poll_set(p->poll, LOOP_READ);
	return p;
}

static void
pending_free(struct pending *w)
{
	timer_stop(&w->timer);
	list_remove(&w->link);
	map_remove(&w->peer->pending, &w->node);
	free(w);
}

static void
peer_close(struct ipc_peer *p)
{
	struct list *n, *tmp;
	struct out_fds *o;

	loop_poll_free(&p->poll);
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
	for (; p->in_fd_first < p->in_fd_count; p->in_fd_first++)
		(void)close(p->in_fds[p->in_fd_first]);
	LIST_EACH(n, tmp, &p->out_fds) {
		o = obj_of(n, struct out_fds, link);
		for (unsigned i = 0; i < o->count; i++)
			(void)close(o->fds[i]);
		list_remove(n);
		free(o);
	}
}

/* Every waiting request ends with GONE; their callbacks may make new ones,
 * which fail at once because the peer is dead. */
static void
peer_fail_pending(struct ipc_peer *p)
{
	struct list *n;
	struct pending *w;
	ipc_reply_fn *fn;
	void *arg;

	p->busy++;
	while ((n = list_first(&p->pendings)) != NULL) {
		w = obj_of(n, struct pending, link);
		fn = w->fn;
		arg = w->arg;
		pending_free(w);
		fn(arg, ERR_GONE, IPC_MSG_none, NULL, NULL);
	}
	p->busy--;
}

static void
peer_destroy(struct ipc_peer *p)
{
	loop_idle_cancel(&p->flush);
	timer_stop(&p->late);
	loop_idle_cancel(&p->ending);
	peer_close(p);
	buf_fini(&p->in);
	buf_fini(&p->out);
	map_fini(&p->pending);
	free(p);
}

void
ipc_peer_free(struct ipc_peer **pp)
{
	struct ipc_peer *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	p->dead = true;
	p->freed = true;
	p->gone = NULL;
	peer_fail_pending(p);
	if (p->busy == 0)
		peer_destroy(p);
	else
		loop_defer(p->loop, &p->ending);
}

/* The peer is lost: told to its owner from the loop, never from a call. */
static void
peer_die(struct ipc_peer *p)
{
	if (p->dead)
		return;
	p->dead = true;
	if (p->poll != NULL)
		loop_poll_set(p->poll, 0);
	loop_defer(p->loop, &p->ending);
}

static void
peer_end(void *arg)
{
	struct ipc_peer *p = arg;
	ipc_gone_fn *gone;

	if (p->busy > 0) {
		loop_defer(p->loop, &p->ending);
		return;
	}
	peer_fail_pending(p);
	if (!p->freed) {
		peer_close(p);
		gone = p->gone;
		p->gone = NULL;
		if (gone != NULL) {
			p->busy++;
			gone(p, p->arg);
			p->busy--;
		}
	}
	if (p->freed)
		peer_destroy(p);
}

static void
violation(struct ipc_peer *p, const char *type, const char *reason)
{
	if (p->dead)		/* being lost already: nothing to tell */
		return;
	log_event(LOG_violation, log_str("peer", ipc_role_name(p->role)),
	    log_str("type", type), log_str("reason", reason));
	peer_die(p);
}

void
ipc_peer_violation(struct ipc_peer *p, const char *reason)
{
	violation(p, "-", reason);
}

/* ---- out ---- */

/* The descriptors that go with the next byte, and how far to send before the
 * next ones. */
static struct out_fds *
out_next(struct ipc_peer *p, size_t *bytes)
{
	struct list *n = list_first(&p->out_fds);
	struct out_fds *o, *here = NULL;

	*bytes = p->out.n;
	if (n == NULL)
		return NULL;
	o = obj_of(n, struct out_fds, link);
	if (o->at == p->out_at) {
		here = o;
		n = list_next(&p->out_fds, n);
		if (n == NULL)
			return here;
		o = obj_of(n, struct out_fds, link);
	}
	*bytes = (size_t)(o->at - p->out_at);
	return here;
}

static void
out_sent(struct ipc_peer *p, size_t n, struct out_fds *o)
{
	if (p->out_secret)
		secret_wipe(buf_data(&p->out), n);
	buf_consume(&p->out, n);
	p->out_at += n;
	if (p->out.n == 0)
		p->out_secret = false;
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->count; i++)
		(void)close(o->fds[i]);
	list_remove(&o->link);
	free(o);
}

static void
peer_flush(void *arg)
{
	struct ipc_peer *p = arg;
	struct out_fds *o;
	size_t bytes;
	ssize_t n;

	timer_stop(&p->late);
	p->gathered = 0;
	while (!p->dead && p->out.n > 0) {
		o = out_next(p, &bytes);
		n = ipc_socket_send(p->fd, slice_of(buf_data(&p->out), bytes),
		    o != NULL ? o->fds : NULL, o != NULL ? o->count : 0,
		    MSG_DONTWAIT);
		if (n > 0) {
			out_sent(p, (size_t)n, o);
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			p->blocked = true;
			loop_poll_set(p->poll, LOOP_READ | LOOP_WRITE);
			return;
		} else if (errno != EINTR) {
			peer_die(p);
		}
	}
	/* A burst should not pin memory for ever. */
	if (p->out.n == 0 && p->out.cap > 4 * IPC_FRAME_MAX)
		buf_release(&p->out);
	if (p->blocked && !p->dead) {
		p->blocked = false;
		loop_poll_set(p->poll, LOOP_READ);
	}
}

/* Descriptors of the frame at stream position at: sent now, or kept. */
static enum err
out_fds_add(struct ipc_peer *p, uint64_t at, const int *fds, unsigned count)
{
	struct out_fds *o = must_alloc(1, sizeof(*o));

	o->at = at;
	for (o->count = 0; o->count < count; o->count++) {
		o->fds[o->count] = fcntl(fds[o->count], F_DUPFD_CLOEXEC, 3);
		if (o->fds[o->count] < 0) {
			while (o->count > 0)
				(void)close(o->fds[--o->count]);
			free(o);
			return ERR_BUSY;
		}
	}
	list_push(&p->out_fds, &o->link);
	return ERR_OK;
}

/*
 * The usual case of a frame with descriptors: nothing stands in its way, so
 * it leaves at once with the caller's own descriptors.
 */
static bool
send_now(struct ipc_peer *p, const int *fds, unsigned fd_count, size_t frame_at)
{
	ssize_t n;

	if (p->blocked || frame_at != 0 || !list_is_empty(&p->out_fds))
		return false;
	n = ipc_socket_send(p->fd, buf_slice(&p->out), fds, fd_count,
	    MSG_DONTWAIT);
	if (n <= 0)
		return false;
	out_sent(p, (size_t)n, NULL);
	return true;
}

/* Without saying when it leaves; that of a frame with descriptors may be now. */
static enum err
peer_queue(struct ipc_peer *p, enum ipc_type type, uint64_t id,
    uint64_t deadline_ms, const void *m, const int *fds, unsigned fd_count)
{
	const struct ipc_type_row *row = ipc_type_find((uint16_t)type);
	size_t before;
	enum err e;

	if (p->dead)
		return ERR_GONE;
	must(row != NULL && fd_count <= row->max_fds);
	if (fd_count > 0 && p->out.n > 0 && !p->blocked)
		peer_flush(p);
	if (p->dead)
		return ERR_GONE;
	before = p->out.n;
	if (before > IPC_OUT_MAX - IPC_FRAME_MAX)
		return ERR_FULL;
	e = ipc_frame_put(&p->out, row, id, deadline_ms, m, fd_count);
	if (e != ERR_OK)
		return e;
	p->out_secret |= row->has_secret;
	if (fd_count > 0 && !send_now(p, fds, fd_count, before)) {
		e = out_fds_add(p, p->out_at + before, fds, fd_count);
		if (e != ERR_OK) {
			buf_truncate(&p->out, before);
			return e;
		}
	}
	return ERR_OK;
}

/* It leaves at the end of this turn, or with those that are gathered. */
static enum err
peer_put(struct ipc_peer *p, enum ipc_type type, uint64_t id,
    uint64_t deadline_ms, const void *m, const int *fds, unsigned fd_count)
{
	enum err e = peer_queue(p, type, id, deadline_ms, m, fds, fd_count);

	if (e != ERR_OK || p->out.n == 0 || p->blocked)
		return e;
	if (++p->gathered < IPC_GATHER_MAX)
		loop_defer(p->loop, &p->flush);
	else
		peer_flush(p);
	return e;
}

enum err
ipc_send(struct ipc_peer *p, enum ipc_type type, const void *m, const int *fds,
    unsigned fd_count)
{
	return peer_put(p, type, 0, UINT64_MAX, m, fds, fd_count);
}

enum err
ipc_send_late(struct ipc_peer *p, enum ipc_type type, const void *m)
{
	enum err e = peer_queue(p, type, 0, UINT64_MAX, m, NULL, 0);

	if (e == ERR_OK && !p->blocked && !timer_is_set(&p->late))
		timer_set(&p->late, loop_now(p->loop) + IPC_LATE_MS);
	return e;
}

void
ipc_reply_fds(struct ipc_peer *p, uint64_t id, enum ipc_type type,
    const void *m, const int *fds, unsigned fd_count)
{
	enum err e = peer_put(p, type, id | IPC_REPLY_BIT, 0, m, fds, fd_count);

	/* The asker would wait for its deadline: better to lose the wire. */
	if (e != ERR_OK && e != ERR_GONE) {
		log_event(LOG_violation, log_str("peer", ipc_role_name(p->role)),
		    log_str("type", ipc_type_find((uint16_t)type)->name),
		    log_str("reason", "reply cannot be sent"), log_err(e));
		peer_die(p);
	}
}

void
ipc_reply(struct ipc_peer *p, uint64_t id, enum ipc_type type, const void *m)
{
	ipc_reply_fds(p, id, type, m, NULL, 0);
}

/* ---- requests ---- */

static struct pending *
pending_find(struct ipc_peer *p, uint64_t id)
{
	struct map_node *n;
	struct pending *w;

	for (n = map_first(&p->pending, hash_u64(id)); n != NULL;
	    n = map_next(n)) {
		w = obj_of(n, struct pending, node);
		if (w->id == id)
			return w;
	}
	return NULL;
}

static void
pending_late(void *arg)
{
	struct pending *w = arg;
	ipc_reply_fn *fn = w->fn;
	void *fn_arg = w->arg;

	pending_free(w);
	fn(fn_arg, ERR_TIMEOUT, IPC_MSG_none, NULL, NULL);
}

enum err
ipc_call(struct ipc_peer *p, enum ipc_type type, const void *m, const int *fds,
    unsigned fd_count, uint64_t deadline_ms, ipc_reply_fn *fn, void *arg,
    uint64_t *id)
{
	struct pending *w;
	enum err e;

	if (p->pending.count >= IPC_PENDING_MAX)
		return ERR_BUSY;
	e = peer_put(p, type, p->next_id, deadline_ms, m, fds, fd_count);
	if (e != ERR_OK)
		return e;
	w = must_alloc(1, sizeof(*w));
	w->peer = p;
	w->id = p->next_id++;
	w->fn = fn;
	w->arg = arg;
	map_insert(&p->pending, &w->node, hash_u64(w->id));
	list_push(&p->pendings, &w->link);
	timer_init(&w->timer, p->loop, pending_late, w);
	if (deadline_ms != UINT64_MAX)
		timer_set(&w->timer, deadline_ms);
	if (id != NULL)
		*id = w->id;
	return ERR_OK;
}

void
ipc_cancel(struct ipc_peer *p, uint64_t id)
{
	struct pending *w = pending_find(p, id);

	if (w != NULL)
		pending_free(w);
}

/* ---- in ---- */

int
ipc_take_fd(struct ipc_in *in, unsigned idx)
{
	int fd;

	if (in == NULL || idx >= in->fd_count)
		return -1;
	fd = in->fds[idx];
	in->fds[idx] = -1;
	return fd;
}

static const struct ipc_handler *
handler_find(const struct ipc_peer *p, uint16_t type)
{
	for (const struct ipc_handler *h = p->handlers;
	    h != NULL && h->type != 0; h++)
		if (h->type == type)
			return h;
	return NULL;
}

static void
dispatch_reply(struct ipc_peer *p, const struct ipc_frame *f, const void *m,
    struct ipc_in *in)
{
	struct pending *w = pending_find(p, f->id & ~IPC_REPLY_BIT);
	const struct ipc_handler *h;
	ipc_reply_fn *fn;
	void *arg;

	if (w == NULL) {
		/* Late: an ordinary case. */
		h = handler_find(p, f->type);
		if (h != NULL)
			h->fn(p, m, in);
		return;
	}
	fn = w->fn;
	arg = w->arg;
	pending_free(w);
	fn(arg, ERR_OK, f->type, m, in);
}

static void
dispatch(struct ipc_peer *p, const struct ipc_frame *f)
{
	const struct ipc_handler *h;
	const struct ipc_type_row *row = ipc_type_find(f->type);
	struct ipc_in in = { .id = f->id };
	union ipc_any m;
	const char *reason;

	if (ipc_frame_decode(f, (uint32_t)p->role, &m, &in.deadline_ms,
	    &reason) != ERR_OK) {
		violation(p, row != NULL ? row->name : "-", reason);
		return;
	}
	if (f->fd_count > p->in_fd_count - p->in_fd_first) {
		violation(p, row->name, "descriptors are missing");
		return;
	}
	for (; in.fd_count < f->fd_count; in.fd_count++)
		in.fds[in.fd_count] = p->in_fds[p->in_fd_first++];
	if ((f->id & IPC_REPLY_BIT) != 0) {
		dispatch_reply(p, f, &m, &in);
	} else {
		h = handler_find(p, f->type);
		if (h == NULL)
			violation(p, row->name, "nobody handles this");
		else if (row->is_request && f->id == 0)
			violation(p, row->name, "request without id");
		else
			h->fn(p, &m, &in);
	}
	for (unsigned i = 0; i < in.fd_count; i++)
		if (in.fds[i] >= 0)
			(void)close(in.fds[i]);
	if (row->has_secret)
		secret_wipe((void *)(uintptr_t)f->body.p, f->body.n);
}

static void
peer_frames(struct ipc_peer *p)
{
	struct ipc_frame f;
	enum err e = ERR_OK;

	p->busy++;
	while (!p->dead && (e = ipc_frame_get(buf_slice(&p->in), &f)) == ERR_OK) {
		dispatch(p, &f);
		if (!p->dead)
			buf_consume(&p->in, f.bytes);
	}
	p->busy--;
	if (p->dead)
		return;
	if (e != ERR_SHORT)
		violation(p, "-", "malformed frame");
	else if (p->in.n == 0 && p->in_fd_first < p->in_fd_count)
		violation(p, "-", "descriptors without a frame");
}

static bool
fds_keep(struct ipc_peer *p, const int *fds, unsigned count)
{
	unsigned kept = p->in_fd_count - p->in_fd_first;

	memmove(p->in_fds, p->in_fds + p->in_fd_first, kept * sizeof(int));
	p->in_fd_first = 0;
	p->in_fd_count = kept;
	for (unsigned i = 0; i < count; i++) {
		if (p->in_fd_count < FDS_WAITING_MAX)
			p->in_fds[p->in_fd_count++] = fds[i];
		else
			(void)close(fds[i]);
	}
	return kept + count <= FDS_WAITING_MAX;
}

static void
peer_read(struct ipc_peer *p)
{
	int fds[IPC_FDS_MAX];
	unsigned count;
	char *at = buf_reserve(&p->in, IPC_FRAME_MAX);
	ssize_t n;

	must(at != NULL);
	n = ipc_socket_recv(p->fd, at, IPC_FRAME_MAX, fds, &count, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_die(p);
		return;
	}
	buf_commit(&p->in, (size_t)n);
	if (!fds_keep(p, fds, count)) {
		violation(p, "-", "too many descriptors");
		return;
	}
	peer_frames(p);
}

static void
peer_on_poll(void *arg, int events)
{
	struct ipc_peer *p = arg;

	if (p->dead)
		return;
	if (events < 0) {
		peer_die(p);
		return;
	}
	if ((events & LOOP_WRITE) != 0)
		peer_flush(p);
	if ((events & LOOP_READ) != 0 && !p->dead)
		peer_read(p);
}

/* ---- facts ---- */

enum ipc_role
ipc_peer_role(const struct ipc_peer *p)
{
	return p->role;
}

uint32_t
ipc_peer_instance(const struct ipc_peer *p)
{
	return p->instance;
}

void *
ipc_peer_arg(const struct ipc_peer *p)
{
	return p->arg;
}

size_t
ipc_peer_queued_bytes(const struct ipc_peer *p)
{
	return p->out.n;
}

unsigned
ipc_peer_pending(const struct ipc_peer *p)
{
	return (unsigned)p->pending.count;
}

bool
ipc_peer_is_up(const struct ipc_peer *p)
{
	/* What ended is told unasked. */
	struct pollfd pfd = { .fd = p->fd };

	return !p->dead && poll(&pfd, 1, 0) == 0;
}
