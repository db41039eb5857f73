/* SPDX-License-Identifier: ISC */
#include "master/master_wire.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"
#include "master/master_priv.h"

struct master_wire {
	uint32_t	 number;	/* of the newest; 0: there was none */
	bool		 is_lost;
};

/* One for each two processes, whatever their order. */
static struct master_wire *
wire_of(const struct master_proc *a, const struct master_proc *b)
{
	struct master *m = a->m;
	size_t i = (size_t)(a - m->procs), k = (size_t)(b - m->procs);

	return &m->wires[i < k ? i * m->proc_count + k : k * m->proc_count + i];
}

static void
send_end(struct master_proc *to, const struct master_proc *peer, uint32_t number, int fd)
{
	struct ipc_ctl_wire m = { .role = (uint32_t)peer->role->role,
	    .instance = peer->instance, .number = number };

	/* Failing to send means it is going, and then it is reaped. */
	if (to->ctl != NULL)
		(void)!ipc_send(to->ctl, IPC_MSG_ctl_wire, &m, &fd, 1);
}

void
master_wire(struct master_proc *a, struct master_proc *b)
{
	struct master_wire *w = wire_of(a, b);
	int fds[2];

	if (!plan_is_wired(a->role->role, b->role->role) || a->ctl == NULL || b->ctl == NULL)
		return;
	if (fd_pair(fds) != ERR_OK)
		log_fatal("no descriptors for wires");
	*w = (struct master_wire){ .number = ++a->m->wire_number };
	send_end(a, b, w->number, fds[0]);
	send_end(b, a, w->number, fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* ---- those that were lost ---- */

static void
on_rewire(void *arg)
{
	struct master *m = arg;

	for (size_t i = 0; i < m->proc_count && m->phase != MASTER_STOPPING; i++) {
		for (size_t k = i + 1; k < m->proc_count; k++) {
			struct master_wire *w = wire_of(&m->procs[i], &m->procs[k]);

			bool was_lost = w->is_lost;

			w->is_lost = false;
			/* One that is dead is wired when it comes back. */
			if (!was_lost || m->procs[i].ctl == NULL || m->procs[k].ctl == NULL)
				continue;
			log_event(LOG_rewire, log_str("daemon", m->procs[i].role->name),
			    log_str("peer", m->procs[k].role->name));
			master_wire(&m->procs[i], &m->procs[k]);
		}
	}
}

void
master_wire_lost(struct master_proc *p, const struct ipc_ctl_unwired *lost)
{
	struct master *m = p->m;

	for (size_t i = 0; i < m->proc_count && lost->number != 0; i++) {
		struct master_wire *w = &m->procs[i] != p ? wire_of(p, &m->procs[i]) : NULL;

		if (w == NULL || w->number != lost->number)
			continue;
		w->is_lost = true;
		if (!timer_is_set(&m->rewire))
			timer_set(&m->rewire, loop_now(m->loop) + MASTER_REWIRE_MS);
		return;
	}
}

void
master_wire_init(struct master *m)
{
	m->wires = must_alloc(m->proc_count * m->proc_count, sizeof(*m->wires));
	timer_init(&m->rewire, m->loop, on_rewire, m);
}

void
master_wire_fini(struct master *m)
{
	if (m->wires != NULL)
		timer_stop(&m->rewire);
	free(m->wires);
	m->wires = NULL;
}
