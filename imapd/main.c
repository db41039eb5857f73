/* SPDX-License-Identifier: ISC */
#include "imapd/imap_server.h"
#include "imapd/imapd_opt.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/daemon_tls.h"

static const struct ipc_handler keyd_handlers[] = {
	DAEMON_TLS_HANDLERS, { IPC_MSG_login_ok, imap_server_on_late_login }, { 0, NULL },
};
static const struct ipc_handler store_handlers[] = {
	{ IPC_MSG_store_window, imap_server_on_window },
	{ IPC_MSG_store_pulse, imap_server_on_pulse },
	{ IPC_MSG_store_notify, imap_server_on_notify },
	{ IPC_MSG_store_notify_metadata, imap_server_on_entries },
	{ IPC_MSG_store_session, imap_server_on_late_session }, { 0, NULL },
};

static const struct daemon_peer peers[] = {
	{ IPC_KEYD, keyd_handlers, NULL, NULL },
	{ IPC_STORE, store_handlers, imap_server_store_joined, imap_server_store_left },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_LISTEN_SECTION, IMAPD_OPT_SECTION, OPT_SECTIONS_END,
};

static const struct daemon imapd = {
	.name = "imapd",
	.role = IPC_IMAPD,
	.options = sections,
	.state_bytes = sizeof(struct imap_server),
	.peers = peers,
	.may = MAY_IPC | MAY_ACCEPT,
	.pool_threads = 2,	/* to open mail ahead */
	.open = imap_server_open,
	.load = imap_server_load,
	.start = imap_server_start,
	.reload = imap_server_reload,
	.drain = imap_server_drain,
	.status = imap_server_status,
	.tool = imap_server_tool,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&imapd, argc, argv);
}
