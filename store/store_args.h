/* SPDX-License-Identifier: ISC */
/*
 * What the requests of tools have in common: NUL-terminated arguments, a
 * cursor of numbers, and an account by its address, looked for in turns.
 */
#ifndef STORE_ARGS_H
#define STORE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_core.h"

#define ARGS_LOOK_ACCOUNTS	2000	/* in one turn */

/* The next argument; false at the end. */
bool		 args_next(struct slice *args, struct slice *arg);
/* Up to n numbers with one character between two; the others stay as they are. */
void		 args_numbers(struct slice arg, uint64_t *v, size_t n);
/*
 * The account with this address, behind *account of *shard, which are moved.
 * ERR_AGAIN: not all were looked at yet; ERR_NOTFOUND: there is none.
 */
enum err	 args_account(struct store *, struct slice address, uint64_t *shard,
		    uint64_t *account) MUST_USE;

#endif
