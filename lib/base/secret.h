/* SPDX-License-Identifier: ISC */
/*
 * Bytes that must not linger: a fixed-size value wiped by its owner.  For
 * keys of long life keyd uses the guarded arena in lib/crypto.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

void	 secret_wipe(void *, size_t);			/* never optimised away */
bool	 secret_eq(const void *, const void *, size_t);	/* constant time */

#endif
