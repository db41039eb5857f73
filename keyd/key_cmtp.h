/* SPDX-License-Identifier: ISC */
/*
 * Keys of CMTP 1 (man/cmtp.7).  The server's follows from the root key and
 * signs what CMTP 1 has signed: the words SUCCESS and FAILURE, its own key and
 * the keys of users, wrapped or not, bare; and for relay, never for who talks to
 * clients, those of other domains' users.  Nothing else is ever signed with it.
 *
 * A user's is an Ed25519 pair that follows from the secret key of the
 * account's present generation, so nothing more is kept; where that secret is
 * in a vault the public half is noted in key_more.  Who asks for users learns
 * who has a mailbox here: requests are counted by client address, and a user
 * that is none takes as long as one that is.
 */
#ifndef KEY_CMTP_H
#define KEY_CMTP_H

#include "keyd/key_more.h"
#include "keyd/key_pair.h"
#include "keyd/key_state.h"
#include "lib/crypto/cry_ed.h"
#include "lib/crypto/xzibit.h"

#define KEY_CMTP_CLIENTS_MAX	50000u	/* counted at a time; one more is refused */
#define KEY_CMTP_NAMES_MAX	200000u	/* remembered; one more counts whenever it is asked for */

struct key_cmtp;

struct key_cmtp	*key_cmtp_new(struct keyd *);
void		 key_cmtp_free(struct key_cmtp **);
void		 key_cmtp_on_self(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_cmtp_on_user(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_cmtp_on_far_sign(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

/* Counts the users that a client asks for, each once in the limit's time.
 * ERR_LIMIT: too many, ERR_FULL. */
enum err	 key_cmtp_take_turn(struct keyd *, struct slice client, struct slice user) MUST_USE;

/* By the server, of a user's wrapped key. */
void		 key_cmtp_sign_xzibit(struct keyd *, unsigned char sig[CRY_ED_SIG_BYTES],
		    const unsigned char xzibit[XZIBIT_BYTES]);

/* The pair that belongs to an opened one. */
void		 key_cmtp_pair(unsigned char public_key[CRY_KEY_BYTES],
		    unsigned char secret_key[CRY_ED_SECRET_BYTES], const struct key_pair *);
/* The public half that belongs to an opened pair. */
void		 key_cmtp_public(unsigned char public_key[CRY_KEY_BYTES], const struct key_pair *);
/* Before an account is put: its public half, where only its owner can make it. */
void		 key_cmtp_note(struct key_more *, const struct key_account *, struct cry_aead *,
		    const struct key_opener *);

#endif
