/* SPDX-License-Identifier: ISC */
/*
 * The whole system as data: who runs, how many, with which files and options,
 * and who is wired to whom.  Processes that have no edge cannot talk.
 */
#ifndef MASTER_PLAN_H
#define MASTER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipc/ipc_role.h"

enum plan_dir { PLAN_DIR_NONE, PLAN_DIR_KEYS, PLAN_DIR_SPOOL, PLAN_DIR_MAIL };

#define PLAN_SECTIONS_MAX	8

struct plan_role {
	const char	*name;		/* binary, log name, user _godwit-name */
	enum ipc_role	 role;
	unsigned	 uid_offset;	/* from uid_base; never changes */
	bool		 is_many;	/* "processes" of its section; 0: processors */
	unsigned	 stop_stage;	/* drained in this order */
	enum plan_dir	 dir;		/* owned: its chroot */
	bool		 has_network;	/* keeps the host's: no namespace of its own */
	bool		 has_keys;	/* gets root key, certificate and key unread */
	unsigned	 services;	/* bits of enum conf_service it accepts */
	bool		 is_on_demand;	/* runs only when a listener needs it */
	bool		 has_templates;	/* is given the files of bounce_template */
	const char	*sections[PLAN_SECTIONS_MAX];	/* options sent to it */
};

struct plan_edge {
	enum ipc_role	 a;
	enum ipc_role	 b;
};

/* Each ends with IPC_NOBODY. */
extern const struct plan_role	plan_roles[];
extern const struct plan_edge	plan_edges[];

#define PLAN_STOP_STAGES	5
#define PLAN_PROCESSES_MAX	64	/* of one role */

const struct plan_role	*plan_role_find(enum ipc_role);
bool			 plan_is_wired(enum ipc_role, enum ipc_role);

#endif
