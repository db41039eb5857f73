/* SPDX-License-Identifier: ISC */
#include "tests/system/inplace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WIRES_MAX	32
#define CONTROL_FD	3
#define OPEN_TRIES	500
#define OPEN_STEP_US	20000

union ipc_any	 inplace_reply;
uint16_t	 inplace_type;
struct ipc_in	 inplace_in;

static struct { enum ipc_role role; int fd; } wires[WIRES_MAX];
static unsigned		 wire_count;
static struct buf	 frame;		/* the bytes of the last reply */

void
inplace_start(void)
{
	struct ipc_ctl_ready ready = { .layers = 31 };
	struct ipc_in in;
	union ipc_any m;
	uint16_t type;

	buf_init(&frame, IPC_FRAME_MAX);
	setvbuf(stdout, NULL, _IOLBF, 0);
	do {
		if (ipc_read_blocking(CONTROL_FD, IPC_MASTER, &frame, &type, &m, &in) != ERR_OK)
			exit(1);
		if (type == IPC_MSG_ctl_wire && wire_count < WIRES_MAX) {
			wires[wire_count].role = (enum ipc_role)m.ctl_wire.role;
			wires[wire_count++].fd = ipc_take_fd(&in, 0);
		}
	} while (type != IPC_MSG_ctl_start);
	if (ipc_write_blocking(CONTROL_FD, IPC_MSG_ctl_ready, 0, &ready, NULL, 0) != ERR_OK)
		exit(1);
}

int
inplace_wire(enum ipc_role role)
{
	for (unsigned i = 0; i < wire_count; i++)
		if (wires[i].role == role)
			return wires[i].fd;
	printf("not wired to %s\n", ipc_role_name(role));
	exit(1);
}

enum err
inplace_ask_fd(enum ipc_role role, enum ipc_type type, const void *m, int fd)
{
	static uint64_t id = 1000;
	int wire = inplace_wire(role);
	enum err e = ipc_write_blocking(wire, type, ++id, m, &fd, fd >= 0 ? 1 : 0);

	while (e == ERR_OK) {
		e = ipc_read_blocking(wire, role, &frame, &inplace_type, &inplace_reply,
		    &inplace_in);
		if (e == ERR_OK && inplace_in.id == id)
			return ERR_OK;
	}
	return e;
}

enum err
inplace_ask(enum ipc_role role, enum ipc_type type, const void *m)
{
	return inplace_ask_fd(role, type, m, -1);
}

bool
inplace_open(const struct ipc_queue_open *m, uint64_t *msg)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		if (inplace_ask(IPC_QUEUE, IPC_MSG_queue_open, m) != ERR_OK)
			return false;
		if (inplace_type == IPC_MSG_queue_opened) {
			*msg = inplace_reply.queue_opened.msg;
			return true;
		}
		if (err_class(inplace_reply.queue_refused.error) != ERR_CLASS_TEMP)
			return false;
		usleep(OPEN_STEP_US);
	}
	return false;
}

void
inplace_stay(void)
{
	struct ipc_in in;
	union ipc_any m;
	uint16_t type;

	while (ipc_read_blocking(CONTROL_FD, IPC_MASTER, &frame, &type, &m, &in) == ERR_OK &&
	    type != IPC_MSG_ctl_drain)
		continue;
}
