/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_group.h"

#include <sodium.h>

#include "lib/base/must.h"

void
cry_group_random(unsigned char scalar[CRY_GROUP_BYTES])
{
	crypto_core_ristretto255_scalar_random(scalar);
}

void
cry_group_reduce(unsigned char scalar[CRY_GROUP_BYTES],
    const unsigned char wide[CRY_GROUP_WIDE_BYTES])
{
	crypto_core_ristretto255_scalar_reduce(scalar, wide);
}

void
cry_group_hash(unsigned char element[CRY_GROUP_BYTES],
    const unsigned char wide[CRY_GROUP_WIDE_BYTES])
{
	must(crypto_core_ristretto255_from_hash(element, wide) == 0);
}

enum err
cry_group_invert(unsigned char out[CRY_GROUP_BYTES],
    const unsigned char scalar[CRY_GROUP_BYTES])
{
	return crypto_core_ristretto255_scalar_invert(out, scalar) == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
cry_group_base(unsigned char element[CRY_GROUP_BYTES],
    const unsigned char scalar[CRY_GROUP_BYTES])
{
	return crypto_scalarmult_ristretto255_base(element, scalar) == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
cry_group_multiply(unsigned char out[CRY_GROUP_BYTES],
    const unsigned char scalar[CRY_GROUP_BYTES], const unsigned char element[CRY_GROUP_BYTES])
{
	return crypto_scalarmult_ristretto255(out, scalar, element) == 0 ? ERR_OK : ERR_CORRUPT;
}
