/* SPDX-License-Identifier: ISC */
#include "master/master_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"

#define OUT_BYTES	(256u << 10)	/* of lines before they are written */

struct master_log_source {
	struct list		 link;		/* in resting */
	struct master_log	*log;
	struct loop_poll	*poll;
	char			 name[32];
	pid_t			 pid;
	int			 fd;
	char			 line[LOG_LINE_MAX];
	size_t			 n;
	bool			 is_cut;	/* the rest of this line is dropped */
	uint64_t		 second;	/* of the rate */
	uint64_t		 bytes;
	uint64_t		 dropped;	/* bytes, since the last notice */
};

struct master_log {
	struct loop			*loop;
	char				 path[PATH_MAX];
	int				 fd;
	bool				 has_time;
	struct master_log_source	*own;
	struct list			 resting;	/* sources: read at the next tick */
	struct timer			 tick;
	uint64_t			 tick_ms;	/* the next one's length */
	struct buf			 out;
	struct buf			 stamp;		/* of stamp_ms */
	uint64_t			 stamp_ms;
};

/* For the handler of SIGABRT only: where a last word may lie, and go. */
static volatile sig_atomic_t	abort_from = -1;
static volatile sig_atomic_t	abort_to = -1;

static void on_tick(void *arg);

static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char mine[64];

	if (stream == NULL || fstat(2, &st) != 0)
		return false;
	snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(stream, mine) == 0;
}

enum err
master_log_reopen(struct master_log *l)
{
	int fd;

	if (l->path[0] == '\0')
		return ERR_OK;
	fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	if (fd < 0)
		return err_from_errno(errno);
	if (l->fd > 2)
		close(l->fd);
	l->fd = fd;
	abort_to = fd;
	return ERR_OK;
}

enum err
master_log_new(struct loop *loop, const char *path, struct master_log **out)
{
	struct master_log *l = must_alloc(1, sizeof(*l));
	enum err e;

	l->loop = loop;
	l->fd = 2;
	abort_to = 2;
	l->has_time = path[0] != '\0' || !is_journal();
	list_init(&l->resting);
	timer_init(&l->tick, loop, on_tick, l);
	l->tick_ms = MASTER_LOG_TICK_MS;
	buf_init(&l->out, OUT_BYTES + 8 * LOG_LINE_MAX);
	buf_init(&l->stamp, 64);
	snprintf(l->path, sizeof(l->path), "%s", path);
	e = master_log_reopen(l);
	if (e != ERR_OK)
		master_log_free(&l);
	*out = l;
	return e;
}

static void
flush(struct master_log *l)
{
	struct slice s = buf_slice(&l->out);

	/* A full disk must not stop mail: what cannot be written is lost. */
	if (s.n > 0)
		(void)!fd_write_all(l->fd, s.p, s.n);
	buf_reset(&l->out);
}

static void
put_stamp(struct master_log *l)
{
	uint64_t now = clock_real_ms();

	if (now != l->stamp_ms) {
		l->stamp_ms = now;
		buf_reset(&l->stamp);
		clock_put_rfc3339(&l->stamp, now);
		buf_put_char(&l->stamp, ' ');
	}
	buf_put_slice(&l->out, buf_slice(&l->stamp));
}

/* Ours are escaped already; a library's word may not be. */
static void
put_clean(struct buf *b, struct slice s)
{
	size_t start = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= ' ' || c == '\t')
			continue;
		buf_put(b, s.p + start, i - start);
		buf_printf(b, "\\x%02X", c);
		start = i + 1;
	}
	buf_put_slice(b, slice_from(s, start));
}

static void
put_line(struct master_log_source *s, struct slice line)
{
	struct master_log *l = s->log;

	if (l->has_time)
		put_stamp(l);
	buf_put_str(&l->out, s->name);
	buf_put_char(&l->out, '[');
	buf_put_num(&l->out, (uint64_t)s->pid);
	buf_put_str(&l->out, "]: ");
	put_clean(&l->out, line);
	buf_put_char(&l->out, '\n');
	if (l->out.n >= OUT_BYTES)
		flush(l);
}

static void
put_dropped(struct master_log_source *s)
{
	char text[64];

	if (s->dropped == 0)
		return;
	snprintf(text, sizeof(text), "flood bytes=%llu", (unsigned long long)s->dropped);
	s->dropped = 0;
	put_line(s, slice_str(text));
}

/* What has no room is dropped. */
static void
take_piece(struct master_log_source *s, struct slice piece)
{
	size_t room = sizeof(s->line) - s->n;

	if (piece.n > room)
		s->is_cut = true;
	piece = slice_head(piece, room);
	if (piece.n > 0)
		memcpy(s->line + s->n, piece.p, piece.n);
	s->n += piece.n;
}

static void
take(struct master_log_source *s, struct slice in)
{
	while (in.n > 0) {
		size_t n = slice_find(in, '\n');

		take_piece(s, slice_head(in, n));
		if (n == in.n)
			break;
		if (s->n > 0 || !s->is_cut)
			put_line(s, slice_of(s->line, s->n));
		s->n = 0;
		s->is_cut = false;
		in = slice_from(in, n + 1);
	}
}

static bool
is_flood(struct master_log_source *s, size_t n)
{
	uint64_t second = clock_mono_ms() / 1000;

	if (second != s->second) {
		s->second = second;
		s->bytes = 0;
		put_dropped(s);
	}
	s->bytes += n;
	if (s->bytes <= MASTER_LOG_RATE)
		return false;
	s->dropped += n;
	s->n = 0;
	return true;
}

/* How many bytes came; -1 at the end of the pipe. */
static ssize_t
read_some(struct master_log_source *s)
{
	char chunk[MASTER_LOG_READ];
	ssize_t n = read(s->fd, chunk, sizeof(chunk));

	if (n > 0 && !is_flood(s, (size_t)n))
		take(s, slice_of(chunk, (size_t)n));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n > 0 ? n : -1;
}

/*
 * A source that was read rests: its next lines are read together with those
 * of the others at the next tick, and writing them wakes nobody.  All are
 * polled again after a tick without lines.
 */
static void
on_tick(void *arg)
{
	struct master_log *l = arg;
	struct list *n, *tmp;
	bool any = false;

	LIST_EACH(n, tmp, &l->resting) {
		ssize_t got = read_some(obj_of(n, struct master_log_source, link));

		any |= got > 0;
		if (got < 0)
			list_remove(n);
	}
	flush(l);
	if (any) {
		l->tick_ms = l->tick_ms < MASTER_LOG_TICK_MAX_MS / 2 ? l->tick_ms * 2 :
		    MASTER_LOG_TICK_MAX_MS;
		timer_set(&l->tick, loop_now(l->loop) + l->tick_ms);
		return;
	}
	l->tick_ms = MASTER_LOG_TICK_MS;
	LIST_EACH(n, tmp, &l->resting) {
		list_remove(n);
		loop_poll_set(obj_of(n, struct master_log_source, link)->poll, LOOP_READ);
	}
}

/* What rests was written before, so it comes first. */
static void
on_readable(void *arg, int events)
{
	struct master_log_source *s = arg;
	struct master_log *l = s->log;
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &l->resting)
		(void)read_some(obj_of(n, struct master_log_source, link));
	loop_poll_set(s->poll, 0);
	if (events >= 0 && read_some(s) >= 0) {
		list_push(&l->resting, &s->link);
		if (!timer_is_set(&l->tick))
			timer_set(&l->tick, loop_now(l->loop) + l->tick_ms);
	}
	flush(l);
}

enum err
master_log_source_new(struct master_log *l, const char *name, int *write_fd,
    struct master_log_source **out)
{
	struct master_log_source *s;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_from_errno(errno);
	if (fd_set_nonblock(fds[0]) != ERR_OK) {
		close(fds[0]);
		close(fds[1]);
		return ERR_SYS;
	}
	s = must_alloc(1, sizeof(*s));
	list_init(&s->link);
	s->log = l;
	s->fd = fds[0];
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->poll = loop_poll_new(l->loop, s->fd, on_readable, s);
	loop_poll_set(s->poll, LOOP_READ);
	*write_fd = fds[1];
	*out = s;
	return ERR_OK;
}

void
master_log_source_pid(struct master_log_source *s, pid_t pid)
{
	s->pid = pid;
}

void
master_log_source_free(struct master_log_source **ps)
{
	struct master_log_source *s = *ps;
	char chunk[MASTER_LOG_READ];
	ssize_t n;

	if (s == NULL)
		return;
	*ps = NULL;
	/* At most what a pipe holds: a grandchild could go on for ever. */
	for (unsigned i = 0; i < 64; i++) {
		n = read(s->fd, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		if (!is_flood(s, (size_t)n))
			take(s, slice_of(chunk, (size_t)n));
	}
	if (s->n > 0)
		put_line(s, slice_of(s->line, s->n));
	put_dropped(s);
	flush(s->log);
	list_remove(&s->link);
	loop_poll_free(&s->poll);
	close(s->fd);
	free(s);
}

static void
on_abort(int sig)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(abort_from, chunk, sizeof(chunk))) > 0)
		(void)!write(abort_to, chunk, (size_t)n);
	signal(sig, SIG_DFL);
	raise(sig);
}

void
master_log_own(struct master_log *l)
{
	int fd;

	if (master_log_source_new(l, "master", &fd, &l->own) != ERR_OK)
		return;		/* stays on standard error */
	if (fd_set_nonblock(fd) != ERR_OK) {
		close(fd);
		return;
	}
	master_log_source_pid(l->own, getpid());
	abort_from = l->own->fd;
	signal(SIGABRT, on_abort);
	log_to_fd(fd);
}

void
master_log_free(struct master_log **pl)
{
	struct master_log *l = *pl;

	if (l == NULL)
		return;
	*pl = NULL;
	log_to_fd(2);
	abort_from = -1;
	master_log_source_free(&l->own);
	timer_stop(&l->tick);
	if (l->fd > 2)
		close(l->fd);
	buf_fini(&l->out);
	buf_fini(&l->stamp);
	free(l);
}
