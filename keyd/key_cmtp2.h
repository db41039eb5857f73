/* SPDX-License-Identifier: ISC */
/*
 * CMTP 2's keys (man/cmtp.7) as cmtpd and relay ask for them: the server's are
 * in key_host.h; a user's signing pair follows from the secret key of the
 * account's present generation, and his sealing key is that generation's own,
 * so that what came by CMTP 2 opens as an epoch does.
 *
 * A record is made when that secret is at hand: under the root key whenever it
 * is due, else as the owner logs in or changes something.  It is signed by the
 * key before it when that one's secret is at hand too; otherwise the chain
 * shows a reset.  With sealing = client that secret is the device's: the record
 * has the device's sealing key, and a signing key that keyd made for it, whose
 * seed is kept with the chain.  A chain ends when its account is removed, and
 * stays in keys/cmtp until its end has expired.
 *
 * Asking writes nothing, and a user that is none takes as long as one that is.
 */
#ifndef KEY_CMTP2_H
#define KEY_CMTP2_H

#include "keyd/key_pair.h"
#include "keyd/key_state.h"
#include "lib/crypto/cry_ed.h"

#define KEY_CMTP2_SWEEP_MS	(6u * 3600 * 1000)	/* what is due is made anew this often */
#define KEY_CMTP2_SLICE		16u	/* accounts at a time */

struct key_cmtp2;

struct key_cmtp2 *key_cmtp2_new(struct keyd *);
void		 key_cmtp2_free(struct key_cmtp2 **);

/* The seed by which the account's owner signs now; ERR_STATE, ERR_NOTFOUND as key_pair_open. */
enum err	 key_cmtp2_seed(unsigned char seed[CRY_ED_SEED_BYTES], const struct keyd *,
		    const struct key_account *, const struct key_opener *) MUST_USE;
/*
 * The account is as it is now in the ring: make what is due.  before: the seed of
 * the generation before when that is out of reach by now, or NULL.
 */
void		 key_cmtp2_note(struct keyd *, const struct key_account *,
		    const struct key_opener *, const unsigned char *before);
void		 key_cmtp2_end(struct keyd *, struct slice address);

void		 key_cmtp2_on_keys(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_cmtp2_on_sign(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);

#endif
