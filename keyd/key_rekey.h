/* SPDX-License-Identifier: ISC */
/*
 * For gwstore rekey: epoch records of an account in, the same keys under its
 * newest pair out.  Opened and sealed here; neither a key nor a secret leaves.
 * What only the owner opens (a closed vault, a device's key) stays as it is
 * and is told as REKEY_CLOSED.  Each request is logged.
 */
#ifndef KEY_REKEY_H
#define KEY_REKEY_H

#include "keyd/key_pair.h"
#include "keyd/key_state.h"

void		 key_rekey_on_epochs(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

/* For tests: the part without peers. */
struct key_rekey_job {
	const struct key_account	*account;
	struct key_opener		 opener;
	struct slice			 epochs;	/* REC epoch */
};
/*
 * Appends a REC rekeyed for each; *done: how many have another key over them
 * now.  ERR_VIOLATION: malformed, or more than REKEY_EPOCHS_MAX.
 */
enum err	 key_rekey_run(const struct key_rekey_job *, struct cry_aead *, struct buf *out,
		    unsigned *done) MUST_USE;

#endif
