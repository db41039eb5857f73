/* SPDX-License-Identifier: ISC */
#include "master/master_plan.h"

#include "lib/conf/conf_sections.h"

#define SERVES(service)	(1u << CONF_SERVICE_##service)

const struct plan_role	plan_roles[] = {
	{ .name = "keyd", .role = IPC_KEYD, .uid_offset = 0, .stop_stage = 4,
	  .dir = PLAN_DIR_KEYS, .has_keys = true,
	  .sections = { "godwit", "tls", "domain", "keyd" } },
	{ .name = "queue", .role = IPC_QUEUE, .uid_offset = 3, .stop_stage = 2,
	  .dir = PLAN_DIR_SPOOL, .has_templates = true,
	  .sections = { "godwit", "domain", "route", "smtpd", "queue" } },
	{ .name = "store", .role = IPC_STORE, .uid_offset = 6, .stop_stage = 3,
	  .dir = PLAN_DIR_MAIL,
	  .sections = { "godwit", "domain", "store" } },
	{ .name = "deliver", .role = IPC_DELIVER, .uid_offset = 4, .stop_stage = 1,
	  .is_many = true,
	  .sections = { "godwit", "deliver" } },
	{ .name = "relay", .role = IPC_RELAY, .uid_offset = 5, .stop_stage = 1,
	  .is_many = true, .has_network = true,
	  .sections = { "godwit", "listen", "route", "dns", "relay" } },
	{ .name = "smtpd", .role = IPC_SMTPD, .uid_offset = 1, .stop_stage = 0,
	  .is_many = true, .services = SERVES(SMTP) | SERVES(SUBMISSION),
	  .sections = { "godwit", "tls", "domain", "listen", "smtpd" } },
	{ .name = "cmtpd", .role = IPC_CMTPD, .uid_offset = 2, .stop_stage = 0,
	  .is_many = true, .is_on_demand = true, .services = SERVES(CMTP),
	  .sections = { "godwit", "tls", "domain", "listen", "smtpd", "cmtpd" } },
	{ .name = "imapd", .role = IPC_IMAPD, .uid_offset = 7, .stop_stage = 0,
	  .is_many = true, .services = SERVES(IMAP),
	  .sections = { "godwit", "tls", "listen", "imapd" } },
	{ .role = IPC_NOBODY }
};

const struct plan_edge	plan_edges[] = {
	{ IPC_SMTPD,	IPC_QUEUE },
	{ IPC_SMTPD,	IPC_KEYD },
	{ IPC_SMTPD,	IPC_CMTPD },
	{ IPC_QUEUE,	IPC_DELIVER },
	{ IPC_QUEUE,	IPC_STORE },
	{ IPC_QUEUE,	IPC_KEYD },
	{ IPC_QUEUE,	IPC_RELAY },
	{ IPC_RELAY,	IPC_KEYD },
	{ IPC_DELIVER,	IPC_STORE },
	{ IPC_STORE,	IPC_KEYD },
	{ IPC_STORE,	IPC_IMAPD },
	{ IPC_IMAPD,	IPC_KEYD },
	{ IPC_CMTPD,	IPC_QUEUE },
	{ IPC_CMTPD,	IPC_KEYD },
	{ IPC_CMTPD,	IPC_RELAY },
	{ IPC_NOBODY,	IPC_NOBODY }
};

const struct plan_role *
plan_role_find(enum ipc_role role)
{
	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++) {
		if (r->role == role)
			return r;
	}
	return NULL;
}

bool
plan_is_wired(enum ipc_role a, enum ipc_role b)
{
	for (const struct plan_edge *e = plan_edges; e->a != IPC_NOBODY; e++) {
		if ((e->a == a && e->b == b) || (e->a == b && e->b == a))
			return true;
	}
	return false;
}
