/* SPDX-License-Identifier: ISC */
/*
 * SCRAM-SHA-256 (RFC 5802, 7677), the half that needs the secrets: what is
 * kept of a password, and exchanges between challenge and proof.  A user that
 * does not exist, or whose password was set without SCRAM, gets a challenge
 * like any other (its salt stays the same) and is refused at the proof.
 *
 * An exchange lives KEY_SCRAM_MS and takes one proof.  There are
 * KEY_SCRAMS_MAX at most, and one client address has a tenth of them.
 */
#ifndef KEY_SCRAM_H
#define KEY_SCRAM_H

#include "keyd/key_state.h"

#define KEY_SCRAMS_MAX		4000
#define KEY_SCRAM_CLIENT_MAX	(KEY_SCRAMS_MAX / 10)
#define KEY_SCRAM_MS		60000

struct key_scrams *key_scrams_new(void);
void		 key_scrams_free(struct key_scrams **);

/* From rounds and salt: the two keys, and the client's, which is not kept. */
void		 key_scram_make(struct key_scram *, unsigned char client_key[32],
		    struct slice password);
/* Rounds as configured and a new salt; rounds 0 when SCRAM is off. */
void		 key_scram_prepare(const struct keyd *, struct key_scram *);
bool		 key_scram_is_on(const struct keyd *);

void		 key_scram_on_start(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);
void		 key_scram_on_finish(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);
/* A process is gone, and its exchanges with it. */
void		 key_scram_left(struct keyd *, uint32_t instance);

#endif
