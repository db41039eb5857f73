/* SPDX-License-Identifier: ISC */
/*
 * Encodings: base64 (RFC 4648 s4), hex, Crockford base32 ids, and fixed-width
 * integers.  On-disk integers are little-endian except in ordered keys, which
 * are big-endian.
 */
#ifndef ENC_H
#define ENC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

void		 enc_put_base64(struct buf *, struct slice);	/* padded, one line */
/* Strict: padding required, no white space. */
enum err	 enc_get_base64(struct buf *, struct slice) MUST_USE;
void		 enc_put_hex(struct buf *, struct slice);
enum err	 enc_get_hex(struct buf *, struct slice) MUST_USE;

#define ENC_ID_BYTES	13		/* a u64 in Crockford base32 */
void		 enc_put_id(struct buf *, uint64_t);
void		 enc_id_str(char dst[ENC_ID_BYTES + 1], uint64_t);
/* 13 characters, either case, I L O read as 1 1 0. */
enum err	 enc_get_id(struct slice, uint64_t *) MUST_USE;

#define ENC_SESSION_BYTES	6	/* the low 30 bits */
/* Of the serial-th session of a process: ids differ in more than the end. */
uint64_t	 enc_session_id(uint32_t instance, uint64_t serial);
void		 enc_session_str(char dst[ENC_SESSION_BYTES + 1], uint64_t);

static inline void
enc_be32(void *p, uint32_t v)
{
	unsigned char *b = p;

	b[0] = (unsigned char)(v >> 24);
	b[1] = (unsigned char)(v >> 16);
	b[2] = (unsigned char)(v >> 8);
	b[3] = (unsigned char)v;
}

static inline void
enc_be64(void *p, uint64_t v)
{
	unsigned char *b = p;

	enc_be32(b, (uint32_t)(v >> 32));
	enc_be32(b + 4, (uint32_t)v);
}

static inline uint32_t
dec_be32(const void *p)
{
	const unsigned char *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	    (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t
dec_be64(const void *p)
{
	const unsigned char *b = p;

	return (uint64_t)dec_be32(b) << 32 | dec_be32(b + 4);
}

static inline void
enc_le16(void *p, uint16_t v)
{
	unsigned char *b = p;

	b[0] = (unsigned char)v;
	b[1] = (unsigned char)(v >> 8);
}

static inline void
enc_le32(void *p, uint32_t v)
{
	unsigned char *b = p;

	enc_le16(b, (uint16_t)v);
	enc_le16(b + 2, (uint16_t)(v >> 16));
}

static inline void
enc_le64(void *p, uint64_t v)
{
	unsigned char *b = p;

	enc_le32(b, (uint32_t)v);
	enc_le32(b + 4, (uint32_t)(v >> 32));
}

static inline uint16_t
dec_le16(const void *p)
{
	const unsigned char *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t
dec_le32(const void *p)
{
	const unsigned char *b = p;

	return (uint32_t)dec_le16(b) | (uint32_t)dec_le16(b + 2) << 16;
}

static inline uint64_t
dec_le64(const void *p)
{
	const unsigned char *b = p;

	return (uint64_t)dec_le32(b) | (uint64_t)dec_le32(b + 4) << 32;
}

#endif
