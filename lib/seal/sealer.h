/* SPDX-License-Identifier: ISC */
/*
 * Turning a message into what store_append carries: header fields, summary,
 * thread hashes, sealed body.  Used by deliver (per recipient) and imapd
 * (APPEND).  Pure: the owner daemon makes the IPC calls, moves the bytes and
 * says what time it is.
 *
 * The sealer keeps epochs: per (account, key generation) an epoch id and key,
 * and content ids that the store reserved.  An epoch ends after EPOCH_MS,
 * EPOCH_MESSAGES, or when its content ids are used up.  When sealer_begin
 * says ERR_AGAIN the owner asks the store (store_epoch), hands the answer to
 * sealer_grant, and begins again.  When the store goes: sealer_forget.  At
 * most SEALER_ACCOUNTS epochs; the least used goes first.  Keys are wiped.
 *
 * The life of one message:
 *
 *	sealer_begin(s, &msg, now)		ERR_AGAIN: grant first
 *	sealer_put(s, &msg, piece, out)		until all size bytes were given
 *	sealer_end(s, &msg, out, &append)	fills struct ipc_store_append
 *
 * Mail that came sealed (seal_arrival.h) takes one step, with an epoch of its own,
 * or of all that came under the same seed:
 *
 *	sealer_arrive(s, &msg, ...)		ERR_AGAIN: grant first
 *
 * One message at a time may be between sealer_begin and sealer_end for one
 * struct sealer_message; several structs may be under way at once.
 */
#ifndef SEALER_H
#define SEALER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/mail/mime.h"
#include "lib/mail/thread_hash.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal.h"

#define SEALER_ACCOUNTS		4096u
#define SEALER_INLINE_MAX	40960u	/* body bytes in the frame: store_append.body */
#define SEALER_MEMFD_MAX	(256u << 10)

struct sealer;

/* To whom. */
struct sealer_owner {
	uint64_t		 account;
	uint32_t		 generation;
	unsigned char		 public_key[CRY_KEY_BYTES];
	bool			 single;	/* an epoch for what came sealed: one message, */
	unsigned char		 seed_id[16];	/* or, not zeros, those of this seed */
};

/*
 * One message for one owner; zero it with sealer_message_init.  The owner of
 * the struct keeps it until the append was sent; its slices and those of the
 * append borrow from it and from out.
 */
struct sealer_message {
	struct sealer_owner	 owner;
	struct seal_writer	*writer;	/* borrowed while begun */
	unsigned char		 key[SEAL_KEY_BYTES];
	unsigned char		 commitment[SEAL_COMMITMENT_BYTES];
	unsigned char		 wrapped[EPOCH_CARRIED_BYTES];
	unsigned char		 epoch_key[CRY_KEY_BYTES];
	unsigned char		 epoch_data[EPOCH_SEALED_BYTES];
	unsigned char		 thread_key[16];
	bool			 with_epoch;	/* the store has not seen epoch_data */
	size_t			 wrapped_n;
	uint64_t		 epoch;
	uint64_t		 content;
	uint64_t		 plain_bytes;
	struct thread_hashes	 hashes;
	struct buf		 summary;	/* sealed */
	bool			 begun;
};

/* make */
struct sealer	*sealer_new(void);
void		 sealer_free(struct sealer **);
/* For messages that begin from now on; zstd until then. */
void		 sealer_set_method(struct sealer *, enum seal_method);
void		 sealer_message_init(struct sealer_message *);
/* Ready for another; the memory of its summary stays. */
void		 sealer_message_reset(struct sealer *, struct sealer_message *);
/* Wipes; legal at any time, also on a message not ended. */
void		 sealer_message_fini(struct sealer *, struct sealer_message *);

/* epochs */
/* The store restarted: every epoch and content id is void. */
void		 sealer_forget(struct sealer *);
/* The store does not know this epoch (any more): the next message asks anew. */
void		 sealer_drop(struct sealer *, const struct sealer_owner *, uint64_t epoch);
/* Whether sealer_begin would find an epoch. */
bool		 sealer_is_ready(const struct sealer *, const struct sealer_owner *,
		    uint64_t now_ms);
enum err	 sealer_grant(struct sealer *, const struct sealer_owner *,
		    const struct ipc_store_epoch_ok *, uint64_t now_ms) MUST_USE;

/* use */
/*
 * plain_bytes: of the whole message, prefix included.  ERR_AGAIN: no epoch.
 * ERR_TOOBIG: over 4 GiB.
 */
enum err	 sealer_begin(struct sealer *, struct sealer_message *,
		    const struct sealer_owner *, uint64_t plain_bytes,
		    uint64_t now_ms) MUST_USE;
/* Appends object bytes to out: at most 132 KiB more than were given. */
enum err	 sealer_put(struct sealer_message *, struct slice plain, struct buf *out) MUST_USE;
/*
 * The rest of the object, the summary and the wrap.  m and prefix as for
 * summary_put; charsets may be NULL.  Fills of the append: account, size,
 * content, epoch, generation, epoch_data, commitment, wrapped, message_id,
 * references, summary.  The caller fills handle, msg, rcpt, mailbox, flags,
 * keywords, internal_s and body (or sends out in a descriptor).
 */
enum err	 sealer_end(struct sealer *, struct sealer_message *, const struct mime *m,
		    struct slice prefix, struct charset_set *, struct buf *out,
		    struct ipc_store_append *) MUST_USE;

/* Whose epoch what came with this entry takes.  ERR_CORRUPT: it is no entry. */
enum err	 sealer_came_sealed(struct sealer_owner *, const struct seal_entry *) MUST_USE;
/*
 * A message that came sealed: head is of its object, the entry the owner's, and the
 * owner as sealer_came_sealed made it.  Fills what sealer_end fills, without
 * hashes for threads; the body is the object at rest, and the caller's.
 * ERR_TOOBIG: over 4 GiB, or the trace over SEAL_TRACE_MAX.
 */
enum err	 sealer_arrive(struct sealer *, struct sealer_message *,
		    const struct sealer_owner *, const struct seal_head *,
		    const struct seal_entry *, struct slice trace, uint64_t now_ms,
		    struct ipc_store_append *) MUST_USE;

/*
 * What imapd keeps beside messages (store.msg, columns), sealed as a body is.
 * Fills of the request all but handle, mailbox, kind and block; it borrows from
 * m and out.  ERR_AGAIN: no epoch.
 */
enum err	 sealer_columns(struct sealer *, struct sealer_message *m,
		    const struct sealer_owner *, struct slice plain, uint64_t now_ms,
		    struct buf *out, struct ipc_store_put_columns *) MUST_USE;

/*
 * The store took an append of this owner's epoch (sealer_message.epoch): it knows the epoch now, and later
 * appends need not carry epoch_data.
 */
void		 sealer_stored(struct sealer *, const struct sealer_owner *, uint64_t epoch);

/* The key of an account's thread hashes, from its public key. */
void		 sealer_thread_key(unsigned char key[16],
		    const unsigned char public_key[CRY_KEY_BYTES]);

#endif
