/* SPDX-License-Identifier: ISC */
/*
 * Who may speak on a wire.  A role is a bit so that a message row can name
 * its permitted senders.
 */
#ifndef IPC_ROLE_H
#define IPC_ROLE_H

#include <stdint.h>

#include "lib/base/slice.h"

#define IPC_ROLES(R)							\
	R(MASTER,  0x0001, "master")					\
	R(KEYD,	   0x0002, "keyd")					\
	R(SMTPD,   0x0004, "smtpd")					\
	R(CMTPD,   0x0008, "cmtpd")					\
	R(QUEUE,   0x0010, "queue")					\
	R(DELIVER, 0x0020, "deliver")					\
	R(RELAY,   0x0040, "relay")					\
	R(STORE,   0x0080, "store")					\
	R(IMAPD,   0x0100, "imapd")					\
	R(TOOL,	   0x0200, "tool")

enum ipc_role {
#define R(name, bit, text)	IPC_##name = (bit),
	IPC_ROLES(R)
#undef R
	IPC_NOBODY = 0
};

const char	*ipc_role_name(enum ipc_role);
enum ipc_role	 ipc_role_find(struct slice name);	/* or IPC_NOBODY */

#endif
