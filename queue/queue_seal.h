/* SPDX-License-Identifier: ISC */
/*
 * What the spool encrypts, and how.  Each message has a random key, wrapped
 * by the spool key that keyd gave; under it, with nonces of distinct labels:
 * the envelope, the body (one AEAD; large messages keep the chunked file of
 * queue_file, whose key is in the envelope) and each state of the recipients
 * (random nonces).  All are bound to the queue id and their kind, so records
 * cannot be moved to another message.
 */
#ifndef QUEUE_SEAL_H
#define QUEUE_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define QUEUE_SPOOL_KEYS	8u
#define QUEUE_WRAP_BYTES	60u	/* nonce 12, key 32, tag 16 */

/* The spool keys that keyd gave.  Owned by the loop; jobs get copies. */
struct queue_spool_key {
	uint32_t	 id;		/* 0: free */
	unsigned char	 key[CRY_KEY_BYTES];
};
struct queue_keys {
	struct queue_spool_key	 all[QUEUE_SPOOL_KEYS];
	uint32_t		 current;	/* id; 0: none yet */
};
/* ERR_FULL when there are too many, ERR_VIOLATION for a wrong size or id. */
enum err	 queue_seal_add_key(struct queue_keys *, uint32_t id, struct slice) MUST_USE;
const struct queue_spool_key *queue_seal_find_key(const struct queue_keys *, uint32_t id);
void		 queue_seal_wipe_keys(struct queue_keys *);

/* The key of one message. */
void		 queue_seal_wrap(struct cry_aead *, unsigned char out[QUEUE_WRAP_BYTES],
		    const unsigned char key[CRY_KEY_BYTES],
		    const struct queue_spool_key *, uint64_t id);
enum err	 queue_seal_unwrap(struct cry_aead *, unsigned char key[CRY_KEY_BYTES],
		    struct slice wrapped, const struct queue_spool_key *,
		    uint64_t id) MUST_USE;

/* The aead must be keyed with the message's key (queue_seal_use). */
void		 queue_seal_use(struct cry_aead *, const unsigned char key[CRY_KEY_BYTES]);
enum queue_part { QUEUE_PART_ENVELOPE, QUEUE_PART_BODY };
/* out has in.n + CRY_TAG_BYTES and may be in.p. */
void		 queue_seal_part(struct cry_aead *, enum queue_part, uint64_t id,
		    unsigned char *out, struct slice in);
enum err	 queue_seal_open_part(struct cry_aead *, enum queue_part, uint64_t id,
		    unsigned char *out, struct slice in) MUST_USE;
/* Nonce and sealed state are appended. */
#define QUEUE_PROGRESS_EXTRA	(8u + CRY_TAG_BYTES)
void		 queue_seal_progress(struct cry_aead *, uint64_t id, struct buf *out,
		    struct slice in);
enum err	 queue_seal_open_progress(struct cry_aead *, uint64_t id, struct buf *out,
		    struct slice in) MUST_USE;

#endif
