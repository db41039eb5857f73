/* SPDX-License-Identifier: ISC */
/* On its own: keyd checks commitments and opens no object. */
#include "lib/base/secret.h"
#include "lib/seal/seal_priv.h"

void
seal_commit(unsigned char commitment[SEAL_COMMITMENT_BYTES],
    const unsigned char key[SEAL_KEY_BYTES],
    const unsigned char fixed[SEAL_FIXED_BYTES])
{
	unsigned char sub[CRY_KEY_BYTES];

	cry_subkey(sub, key, SEAL_LABEL_COMMITMENT);
	cry_mac(commitment, SEAL_COMMITMENT_BYTES, sub, slice_of(fixed, SEAL_FIXED_BYTES));
	secret_wipe(sub, sizeof(sub));
}
