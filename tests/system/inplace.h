/* SPDX-License-Identifier: ISC */
/*
 * What programs share that master starts in the place of a daemon: the wires,
 * requests over them one at a time, and to stay until master says otherwise.
 * What goes wrong in the beginning ends the process with a line that tells.
 */
#ifndef INPLACE_H
#define INPLACE_H

#include "lib/ipc/ipc_peer.h"
#include "lib/ipc/queue_proto.h"

/* Of the last request. */
extern union ipc_any	 inplace_reply;
extern uint16_t		 inplace_type;
extern struct ipc_in	 inplace_in;

void		 inplace_start(void);
int		 inplace_wire(enum ipc_role);
/* Waits for the answer to this request; pushes are passed over.  fd -1: none. */
enum err	 inplace_ask_fd(enum ipc_role, enum ipc_type, const void *, int fd);
enum err	 inplace_ask(enum ipc_role, enum ipc_type, const void *);
/* A transaction of queue, which may still wait for keyd's facts. */
bool		 inplace_open(const struct ipc_queue_open *, uint64_t *msg);
void		 inplace_stay(void);

#endif
