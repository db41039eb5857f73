/* SPDX-License-Identifier: ISC */
/*
 * How a tool takes a password and hands it on: from the terminal without
 * echo, asked twice, or one line of standard input; into a pipe that holds
 * all of it.  It is small enough to fit, and keyd, which cannot wait, finds
 * it complete.  Copies are wiped.
 */
#ifndef PASSWORD_PIPE_H
#define PASSWORD_PIPE_H

#include <stdbool.h>

#include "lib/base/cc.h"

/* EX_OK and the reading end, the caller's to close; else said why as name. */
int		 password_pipe(const char *name, bool from_stdin, int *fd) MUST_USE;

#endif
