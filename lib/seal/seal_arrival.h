/* SPDX-License-Identifier: ISC */
/*
 * Mail that came sealed (CMTP 2), on its way into a mailbox.  The object goes
 * in as its sender made it, without its entries; of those, one is the
 * account's, and its sealed key becomes the epoch of the direct form (epoch.h), or
 * its sealed seed an epoch of the carried form, which others of the sender share.
 *
 * What the message met on its way here, the trace, cannot be put before text
 * that nobody here can read.  It is sealed beside it: the arrival, which stands
 * where the summary will be, is an object of the trace alone as it would
 * travel, with one entry for the account.  The owner's first session opens it
 * and puts the trace into the summary that it makes:
 *
 *	u32 little-endian length, trace, summary (lib/mail), sealed as version
 *	SEAL_TRACED
 *
 * Pure.  All of it but the arrival we make ourselves may be hostile: ERR_CORRUPT.
 */
#ifndef SEAL_ARRIVAL_H
#define SEAL_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_split.h"

#define SEAL_TRACE_MAX		3500u	/* header fields, whole lines */
#define SEAL_ARRIVAL_MAX	4096u
#define SEAL_TRACED		2	/* version of a summary (1: without a trace) */
#define SEAL_ENTRY_BOX		1	/* algorithm: crypto_box_seal of the content key */
#define SEAL_ENTRY_SEED		2	/* of a seed; behind it the content key, carried */
#define SEAL_ENTRY_SEED_BYTES	(EPOCH_SEALED_BYTES + EPOCH_CARRY_BYTES)

/* The entry of a key, of either algorithm; ERR_NOTFOUND. */
enum err	 seal_entry_of(const struct seal_split *, uint8_t generation,
		    const unsigned char key_id[SEAL_KEY_ID_BYTES], struct seal_entry *) MUST_USE;
/* Of an entry whose form is good: what was sealed, and the rest (or nothing). */
enum err	 seal_entry_parts(const struct seal_entry *, struct slice *sealed,
		    struct slice *carry) MUST_USE;
/* wrapped: SEAL_ENTRY_SEED_BYTES for the content key. */
void		 seal_entry_carry(unsigned char wrapped[SEAL_ENTRY_SEED_BYTES],
		    const struct epoch_seed *, const unsigned char key[SEAL_KEY_BYTES]);

/* seed NULL: it gets an entry of algorithm 1.  ERR_TOOBIG: over SEAL_TRACE_MAX. */
enum err	 seal_arrival_put(struct buf *out, struct seal_writer *, const struct epoch_seed *,
		    const unsigned char public_key[CRY_KEY_BYTES], uint32_t generation,
		    struct slice trace) MUST_USE;
/* Does an arrival stand where a summary may? */
bool		 seal_arrival_is(struct slice summary);

/*
 * What keyd needs to open it (REC epoch and REC wrap): what the entry has sealed,
 * and the direct or the carried form; all but that borrowed from the arrival.
 */
struct seal_arrival {
	uint32_t	 generation;	/* its lowest byte, as entries have it */
	struct slice	 sealed_key;
	struct slice	 commitment;
	unsigned char	 form[EPOCH_CARRIED_BYTES];
	size_t		 form_n;
};
struct slice	 seal_arrival_wrap(const struct seal_arrival *);
enum err	 seal_arrival_parse(struct seal_arrival *, struct slice) MUST_USE;
/* With the key that keyd gave.  The reader's object is another one then. */
enum err	 seal_arrival_open(struct buf *trace, struct seal_reader *,
		    const unsigned char key[SEAL_KEY_BYTES], struct slice) MUST_USE;

/* The text of a summary of version SEAL_TRACED; the rest is put behind it. */
void		 seal_traced_put(struct buf *, struct slice trace);
enum err	 seal_traced_get(struct slice plain, struct slice *trace,
		    struct slice *summary) MUST_USE;

#endif
