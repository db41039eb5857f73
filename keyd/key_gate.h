/* SPDX-License-Identifier: ISC */
/*
 * The gate before every request: who may ask what, in which state of the peer
 * and of keyd.  The table in key_gate.c is the whole policy; a handler runs
 * only when its row permits, and everything else costs the peer its wire.
 */
#ifndef KEY_GATE_H
#define KEY_GATE_H

#include "keyd/key_state.h"

struct key_gate	*key_gate_new(struct keyd *);
void		 key_gate_free(struct key_gate **);	/* when all peers have left */
void		 key_gate_joined(struct daemon_app *, struct ipc_peer *);
void		 key_gate_left(struct daemon_app *, struct ipc_peer *);
/* For peers of every role: the gate looks at the role itself. */
extern const struct ipc_handler	key_gate_handlers[];

/* The peer that a later answer is for; NULL when it is gone by then. */
struct ipc_peer	*key_gate_peer(const struct keyd *, enum ipc_role, uint32_t instance);
/* It asked for the certificate, so it wants to hear of a new one. */
bool		 key_gate_is_ready(const struct keyd *, const struct ipc_peer *);
/* Answer key_fail. */
void		 key_gate_refuse(struct ipc_peer *, uint64_t id, enum err, const char *text);

/*
 * The pure part, for tests.  is_ready: the peer asked for the certificate
 * before.
 */
enum key_verdict { KEY_PERMIT, KEY_REFUSE_DRAINING, KEY_VIOLATION };
enum key_verdict key_gate_verdict(uint16_t type, enum ipc_role, bool is_ready,
		    bool is_draining);

#endif
