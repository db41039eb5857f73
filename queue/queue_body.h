/* SPDX-License-Identifier: ISC */
/*
 * A message as a descriptor: form 1, a memfd of the plain message that nobody
 * can change any more; form 2, a file without a name in the spool's
 * directory, holding lib/seal's chunks.  Blocking, but for small ones only a
 * copy in memory.
 */
#ifndef QUEUE_BODY_H
#define QUEUE_BODY_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

/* What names a file: of form 2 we take back only what we made. */
struct queue_file_id {
	uint64_t	 dev;
	uint64_t	 ino;
};

/* All four seals and exactly this size; ERR_VIOLATION otherwise. */
enum err	 queue_body_check_memfd(int fd, uint64_t size) MUST_USE;
/* That file, with the length of so many plain bytes; ERR_VIOLATION. */
enum err	 queue_body_check_file(int fd, const struct queue_file_id *,
		    uint64_t plain_bytes) MUST_USE;

/* The descriptor is the caller's. */
enum err	 queue_body_make_memfd(struct slice, int *fd) MUST_USE;
enum err	 queue_body_make_file(int dir, int *fd, struct queue_file_id *) MUST_USE;

struct queue_body {
	int			 fd;
	uint8_t			 form;		/* enum queue_form */
	uint64_t		 size;		/* plain */
	const unsigned char	*key;		/* form 2 */
};
/* Plain bytes from the start, at most n; *got says how many. */
enum err	 queue_body_read_start(const struct queue_body *, void *dst, size_t n,
		    size_t *got) MUST_USE;

/* Free space where the spool is, in bytes; 0 when it cannot be told. */
uint64_t	 queue_body_free_bytes(int dir);

#endif
