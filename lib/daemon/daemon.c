/* SPDX-License-Identifier: ISC */
#include "lib/daemon/daemon.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon_priv.h"
#include "lib/sys/fd.h"
#include "lib/sys/proc.h"

void *
daemon_state(struct daemon_app *app)
{
	return app->state;
}

struct loop *
daemon_loop(struct daemon_app *app)
{
	return app->loop;
}

const char *
daemon_hostname(struct daemon_app *app)
{
	return app->hostname;
}

uint32_t
daemon_instance(struct daemon_app *app)
{
	return app->instance;
}

unsigned
daemon_layers(struct daemon_app *app)
{
	return app->layers;
}

int
daemon_dir(struct daemon_app *app)
{
	return app->dir;
}

static void
run_hook(struct daemon_app *app, void (*hook)(struct daemon_app *))
{
	if (hook != NULL)
		hook(app);
}

static void
say_ready(struct daemon_app *app)
{
	struct ipc_ctl_ready ready = { .layers = (uint8_t)app->layers };

	if (ipc_send(app->master, IPC_MSG_ctl_ready, &ready, NULL, 0) != ERR_OK)
		log_fatal("cannot answer master");
	log_event(LOG_start, log_str("version", GODWIT_VERSION),
	    log_num("instance", app->instance),
	    log_num("layers", __builtin_popcount(app->layers)));
}

static void
serve(struct daemon_app *app)
{
	daemon_control_open(app);
	daemon_links_open(app);
	app->is_running = true;
	run_hook(app, app->daemon->start);
	daemon_links_joined(app);
	say_ready(app);
	loop_run(app->loop);
}

/*
 * _exit, because nothing is left to do that the kernel does not do, and
 * other threads may be at work.
 */
static void
leave(struct daemon_app *app)
{
	log_event(LOG_stop, log_str("reason",
	    app->is_draining ? "drained" : "stopped"));
	daemon_links_close(app);
	ipc_peer_free(&app->master);
	_exit(0);
}

int
daemon_main(const struct daemon *d, int argc, char *argv[])
{
	struct daemon_app *app;

	proc_set_title(argc, argv, d->name);
	app = must_alloc(1, sizeof(*app));
	app->daemon = d;
	app->dir = -1;
	app->state = must_alloc(1, d->state_bytes > 0 ? d->state_bytes : 1);
	daemon_crash_init();
	daemon_boot(app);
	run_hook(app, d->open);
	daemon_confine(app);
	app->loop = loop_new();
	if (d->pool_threads > 0)
		loop_start_threads(app->loop, d->pool_threads);
	run_hook(app, d->load);
	daemon_confine_calls(app);
	serve(app);
	leave(app);
	return 0;
}
