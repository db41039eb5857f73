/* SPDX-License-Identifier: ISC */
/*
 * store_append.rcpt: names one delivery target of a queue id, so that a
 * second delivery of the same is known as a duplicate.  Stable over restarts.
 */
#ifndef RCPT_HASH_H
#define RCPT_HASH_H

#include <stdint.h>

#include "lib/base/slice.h"

uint64_t	 rcpt_hash(struct slice address, struct slice mailbox);

#endif
