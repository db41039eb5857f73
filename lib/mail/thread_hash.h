/* SPDX-License-Identifier: ISC */
/*
 * What the store threads by: keyed hashes of Message-ID, In-Reply-To and
 * References, so that the index names no message.  The key is the account's:
 * see sealer_thread_key() in lib/seal/sealer.h, used by deliver and imapd.
 */
#ifndef THREAD_HASH_H
#define THREAD_HASH_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/hdr.h"

#define THREAD_HASH_BYTES	8
#define THREAD_REFS_MAX		100	/* the newest are kept */

struct thread_hashes {
	unsigned char	id[THREAD_HASH_BYTES];
	size_t		id_bytes;	/* 8, or 0: no Message-ID */
	unsigned char	refs[THREAD_REFS_MAX * THREAD_HASH_BYTES];
	size_t		refs_bytes;
};

/* The same field by field, for who looks at them anyway; values are borrowed. */
struct thread_hasher {
	const unsigned char	*key;		/* 16 bytes, borrowed */
	struct slice		 refs, reply;
	struct thread_hashes	*h;
};
void	 thread_hasher_begin(struct thread_hasher *, const unsigned char key[16],
	    struct thread_hashes *);
void	 thread_hasher_field(struct thread_hasher *, const struct hdr_field *);
void	 thread_hasher_end(struct thread_hasher *);
/* Of a message's header block; References, else In-Reply-To (RFC 5256 s3). */
void	 thread_hash_header(const unsigned char key[16], struct slice header,
	    struct thread_hashes *);
/* One message id without its angle brackets, 8 bytes little-endian. */
void	 thread_hash_id(const unsigned char key[16], struct slice id,
	    unsigned char dst[THREAD_HASH_BYTES]);

#endif
