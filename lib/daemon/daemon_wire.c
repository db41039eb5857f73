/* SPDX-License-Identifier: ISC */
/*
 * The neighbours.  A new wire to a role stands before the older ones: when a
 * neighbour was restarted, daemon_peer(role, 0) is the living one even if the
 * end of the dead one has not been noticed yet.
 */
#include "lib/daemon/daemon_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/sys/fd.h"

static void
remove_link(struct daemon_app *app, unsigned idx)
{
	app->link_count--;
	memmove(&app->links[idx], &app->links[idx + 1],
	    (app->link_count - idx) * sizeof(app->links[0]));
}

static void
on_gone(struct ipc_peer *peer, void *arg)
{
	struct daemon_app *app = arg;
	const struct daemon_peer *kind;
	struct ipc_ctl_unwired m;
	unsigned i;

	for (i = 0; i < app->link_count; i++)
		if (app->links[i].peer == peer)
			break;
	must(i < app->link_count);
	kind = app->links[i].kind;
	m.number = app->links[i].number;
	remove_link(app, i);
	/* Master knows who lives and who does not. */
	if (!app->is_draining)
		(void)!ipc_send(app->master, IPC_MSG_ctl_unwired, &m, NULL, 0);
	if (kind->left != NULL)
		kind->left(app, peer);
	ipc_peer_free(&peer);
}

static void
open_link(struct daemon_app *app, struct daemon_link *l)
{
	static const struct ipc_handler nothing[] = { { 0, NULL } };

	l->peer = ipc_peer_new(app->loop, l->fd, l->kind->role, l->instance,
	    l->kind->handlers != NULL ? l->kind->handlers : nothing,
	    on_gone, app);
	l->fd = -1;
}

static void
joined(struct daemon_app *app, const struct daemon_peer *kind,
    struct ipc_peer *peer)
{
	if (kind->role == IPC_KEYD && app->tls != NULL)
		daemon_tls_joined(app, peer);
	if (kind->joined != NULL)
		kind->joined(app, peer);
}

void
daemon_link_add(struct daemon_app *app, const struct ipc_ctl_wire *m, int take_fd)
{
	const struct daemon_peer *kind = app->daemon->peers;
	struct daemon_link *l;

	while (kind != NULL && kind->role != IPC_NOBODY &&
	    (uint32_t)kind->role != m->role)
		kind++;
	if (kind == NULL || kind->role == IPC_NOBODY || take_fd < 0) {
		fd_close(&take_fd);	/* somebody we have nothing to say to */
		return;
	}
	app->links = must_realloc(app->links, app->link_count + 1,
	    sizeof(app->links[0]));
	memmove(&app->links[1], &app->links[0],
	    app->link_count * sizeof(app->links[0]));
	app->link_count++;
	l = &app->links[0];
	*l = (struct daemon_link){ .kind = kind, .instance = m->instance,
	    .number = m->number, .fd = take_fd };
	if (app->is_running) {
		open_link(app, l);
		joined(app, kind, l->peer);
	}
}

void
daemon_links_open(struct daemon_app *app)
{
	unsigned i;

	for (i = 0; i < app->link_count; i++)
		open_link(app, &app->links[i]);
}

void
daemon_links_joined(struct daemon_app *app)
{
	unsigned i;

	for (i = 0; i < app->link_count; i++)
		joined(app, app->links[i].kind, app->links[i].peer);
}

void
daemon_links_close(struct daemon_app *app)
{
	while (app->link_count > 0) {
		struct ipc_peer *peer = app->links[--app->link_count].peer;

		ipc_peer_free(&peer);
	}
	free(app->links);
	app->links = NULL;
}

struct ipc_peer *
daemon_peer(struct daemon_app *app, enum ipc_role role, unsigned idx)
{
	unsigned i;

	for (i = 0; i < app->link_count; i++)
		if (app->links[i].kind->role == role && idx-- == 0)
			return app->links[i].peer;
	return NULL;
}

struct ipc_peer *
daemon_peer_next(struct daemon_app *app, enum ipc_role role)
{
	unsigned count = 0;

	while (daemon_peer(app, role, count) != NULL)
		count++;
	if (count == 0)
		return NULL;
	return daemon_peer(app, role, app->turn++ % count);
}
