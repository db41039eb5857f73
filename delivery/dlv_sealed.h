/* SPDX-License-Identifier: ISC */
/*
 * A message that came sealed by CMTP 2 (queue_proto.h, QUEUE_KIND_CMTP2): header
 * lines of the trace, an empty line, and the object as it travelled.  It goes
 * into a mailbox as it is, without its entries; what is put before it is sealed
 * beside it (lib/seal/seal_arrival.h).  Pure.
 *
 * The sender's server made the object: it may be anything.  What does not fit
 * together, or has no entry for a mailbox, fails for good; what is wrong inside
 * is seen by the owner.
 */
#ifndef DLV_SEALED_H
#define DLV_SEALED_H

#include <stdint.h>

#include "delivery/dlv_rcpt.h"
#include "lib/seal/seal_split.h"
#include "lib/seal/sealer.h"

struct dlv_sealed {
	struct seal_split	 split;
	struct buf		 trace;		/* as it came */
	struct buf		 own;		/* with the recipient's lines */
	uint64_t		 data_off;	/* of the first chunk, in the message */
	enum err		 error;		/* of the message, for all recipients */
};

void		 dlv_sealed_init(struct dlv_sealed *);
void		 dlv_sealed_fini(struct dlv_sealed *);

/* first: the beginning of a message of so many bytes, DLV_SLICE_BYTES or all. */
void		 dlv_sealed_read(struct dlv_sealed *, struct slice first, uint64_t bytes);
/*
 * Fills the append as sealer_arrive does, and out with the first bytes of the
 * object at rest.  prefix: the recipient's own lines.  ERR_AGAIN: no epoch;
 * ERR_SYNTAX: it is no sealed message; ERR_NOTFOUND: not sealed to this mailbox.
 */
enum err	 dlv_sealed_begin(struct dlv_sealed *, struct sealer *, struct sealer_message *,
		    struct sealer_owner *, struct slice prefix, uint64_t now_ms,
		    struct buf *out, struct ipc_store_append *) MUST_USE;

#endif
