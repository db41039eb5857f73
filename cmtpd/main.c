/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_server.h"
#include "cmtpd/cmtpd_opt.h"
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/daemon/intake.h"

static const struct ipc_handler keyd_handlers[] = {
	DAEMON_TLS_HANDLERS, { 0, NULL }
};

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_queue_opened, intake_on_late_open }, { 0, NULL }
};

static const struct ipc_handler relay_handlers[] = { { 0, NULL } };
static const struct ipc_handler smtpd_handlers[] = {
	{ IPC_MSG_cmtp_hand, cmtp_server_on_hand }, { 0, NULL }
};

static const struct daemon_peer peers[] = {
	{ IPC_SMTPD, smtpd_handlers, NULL, NULL },
	{ IPC_QUEUE, queue_handlers, NULL, cmtp_server_lost_queue },
	{ IPC_KEYD, keyd_handlers, cmtp_server_keyd_joined, NULL },
	{ IPC_RELAY, relay_handlers, NULL, NULL },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_DOMAIN_SECTION, CONF_LISTEN_SECTION, CONF_SMTPD_SECTION, CMTPD_OPT_SECTION,
	OPT_SECTIONS_END,
};

static const struct daemon cmtpd = {
	.name = "cmtpd",
	.role = IPC_CMTPD,
	.options = sections,
	.state_bytes = sizeof(struct cmtp_server),
	.peers = peers,
	.may = MAY_IPC | MAY_ACCEPT | MAY_MEMFD,
	.pool_threads = 4,	/* for postage */
	.load = cmtp_server_load,
	.start = cmtp_server_start,
	.reload = cmtp_server_reload,
	.drain = cmtp_server_drain,
	.status = cmtp_server_status,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&cmtpd, argc, argv);
}
