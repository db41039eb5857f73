/* SPDX-License-Identifier: ISC */
/*
 * Master's requests while the daemon runs, and the way out.
 */
#include "lib/daemon/daemon_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"

#define EXIT_USAGE	64
#define LOST_MASTER_MS	1000	/* to drain when master has gone */
#define LAST_TURNS	2	/* of the loop, in which peers send the rest */
#define NOTE_BYTES	255
#define WARNING_BYTES	4000	/* as in ctl_status_reply */

static struct daemon_app *
app_of(struct ipc_peer *p)
{
	return ipc_peer_arg(p);
}

static void
on_options(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)in;
	daemon_sections_add(app_of(p), &app_of(p)->next_sections, m);
}

static void
on_wire(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	daemon_link_add(app_of(p), m, ipc_take_fd(in, 0));
}

static void
on_file(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_ctl_file *m = msg;

	daemon_fds_add(&app_of(p)->next_files, m->purpose, m->name,
	    ipc_take_fd(in, 0));
}

/* The old values stay readable until .reload has returned. */
static void
on_reload(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct daemon_app *app = app_of(p);
	struct daemon_sections old = app->sections;
	struct daemon_fds old_files = { NULL, 0 };

	(void)m;
	(void)in;
	app->sections = app->next_sections;
	app->next_sections = (struct daemon_sections){ NULL, 0 };
	if (app->next_files.count > 0) {
		old_files = app->files;
		app->files = app->next_files;
		app->next_files = (struct daemon_fds){ NULL, 0 };
	}
	if (app->daemon->reload != NULL)
		app->daemon->reload(app);
	daemon_sections_free(&old);
	daemon_fds_free(&old_files);
}

static void
on_drain(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_ctl_drain *m = msg;

	(void)in;
	daemon_control_drain(app_of(p), m->until_ms);
}

static void
on_status(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct daemon_app *app = app_of(p);
	struct ipc_ctl_status_reply reply = { .layers = (uint8_t)app->layers };
	struct buf note, lines;

	(void)m;
	buf_init(&note, NOTE_BYTES);
	buf_init(&lines, WARNING_BYTES);
	if (app->daemon->status != NULL)
		app->daemon->status(app, &reply.sessions, &note);
	if (app->daemon->warn != NULL)
		app->daemon->warn(app, &reply.dead, &lines);
	reply.note = buf_slice(&note);
	reply.warnings = buf_slice(&lines);
	ipc_reply(p, in->id, IPC_MSG_ctl_status_reply, &reply);
	buf_fini(&note);
	buf_fini(&lines);
}

static void
on_tool(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_ctl_tool *m = msg;
	struct daemon_app *app = app_of(p);

	if (daemon_probe(app, in->id, m->verb))
		return;
	if (app->daemon->tool != NULL)
		app->daemon->tool(app, in->id, m, in);
	else
		daemon_tool_reply(app, in->id, EXIT_USAGE, false,
		    SLICE_LIT("this daemon has nothing to say to tools\n"));
}

void
daemon_tool_reply(struct daemon_app *app, uint64_t id, uint8_t exit_code,
    bool more, struct slice text)
{
	struct ipc_ctl_tool_reply reply = { exit_code, more, text };

	ipc_reply(app->master, id, IPC_MSG_ctl_tool_reply, &reply);
}

static void
on_clock(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
#ifdef GODWIT_TEST
	const struct ipc_ctl_clock *m = msg;

	(void)in;
	loop_advance(app_of(p)->loop, m->advance_ms);
#else
	(void)msg;
	(void)in;
	ipc_peer_violation(p, "clocks move in test builds only");
#endif
}

static const struct ipc_handler control_handlers[] = {
	{ IPC_MSG_ctl_options, on_options },
	{ IPC_MSG_ctl_wire, on_wire },
	{ IPC_MSG_ctl_file, on_file },
	{ IPC_MSG_ctl_reload, on_reload },
	{ IPC_MSG_ctl_drain, on_drain },
	{ IPC_MSG_ctl_status, on_status },
	{ IPC_MSG_ctl_tool, on_tool },
	{ IPC_MSG_ctl_clock, on_clock },
	{ 0, NULL }
};

/* ---- the end ---- */

static void
on_leaving(void *arg)
{
	struct daemon_app *app = arg;

	if (app->last_turns++ < LAST_TURNS)
		loop_defer(app->loop, &app->leaving);
	else
		loop_stop(app->loop);
}

void
daemon_drained(struct daemon_app *app)
{
	if (app->last_turns == 0)
		loop_defer(app->loop, &app->leaving);
}

static void
on_drain_limit(void *arg)
{
	daemon_drained(arg);
}

void
daemon_control_drain(struct daemon_app *app, uint64_t until_ms)
{
	if (!app->is_draining || until_ms < app->drain_limit.node.key)
		timer_set(&app->drain_limit, until_ms);
	if (app->is_draining)
		return;
	app->is_draining = true;
	if (app->daemon->drain != NULL)
		app->daemon->drain(app);
	else
		daemon_drained(app);
}

static void
on_master_gone(struct ipc_peer *p, void *arg)
{
	struct daemon_app *app = arg;

	(void)p;	/* kept: late tool replies go nowhere, in order */
	daemon_control_drain(app, loop_now(app->loop) + LOST_MASTER_MS);
}

void
daemon_control_open(struct daemon_app *app)
{
	loop_idle_init(&app->leaving, on_leaving, app);
	timer_init(&app->drain_limit, app->loop, on_drain_limit, app);
	app->master = ipc_peer_new(app->loop, DAEMON_CONTROL_FD, IPC_MASTER, 0,
	    control_handlers, on_master_gone, app);
}
