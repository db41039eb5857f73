/* SPDX-License-Identifier: ISC */
/*
 * Memory that one process writes and another one reads: a memfd that neither can
 * resize (so no access ends in SIGBUS), and that only its maker can write.  The
 * reader sees what the writer does meanwhile: who judges bytes copies them first.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stddef.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

/* Zeroes.  *fd is for the reader and the caller's to close; *mem is writable. */
enum err	 window_make(const char *name, size_t bytes, int *fd, unsigned char **mem)
		    MUST_USE;
/* ERR_VIOLATION unless fd is a window of that size.  fd stays the caller's. */
enum err	 window_open(int fd, size_t bytes, const unsigned char **mem) MUST_USE;
/* Of either side; *mem becomes NULL, and NULL is legal. */
void		 window_close(const unsigned char **mem, size_t bytes);

#endif
