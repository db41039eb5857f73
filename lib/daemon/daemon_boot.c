/* SPDX-License-Identifier: ISC */
/*
 * The blocking part: what master says before ctl_start.  Any fault here is a
 * fault of master or of the build; the process ends and master reports it.
 */
#include "lib/daemon/daemon_priv.h"

#include <signal.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"

/* The terminal's and the service manager's signals are for master. */
static void
ignore_signals(void)
{
	static const int signals[] = {
		SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2
	};
	struct sigaction sa;
	sigset_t none;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	for (i = 0; i < lengthof(signals); i++)
		(void)sigaction(signals[i], &sa, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
on_jail(struct daemon_app *app, const struct ipc_ctl_jail *m)
{
	if (m->mode > MODE_LOG)
		log_fatal("unknown sandbox mode %u", (unsigned)m->mode);
	app->instance = m->instance;
	app->uid = m->uid;
	app->gid = m->gid;
	app->mode = (enum daemon_mode)m->mode;
	app->root = daemon_dup(m->root);
	app->hostname = daemon_dup(m->hostname);
}

/* False at ctl_start. */
static bool
take(struct daemon_app *app, uint16_t type, const union ipc_any *m,
    struct ipc_in *in)
{
	switch (type) {
	case IPC_MSG_ctl_jail:
		on_jail(app, &m->ctl_jail);
		return true;
	case IPC_MSG_ctl_options:
		daemon_sections_add(app, &app->sections, &m->ctl_options);
		return true;
	case IPC_MSG_ctl_wire:
		daemon_link_add(app, &m->ctl_wire, ipc_take_fd(in, 0));
		return true;
	case IPC_MSG_ctl_listener:
		daemon_fds_add(&app->listeners, m->ctl_listener.title,
		    m->ctl_listener.address, ipc_take_fd(in, 0));
		return true;
	case IPC_MSG_ctl_file:
		daemon_fds_add(&app->files, m->ctl_file.purpose,
		    m->ctl_file.name, ipc_take_fd(in, 0));
		return true;
	case IPC_MSG_ctl_start:
		return false;
	}
	log_fatal("message %u from master before ctl_start", (unsigned)type);
}

static void
receive(struct daemon_app *app)
{
	union ipc_any m;
	struct ipc_in in;
	struct buf store;
	uint16_t type;
	enum err e;
	bool more;

	buf_init(&store, IPC_FRAME_MAX + 4);
	do {
		e = ipc_read_blocking(DAEMON_CONTROL_FD, IPC_MASTER, &store,
		    &type, &m, &in);
		if (e == ERR_END || e == ERR_GONE)
			_exit(0);	/* master has changed its mind */
		if (e != ERR_OK)
			log_fatal("control wire: %s", err_text(e));
		more = take(app, type, &m, &in);
	} while (more);
	buf_fini(&store);
}

static void
open_root(struct daemon_app *app)
{
	if (app->root == NULL)
		log_fatal("no ctl_jail from master");
	if (app->root[0] == '\0')
		return;
	app->dir = open(app->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (app->dir < 0)
		log_fatal("cannot open directory %s", app->root);
}

void
daemon_boot(struct daemon_app *app)
{
	ignore_signals();
	if (fcntl(DAEMON_CONTROL_FD, F_GETFD) < 0)
		log_fatal("%s is started by master", app->daemon->name);
	fd_close_from(DAEMON_CONTROL_FD + 1);
	if (fd_put_null(0) != ERR_OK ||
	    fd_set_cloexec(DAEMON_CONTROL_FD, true) != ERR_OK)
		log_fatal("cannot set up descriptors");
	receive(app);
	open_root(app);
}
