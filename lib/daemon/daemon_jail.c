/* SPDX-License-Identifier: ISC */
/*
 * The sandbox order, once for all daemons.  A layer the host cannot give is
 * logged and left out of daemon_layers; sandbox = strict ends the process
 * instead.  seccomp and no_new_privs are never left out.
 */
#include "lib/daemon/daemon_priv.h"

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/jail.h"
#include "lib/sys/sandbox_landlock.h"
#include "lib/sys/sandbox_seccomp.h"

_Static_assert((int)MAY_IPC == (int)SANDBOX_IPC &&
    (int)MAY_ACCEPT == (int)SANDBOX_ACCEPT &&
    (int)MAY_CONNECT == (int)SANDBOX_CONNECT &&
    (int)MAY_FILES == (int)SANDBOX_FILES &&
    (int)MAY_MEMFD == (int)SANDBOX_MEMFD &&
    (int)MAY_THREADS == (int)SANDBOX_THREADS &&
    (int)MAY_SECRETS == (int)SANDBOX_SECRETS &&
    (int)MAY_PAIR == (int)SANDBOX_PAIR, "the same bits");

static bool
may(const struct daemon_app *app, enum daemon_may what)
{
	return (app->daemon->may & (unsigned)what) != 0;
}

/* e: what the attempt came to. */
static void
count_layer(struct daemon_app *app, enum daemon_layer layer, const char *name,
    enum err e)
{
	if (e == ERR_OK) {
		app->layers |= (unsigned)layer;
		return;
	}
	if (app->mode == MODE_STRICT)
		log_fatal("sandbox = strict, but there is no %s: %s", name,
		    err_text(e));
	if (e != ERR_DENIED && e != ERR_UNSUPPORTED)
		log_fatal("sandbox: %s: %s", name, err_text(e));
	log_event(LOG_sandbox, log_str("missing", name),
	    log_str("reason", err_text(e)));
}

static void
required(enum err e, const char *name)
{
	if (e != ERR_OK)
		log_fatal("sandbox: %s: %s", name, err_text(e));
}

/*
 * Without chroot the directory still is the current one, so that programs
 * name their files the same way.
 */
static enum err
enter_root(struct daemon_app *app, bool is_root)
{
	if (app->dir < 0)
		return ERR_DENIED;
	if (is_root)
		return jail_chroot(app->dir);
	if (may(app, MAY_FILES) && fchdir(app->dir) != 0)
		return ERR_SYS;
	return ERR_DENIED;
}

void
daemon_confine(struct daemon_app *app)
{
	bool is_root = geteuid() == 0;

	if (!may(app, MAY_CONNECT))
		count_layer(app, LAYER_NETNS, "network namespace",
		    is_root ? jail_netns() : ERR_DENIED);
	/* Some containers keep the right to do this; the uid has more weight. */
	if (is_root && jail_bounds() != ERR_OK)
		log_event(LOG_sandbox, log_str("missing", "capability bounds"),
		    log_str("reason", err_text(ERR_DENIED)));
	count_layer(app, LAYER_CHROOT, "chroot", enter_root(app, is_root));
	count_layer(app, LAYER_UID, "own user",
	    is_root ? jail_ids(app->uid, app->gid) : ERR_DENIED);
	required(jail_caps(), "capabilities");
	required(jail_limits(), "limits");
	required(jail_no_new_privs(), "no_new_privs");
	required(jail_not_dumpable(), "dumpable");
	if (app->mode == MODE_LOG)	/* sanitizers read /proc */
		return;
	count_layer(app, LAYER_LANDLOCK, "Landlock", sandbox_landlock(
	    may(app, MAY_FILES) ? app->dir : -1, may(app, MAY_CONNECT)));
}

void
daemon_confine_calls(struct daemon_app *app)
{
	required(sandbox_seccomp(app->daemon->may, app->mode == MODE_LOG),
	    "seccomp");
	app->layers |= LAYER_SECCOMP;
}
