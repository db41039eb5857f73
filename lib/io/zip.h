/* SPDX-License-Identifier: ISC */
/*
 * DEFLATE on a stream (RFC 1951, raw), such that an idle connection costs
 * little: each piece that is sent stands by itself, so that one compressor
 * serves all connections of a process, and the decompressor rests between
 * commands: what is kept then is the text that the peer may still refer to, at
 * most the last 32 KiB that it sent.  While it works, about 48 KiB.
 *
 * Decompressed bytes are asked for piece by piece: a few bytes that become
 * many fill no memory.
 */
#ifndef ZIP_H
#define ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define ZIP_PIECE	32768u		/* of decompressed bytes */

/* What connections of a process share; it must outlive them. */
struct zip_shared;
struct zip;

/* make, free */
struct zip_shared	*zip_shared_new(void);
void			 zip_shared_free(struct zip_shared **);
struct zip		*zip_new(struct zip_shared *);
void			 zip_free(struct zip **);

/* Appends s, compressed and complete, to wire. */
void		 zip_deflate(struct zip *, struct slice s, struct buf *wire);

/* Compressed bytes that came; those not used yet are kept. */
void		 zip_feed(struct zip *, struct slice);
/*
 * The next decompressed bytes, at most max, valid until the next call of any
 * connection; they end where the peer flushed at the latest, so that what was
 * fed behind is untouched.  ERR_AGAIN: more is needed; ERR_CORRUPT: not
 * DEFLATE, or it ended.
 */
enum err	 zip_inflate(struct zip *, size_t max, struct slice *out) MUST_USE;
bool		 zip_has_input(const struct zip *);
/* The peer changes to plain bytes: what was fed behind its last compressed one. */
struct slice	 zip_left(const struct zip *);
/* There is nothing to do: give memory back. */
void		 zip_rest(struct zip *);
/* Bytes held while resting. */
size_t		 zip_held(const struct zip *);

#endif
