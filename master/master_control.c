/* SPDX-License-Identifier: ISC */
#include "master/master_control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/sys/fd.h"
#include "master/master_priv.h"
#include "master/master_status.h"

enum { ARGS_MAX = 4 };

#define FORWARD_MS	60000	/* a tool does not wait longer for a daemon */

struct control_conn {
	struct list		 link;
	struct master_control	*control;
	struct ipc_peer		*peer;		/* NULL: gone */
	uint32_t		 uid;
	unsigned		 waits;		/* answers still to come */
};

struct master_control {
	struct master		*m;
	int			 fd;
	struct loop_poll	*poll;
	struct list		 conns;
	unsigned		 count;
};

struct control_wait {
	struct control_conn	*conn;
	uint64_t		 id;
};

static void
conn_release(struct control_conn *c)
{
	if (c->peer != NULL || c->waits > 0)
		return;
	list_remove(&c->link);
	c->control->count--;
	free(c);
}

static void
on_conn_gone(struct ipc_peer *peer, void *arg)
{
	struct control_conn *c = arg;

	(void)peer;
	ipc_peer_free(&c->peer);
	conn_release(c);
}

static void
reply(struct control_wait *w, uint8_t exit_code, bool more, struct slice text)
{
	struct ipc_tool_reply m = { .exit = exit_code, .more = more, .text = text };

	if (w->conn->peer != NULL)
		ipc_reply(w->conn->peer, w->id, IPC_MSG_tool_reply, &m);
	w->conn->waits--;
	conn_release(w->conn);
	free(w);
}

void
master_control_answer(struct control_wait *w, uint8_t exit_code, struct slice text)
{
	reply(w, exit_code, false, slice_head(text, 60000));
}

static void
on_tool_reply(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	const struct ipc_ctl_tool_reply *r = m;
	struct control_wait *w = arg;

	(void)in;
	if (e == ERR_OK && type == IPC_MSG_ctl_tool_reply)
		reply(w, r->exit, r->more, r->text);
	else
		master_control_answer(w, EX_TEMPFAIL, slice_str(e == ERR_TIMEOUT ?
		    "the daemon did not answer in time\n" : "the daemon is restarting\n"));
}

static void
forward(struct control_wait *w, const struct ipc_tool_request *req, struct ipc_in *in)
{
	struct master *m = w->conn->control->m;
	struct ipc_ctl_tool fwd = { .uid = w->conn->uid, .verb = req->verb, .args = req->args };
	uint64_t deadline_ms = loop_now(m->loop) + FORWARD_MS;
	bool runs = false;

	for (size_t i = 0; i < m->proc_count; i++) {
		struct master_proc *p = &m->procs[i];

		if ((uint32_t)p->role->role != req->role)
			continue;
		runs = true;
		if (p->state != PROC_READY || p->ctl == NULL)
			continue;
		if (ipc_call(p->ctl, IPC_MSG_ctl_tool, &fwd, in->fds, in->fd_count,
		    in->deadline_ms < deadline_ms ? in->deadline_ms : deadline_ms,
		    on_tool_reply, w, NULL) == ERR_OK)
			return;
	}
	if (runs)
		master_control_answer(w, EX_TEMPFAIL, SLICE_LIT("the daemon is not ready\n"));
	else
		master_control_answer(w, EX_USAGE, SLICE_LIT("no such daemon\n"));
}

/* NUL-terminated strings; false when they are not. */
static bool
split_args(struct slice args, const char *argv[ARGS_MAX], size_t *argc)
{
	*argc = 0;
	if (args.n > 0 && args.p[args.n - 1] != '\0')
		return false;
	while (args.n > 0) {
		if (*argc == ARGS_MAX)
			return false;
		argv[(*argc)++] = args.p;
		args = slice_from(args, strlen(args.p) + 1);
	}
	return true;
}

static void
verb_status(struct control_wait *w, const char *const argv[], size_t argc)
{
	bool json = argc > 0 && strcmp(argv[0], "-j") == 0;

	if (argc > 1 || (argc == 1 && !json))
		master_control_answer(w, EX_USAGE, SLICE_LIT("usage: status [-j]\n"));
	else
		master_status(w->conn->control->m, json, w);
}

struct reload {
	struct control_wait	*wait;
	struct buf		 text;
};

static void
on_all_reloaded(void *arg)
{
	struct reload *r = arg;

	master_control_answer(r->wait, EX_OK, buf_slice(&r->text));
	buf_fini(&r->text);
	free(r);
}

/* Who asked for it finds the new options in force everywhere. */
static void
verb_reload(struct control_wait *w, const char *const argv[], size_t argc)
{
	struct reload *r = must_alloc(1, sizeof(*r));
	struct master *m = w->conn->control->m;

	(void)argv;
	(void)argc;
	r->wait = w;
	buf_init(&r->text, CONF_ERRORS_MAX);
	if (master_run_reload(m, &r->text) == ERR_OK) {
		master_status_ask(m, MASTER_STATUS_ALL, on_all_reloaded, r);
		return;
	}
	master_control_answer(w, EX_CONFIG, buf_slice(&r->text));
	buf_fini(&r->text);
	free(r);
}

static void
verb_stop(struct control_wait *w, const char *const argv[], size_t argc)
{
	struct master *m = w->conn->control->m;

	(void)argv;
	(void)argc;
	/* The caller waits for the end of this connection. */
	master_control_answer(w, EX_OK, SLICE_NONE);
	if (m->phase != MASTER_STOPPING)
		master_watch_stop(m);
}

#ifdef GODWIT_TEST
static void
tell_time(struct master *m, bool queue)
{
	for (size_t i = 0; i < m->proc_count; i++) {
		struct master_proc *p = &m->procs[i];

		if (p->ctl != NULL && (p->role->role == IPC_QUEUE) == queue)
			master_spawn_clock(p);
	}
}

static void
on_all_moved(void *arg)
{
	master_control_answer(arg, EX_OK, SLICE_NONE);
}

static void
on_others_moved(void *arg)
{
	struct control_wait *w = arg;
	struct master *m = w->conn->control->m;

	tell_time(m, true);
	master_status_ask(m, IPC_QUEUE, on_all_moved, w);
}

/*
 * queue last, when the others are there: whom it gives work then is not to
 * live in the past.  Who asked finds all of them in the new time, but for
 * those that are stopped.
 */
static void
verb_clock(struct control_wait *w, const char *const argv[], size_t argc)
{
	struct master *m = w->conn->control->m;
	uint64_t ms;

	if (argc != 1 || num_parse_u64(slice_str(argv[0]), UINT32_MAX, &ms) != ERR_OK) {
		master_control_answer(w, EX_USAGE, SLICE_LIT("usage: clock MS\n"));
		return;
	}
	m->advanced_ms += ms;
	loop_advance(m->loop, ms);
	tell_time(m, false);
	master_status_ask(m, ~(uint32_t)IPC_QUEUE, on_others_moved, w);
}

static void
verb_crash(struct control_wait *w, const char *const argv[], size_t argc)
{
	struct master *m = w->conn->control->m;
	enum ipc_role role = argc == 2 ? ipc_role_find(slice_str(argv[0])) : IPC_NOBODY;
	bool found = false;

	for (size_t i = 0; i < m->proc_count && !found; i++) {
		struct master_proc *p = &m->procs[i];

		if (p->role->role != role)
			continue;
		found = true;
		snprintf(p->crash_at, sizeof(p->crash_at), "%s", argv[1]);
	}
	master_control_answer(w, found ? EX_OK : EX_USAGE, found ? SLICE_NONE :
	    SLICE_LIT("usage: crash ROLE STEP[,STEP ...]\n"));
}

static void
verb_pids(struct control_wait *w, const char *const argv[], size_t argc)
{
	struct master *m = w->conn->control->m;
	struct buf b;

	(void)argv;
	(void)argc;
	buf_init(&b, 16384);
	buf_printf(&b, "master %d\n", (int)getpid());
	for (size_t i = 0; i < m->proc_count; i++)
		buf_printf(&b, "%s %d\n", m->procs[i].role->name, (int)m->procs[i].pid);
	master_control_answer(w, EX_OK, buf_slice(&b));
	buf_fini(&b);
}
#endif

static const struct control_verb {
	const char	*name;
	void		(*fn)(struct control_wait *, const char *const[], size_t);
} verbs[] = {
	{ "status",	verb_status },
	{ "reload",	verb_reload },
	{ "stop",	verb_stop },
#ifdef GODWIT_TEST
	{ "clock",	verb_clock },
	{ "crash",	verb_crash },
	{ "pids",	verb_pids },
#endif
};

static void
on_request(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	const struct ipc_tool_request *req = m;
	struct control_conn *c = ipc_peer_arg(peer);
	struct control_wait *w = must_alloc(1, sizeof(*w));
	const char *argv[ARGS_MAX];
	size_t argc;

	*w = (struct control_wait){ .conn = c, .id = in->id };
	c->waits++;
	if (req->role != IPC_MASTER) {
		forward(w, req, in);
		return;
	}
	if (!split_args(req->args, argv, &argc)) {
		master_control_answer(w, EX_USAGE, SLICE_LIT("too many arguments\n"));
		return;
	}
	for (size_t i = 0; i < lengthof(verbs); i++) {
		if (slice_eq_str(req->verb, verbs[i].name)) {
			verbs[i].fn(w, argv, argc);
			return;
		}
	}
	master_control_answer(w, EX_USAGE, SLICE_LIT("no such request\n"));
}

static const struct ipc_handler tool_handlers[] = {
	{ IPC_MSG_tool_request, on_request },
	{ IPC_MSG_none, NULL }
};

static void
on_connection(void *arg, int events)
{
	struct master_control *control = arg;
	struct control_conn *c;
	struct ucred who = { 0 };
	socklen_t n = sizeof(who);
	int fd;

	if (events < 0)
		return;
	fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
	    (who.uid != 0 && who.uid != geteuid()) || control->count >= MASTER_CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	c = must_alloc(1, sizeof(*c));
	c->control = control;
	c->uid = who.uid;
	list_push(&control->conns, &c->link);
	control->count++;
	c->peer = ipc_peer_new(control->m->loop, fd, IPC_TOOL, 0, tool_handlers, on_conn_gone, c);
}

enum err
master_control_new(struct master *m, struct master_control **out, struct buf *why)
{
	struct master_control *c = must_alloc(1, sizeof(*c));
	enum err e;

	c->m = m;
	list_init(&c->conns);
	e = fd_unix_listen(m->paths.run, "control", 0600, MASTER_CONNECTIONS_MAX, &c->fd);
	if (e != ERR_OK) {
		buf_printf(why, "%s: %s\n", m->paths.control, strerror(errno));
		free(c);
		return e;
	}
	c->poll = loop_poll_new(m->loop, c->fd, on_connection, c);
	loop_poll_set(c->poll, LOOP_READ);
	*out = c;
	return ERR_OK;
}

void
master_control_free(struct master_control **pc)
{
	struct master_control *c = *pc;
	struct list *n, *tmp;

	if (c == NULL)
		return;
	*pc = NULL;
	(void)unlink(c->m->paths.control);
	loop_poll_free(&c->poll);
	close(c->fd);
	LIST_EACH(n, tmp, &c->conns) {
		struct control_conn *conn = obj_of(n, struct control_conn, link);

		ipc_peer_free(&conn->peer);
		conn->waits = 0;	/* their processes are gone */
		conn_release(conn);
	}
	free(c);
}
