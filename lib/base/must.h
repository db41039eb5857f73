/* SPDX-License-Identifier: ISC */
/*
 * Tier three: a broken invariant of our own.  Nothing inside a socket, a
 * message, a user's file or a stored record may make must() fail; those are
 * enum err values.  must_alloc() is tier two: after sizes were compared with
 * their limit, running out of memory ends the process and master restarts it.
 */
#ifndef MUST_H
#define MUST_H

#include <stddef.h>

#include "lib/base/cc.h"

#define must(expr) \
	((expr) ? (void)0 : must_fail(#expr, __FILE__, __LINE__))

void	 must_fail(const char *, const char *, int) NORETURN;

/* Never NULL; zeroed. */
void	*must_alloc(size_t count, size_t size);
void	*must_realloc(void *, size_t count, size_t size);

#endif
