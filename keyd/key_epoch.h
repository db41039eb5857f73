/* SPDX-License-Identifier: ISC */
/*
 * An epoch's key out of a record of the store and into another, with the pair
 * of an account's generation (lib/seal/epoch.h has the two forms).
 */
#ifndef KEY_EPOCH_H
#define KEY_EPOCH_H

#include "keyd/key_pair.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/ipc/ipc_codec.h"

/* With the pair of m->generation.  ERR_CORRUPT: it opens nothing. */
enum err	 key_epoch_open(unsigned char key[32], const struct key_account *,
		    const struct key_pair *, const struct ipc_epoch *m, struct cry_aead *) MUST_USE;

#endif
