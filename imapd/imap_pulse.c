/* SPDX-License-Identifier: ISC */
#include "imapd/imap_pulse.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/sys/pulse.h"
#include "lib/sys/window.h"

struct imap_pulse {
	struct list		 link;
	uint32_t		 instance;
	const unsigned char	*mem;
};

static struct imap_pulse *
find(const struct list *pulses, uint32_t instance)
{
	struct list *n;

	for (n = list_first(pulses); n != NULL; n = list_next(pulses, n))
		if (obj_of(n, struct imap_pulse, link)->instance == instance)
			return obj_of(n, struct imap_pulse, link);
	return NULL;
}

enum err
imap_pulse_add(struct list *pulses, const struct ipc_peer *peer, int fd)
{
	struct imap_pulse *p;
	const unsigned char *mem;
	enum err e;

	if (find(pulses, ipc_peer_instance(peer)) != NULL)
		return ERR_VIOLATION;
	e = window_open(fd, PULSE_BYTES, &mem);
	if (e != ERR_OK)
		return e;
	p = must_alloc(1, sizeof(*p));
	p->mem = mem;
	p->instance = ipc_peer_instance(peer);
	list_push(pulses, &p->link);
	return ERR_OK;
}

void
imap_pulse_left(struct list *pulses, uint32_t instance)
{
	struct imap_pulse *p = find(pulses, instance);

	if (p == NULL)
		return;
	window_close(&p->mem, PULSE_BYTES);
	list_remove(&p->link);
	free(p);
}

/* That of a store which has ended stands still: its wire is looked at each time. */
uint64_t
imap_pulse_of(const struct list *pulses, const struct ipc_peer *peer, uint64_t account)
{
	const struct imap_pulse *p = peer != NULL ? find(pulses, ipc_peer_instance(peer)) : NULL;
	uint64_t now = p != NULL ? pulse_at(p->mem, account) : 0;

	return now != 0 && ipc_peer_is_up(peer) ? now : 0;
}
