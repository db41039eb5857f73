/* SPDX-License-Identifier: ISC */
/*
 * How a tool takes passwords and hands them on: from the terminal without
 * echo, new ones asked twice, or a line each of standard input; into a pipe
 * that holds all of it, a line each.  It is small enough to fit, and keyd, which cannot wait, finds
 * it complete.  Copies are wiped.
 */
#ifndef PASSWORD_PIPE_H
#define PASSWORD_PIPE_H

#include <stdbool.h>

#include "lib/base/cc.h"

/* What is asked for, in this order. */
enum password_ask { ASK_PRESENT = 1, ASK_NEW = 2, ASK_CODE = 4, ASK_THERE = 8 };

/*
 * asks: one or two bits of password_ask.  EX_OK and the reading end, the
 * caller's to close; else said why as name.
 */
int		 password_pipe(const char *name, unsigned asks, bool from_stdin,
		    int *fd) MUST_USE;

#endif
