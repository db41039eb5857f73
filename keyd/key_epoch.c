/* SPDX-License-Identifier: ISC */
#include "keyd/key_epoch.h"

#include <string.h>

#include "lib/ipc/key_proto.h"
#include "lib/seal/epoch.h"

enum err
key_epoch_open(unsigned char key[32], const struct key_account *a, const struct key_pair *pair,
    const struct ipc_epoch *m, struct cry_aead *aead)
{
	const struct epoch_id id = { a->id, m->epoch, m->generation };
	unsigned char public_key[32];

	if (m->form == EPOCH_WRAPPED)
		return epoch_unwrap(aead, key, m->data, pair->epoch_wrap, &id);
	if (m->form != EPOCH_SEALED)
		return ERR_CORRUPT;
	/* The public half belongs to the secret one, whichever generation that is. */
	if (m->generation == a->generation)
		memcpy(public_key, a->public_key, sizeof(public_key));
	else
		cry_box_public(public_key, pair->secret);
	return epoch_unseal(key, m->data, public_key, pair->secret);
}
