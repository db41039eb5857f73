/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_sections.h"
#include "store/store_daemon.h"
#include "store/store_opt.h"

static const struct daemon_peer peers[] = {
	{ IPC_DELIVER, store_deliver_handlers, store_daemon_joined, store_daemon_left },
	{ IPC_IMAPD, store_imapd_handlers, store_daemon_joined, store_daemon_left },
	{ IPC_QUEUE, store_queue_handlers, store_daemon_joined, store_daemon_left },
	{ IPC_KEYD, store_keyd_handlers, store_daemon_joined, store_daemon_left },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_DOMAIN_SECTION, STORE_OPT_SECTION, OPT_SECTIONS_END
};

static const struct daemon store = {
	.name = "store",
	.role = IPC_STORE,
	.options = sections,
	.state_bytes = sizeof(struct store_state),
	.peers = peers,
	.may = MAY_IPC | MAY_FILES | MAY_MEMFD | MAY_THREADS,
	.load = store_daemon_load,
	.start = store_daemon_start,
	.reload = store_daemon_reload,
	.drain = store_daemon_drain,
	.status = store_daemon_status,
	.tool = store_daemon_tool,
};

struct store *
store_of(struct ipc_peer *peer)
{
	struct store_state *st = daemon_state(ipc_peer_arg(peer));

	return &st->store;
}

int
main(int argc, char *argv[])
{
	return daemon_main(&store, argc, argv);
}
