/* SPDX-License-Identifier: ISC */
#include "store/store_pulse.h"

#include "lib/crypto/cry.h"
#include "lib/sys/fd.h"
#include "lib/sys/pulse.h"
#include "lib/sys/window.h"

static void
on_change(void *arg, uint64_t account)
{
	store_pulse_beat(arg, account);
}

void
store_pulse_open(struct store *s)
{
	if (window_make("godwit-pulse", PULSE_BYTES, &s->pulse_fd, &s->pulse) != ERR_OK)
		return;
	pulse_begin(s->pulse, cry_random_u64());
	kv_on_change(s->kv, on_change, s);
}

void
store_pulse_close(struct store *s)
{
	const unsigned char *mem = s->pulse;

	window_close(&mem, PULSE_BYTES);
	s->pulse = NULL;
	fd_close(&s->pulse_fd);
}

void
store_pulse_offer(const struct store *s, struct ipc_peer *peer)
{
	const struct ipc_store_pulse m = { .counters = PULSE_COUNT };

	/* Failing means that the peer is going. */
	if (s->pulse != NULL &&
	    ipc_send(peer, IPC_MSG_store_pulse, &m, &s->pulse_fd, 1) != ERR_OK)
		return;
}

void
store_pulse_beat(const struct store *s, uint64_t account)
{
	if (s->pulse != NULL)
		pulse_beat(s->pulse, account);
}
