/* SPDX-License-Identifier: ISC */
/*
 * The engine in memory behind blob.h and blob_walk.h (see kv_mem.h): segments
 * are lists of records, read through the same references.  What was put can be
 * read at once; an emptied segment goes with the batch behind.
 */
#ifndef BLOB_MEM_H
#define BLOB_MEM_H

#include <stdint.h>

#include "store/blob.h"
#include "store/blob_walk.h"

struct blob	*blob_mem_new(uint64_t segment_bytes);
void		 blob_mem_free(struct blob **);
/* What was put, counted and emptied is durable. */
void		 blob_mem_settle(struct blob *);

#endif
