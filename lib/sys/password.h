/* SPDX-License-Identifier: ISC */
/*
 * How a tool takes a password: from the terminal without echo, a new one asked
 * twice, or a line of standard input, of which no byte more is read.  No copy
 * stays but the caller's.
 */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

#define PASSWORD_MAX	1024

/*
 * What is longer than size fills it: with PASSWORD_MAX + 1 bytes the caller sees
 * that it is too long.  ERR_STATE: there is no terminal; ERR_SYNTAX: nothing
 * was given, or not the same twice; *why says it.
 */
enum err	 password_read(const char *prompt, bool twice, bool from_stdin, char *dst,
		    size_t size, size_t *n, const char **why) MUST_USE;

#endif
