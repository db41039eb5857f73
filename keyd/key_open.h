/* SPDX-License-Identifier: ISC */
/*
 * Opening mail: wraps in, content keys out, for who holds a token of scope
 * mail; mail of another account with a grant of the store (lib/crypto's
 * grant.h) beside it, when that owner's sealing lets others read.  Account keys never leave; opened epoch keys stay in a cache in the
 * guarded arena, each under a hash of exactly the bytes it was opened from.
 * An epoch that came sealed (form 1) goes back to the store under the account
 * key once one of its wraps was opened with it.
 *
 * Nothing of a generation whose secret the owner's device has is ever opened,
 * even if keyd could have yesterday: its wraps are OPEN_CLIENT.  They are all
 * that a session that came by EXTERNAL gets.
 */
#ifndef KEY_OPEN_H
#define KEY_OPEN_H

#include "keyd/key_pair.h"
#include "keyd/key_state.h"

#define KEY_OPEN_CACHE		256	/* epoch keys */
#define KEY_OPEN_EPOCHS_MAX	256	/* in a request: one per wrap at most */
#define KEY_OPEN_REPLY_BYTES	33	/* per wrap: u8 enum open_result, key */

struct key_open	*key_open_new(struct secret_arena *);
void		 key_open_free(struct key_open **);
/* Its vault was closed: no key of its mail stays. */
void		 key_open_forget(struct key_open *, uint64_t account);

/* For tests: the part without peers. */
struct key_open_job {
	const struct key_account	*account;
	struct key_opener		 opener;
	struct slice			 wraps;
	struct slice			 epochs;
	/* Told of an epoch key now under the account key. */
	void				(*rewrapped)(void *arg, const struct ipc_epoch_rewrap *);
	void				*arg;
	struct buf			*devices;	/* gets REC device_key */
	bool				 is_guest;	/* no owner's device is his */
	bool				 is_closed;	/* nothing is opened: by EXTERNAL */
};
/* out: KEY_OPEN_REPLY_BYTES per wrap.  ERR_VIOLATION, ERR_LIMIT; *good: how many opened. */
enum err	 key_open_run(struct key_open *, const struct key_open_job *,
		    struct cry_aead *, unsigned char *out, size_t *count, size_t *good) MUST_USE;
/* How many wraps are in the blob, or ERR_VIOLATION. */
enum err	 key_open_count(struct slice wraps, size_t *count) MUST_USE;

void		 key_open_on_keys(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

#endif
