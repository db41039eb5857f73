/* SPDX-License-Identifier: ISC */
/*
 * The chunked file of queue.msg form 2: a message too large for a memfd, in
 * AES-256-GCM chunks under a random key that goes with the descriptor.  A
 * file of n plain bytes has n / 16384 chunks of 16 KiB and then the last of
 * n % 16384 bytes, each with its 16-byte tag, so truncation and reordering
 * do not open.  The writer never goes back; the reader reads anywhere.
 */
#ifndef CHUNKFILE_H
#define CHUNKFILE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define CHUNKFILE_CHUNK	(16u << 10)

uint64_t	 chunkfile_bytes(uint64_t plain_bytes);	/* length of such a file */

/* ---- write */
/* Must take all bytes (at off, which only grows) or fail. */
typedef enum err chunkfile_write_fn(void *arg, const void *p, size_t n, uint64_t off);
struct chunkfile_writer;
/* Makes the key: read it with chunkfile_writer_key, wiped by free. */
struct chunkfile_writer *chunkfile_writer_new(chunkfile_write_fn *, void *arg);
/* The usual write function: pwrite(2) to the descriptor *(int *)arg. */
enum err	 chunkfile_write_fd(void *arg, const void *p, size_t n, uint64_t off);
void		 chunkfile_writer_free(struct chunkfile_writer **);
enum err	 chunkfile_writer_put(struct chunkfile_writer *, struct slice) MUST_USE;
enum err	 chunkfile_writer_end(struct chunkfile_writer *) MUST_USE;
uint64_t	 chunkfile_writer_plain_bytes(const struct chunkfile_writer *);
const unsigned char *chunkfile_writer_key(const struct chunkfile_writer *);

/* ---- read */
struct chunkfile_reader;
/*
 * fd stays the caller's and must stay open.  ERR_CORRUPT when the file has
 * not the length of plain_bytes or does not end there under this key; ERR_IO.
 */
enum err	 chunkfile_reader_new(struct chunkfile_reader **, int fd,
		    const unsigned char key[CRY_KEY_BYTES], uint64_t plain_bytes) MUST_USE;
void		 chunkfile_reader_free(struct chunkfile_reader **);
/* All of [off, off + n) or an error: ERR_CORRUPT, ERR_IO, ERR_END past the end. */
enum err	 chunkfile_reader_get(struct chunkfile_reader *, uint64_t off, void *dst,
		    size_t n) MUST_USE;

#endif
