/* SPDX-License-Identifier: ISC */
/*
 * The message of a job, read from the descriptor that queue gave: a memfd of
 * the plain text (form 1) or a chunked file under a key (form 2), always with
 * pread, never mapped: whoever else holds it could change or cut it under us.
 */
#ifndef DLV_SOURCE_H
#define DLV_SOURCE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct chunkfile_reader;

struct dlv_source {
	int			 fd;
	uint64_t		 bytes;
	struct chunkfile_reader	*chunks;	/* form 2 */
};

/* make: takes fd also when it fails; form is enum queue_form */
enum err	 dlv_source_open(struct dlv_source *, int take_fd, uint8_t form,
		    uint64_t bytes, struct slice key) MUST_USE;
/* Exactly n bytes from off. */
enum err	 dlv_source_read(struct dlv_source *, uint64_t off, void *dst, size_t n) MUST_USE;
void		 dlv_source_close(struct dlv_source *);

#endif
