/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_sections.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/daemon/intake.h"
#include "smtpd/smtp_server.h"

static const struct ipc_handler keyd_handlers[] = {
	DAEMON_TLS_HANDLERS, { IPC_MSG_login_ok, smtp_ask_on_late_login }, { 0, NULL }
};
static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_queue_opened, intake_on_late_open }, { 0, NULL }
};

static const struct daemon_peer peers[] = {
	{ IPC_QUEUE, queue_handlers, NULL, smtp_server_lost_queue },
	{ IPC_KEYD, keyd_handlers, NULL, NULL },
	{ IPC_CMTPD, NULL, NULL, NULL },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_DOMAIN_SECTION, CONF_LISTEN_SECTION, CONF_SMTPD_SECTION, OPT_SECTIONS_END,
};

static const struct daemon smtpd = {
	.name = "smtpd",
	.role = IPC_SMTPD,
	.options = sections,
	.state_bytes = sizeof(struct smtp_server),
	.peers = peers,
	.may = MAY_IPC | MAY_ACCEPT | MAY_MEMFD | MAY_PAIR,
	.load = smtp_server_load,
	.start = smtp_server_start,
	.reload = smtp_server_reload,
	.drain = smtp_server_drain,
	.status = smtp_server_status,
};

int
main(int argc, char *argv[])
{
	return daemon_main(&smtpd, argc, argv);
}
