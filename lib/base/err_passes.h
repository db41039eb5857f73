/* SPDX-License-Identifier: ISC */
/*
 * Whether asking again may go better with nobody doing anything about it.
 * That is another question than the class, which is the answer mail gives:
 * what is corrupt here is our fault, so mail is put off (TEMP) until it ran
 * out of time and its sender is told; but who asks again on its own account
 * would find the same record each time, and a tool says so to its operator.
 */
#ifndef ERR_PASSES_H
#define ERR_PASSES_H

#include <stdbool.h>

#include "lib/base/err.h"

static inline bool
err_passes(enum err e)
{
	return err_class(e) == ERR_CLASS_TEMP && e != ERR_CORRUPT;
}

#endif
