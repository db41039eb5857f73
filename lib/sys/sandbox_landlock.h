/* SPDX-License-Identifier: ISC */
/*
 * Landlock: no file can be opened but below one directory, no TCP socket
 * bound or connected, no signal or abstract socket reaches outside.  What the
 * running kernel does not know is left out (rights are masked to its ABI).
 * For good, for this thread and what it starts.
 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

/*
 * dir: where files may be made, read, written and removed, or -1 for none.
 * may_connect: TCP ports may be connected, and an own address chosen for it.
 * ERR_UNSUPPORTED: the kernel has no Landlock or it is switched off.
 */
enum err	 sandbox_landlock(int dir, bool may_connect) MUST_USE;
int		 sandbox_landlock_abi(void);		/* 0: none */

#endif
