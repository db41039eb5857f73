/* SPDX-License-Identifier: ISC */
/*
 * The wires between daemons: a pair of sockets for each edge of the plan,
 * numbered anew each time.  When a daemon tells that a wire is lost and both
 * its ends live on, they get a new one after MASTER_REWIRE_MS: one peer's
 * nonsense must not part two processes for good.  When one of them is dying,
 * its successor is wired instead, and the old number means nothing.
 */
#ifndef MASTER_WIRE_H
#define MASTER_WIRE_H

#include "lib/ipc/ipc_codec.h"

#define MASTER_REWIRE_MS	1000u

struct master;
struct master_proc;

void	 master_wire_init(struct master *);	/* after the processes are made */
void	 master_wire_fini(struct master *);
/* If the plan has that edge and both are there. */
void	 master_wire(struct master_proc *, struct master_proc *);
/* What a daemon told. */
void	 master_wire_lost(struct master_proc *, const struct ipc_ctl_unwired *);

#endif
