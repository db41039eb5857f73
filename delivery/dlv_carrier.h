/* SPDX-License-Identifier: ISC */
/*
 * A message that came by CMTP 1 (queue_proto.h, QUEUE_KIND_CMTP1): header lines of
 * the trace, an empty line, and the command MAIL behind its name.  What is in its
 * boxes nobody here can read, so it goes into the mailbox within Internet mail, the
 * carrier: the trace, a few fields, a text that says what this is, and an attachment
 * that is the command as it came, in base64:
 *
 *	Content-Type: application/vnd.godwit.cmtp1
 *
 * It waits where its owner's session finds it (STORE_ARRIVALS), makes the letter of
 * it and throws the carrier away.  What does not open is left as the carrier: so the
 * text is for people.
 *
 * Pure but for the source.  The same message has the same carrier always.
 */
#ifndef DLV_CARRIER_H
#define DLV_CARRIER_H

#include <stdint.h>

#include "delivery/dlv_source.h"
#include "lib/base/buf.h"

#define DLV_CARRIER_TRACE_MAX	8192u	/* what may stand before the empty line */

struct dlv_carrier {
	struct buf	 head;		/* up to the first line of base64 */
	uint64_t	 raw_off;	/* of the command, in the source */
	uint64_t	 raw_bytes;
};

struct dlv_carrier_facts {
	uint64_t	 msg;
	uint64_t	 arrival_s;
	struct slice	 sender;	/* as the envelope has it */
};

void		 dlv_carrier_init(struct dlv_carrier *);
void		 dlv_carrier_fini(struct dlv_carrier *);
/* ERR_CORRUPT: no empty line where it must be. */
enum err	 dlv_carrier_begin(struct dlv_carrier *, struct dlv_source *,
		    const struct dlv_carrier_facts *) MUST_USE;
uint64_t	 dlv_carrier_bytes(const struct dlv_carrier *);
/* Exactly n bytes of it from off. */
enum err	 dlv_carrier_read(const struct dlv_carrier *, struct dlv_source *, uint64_t off,
		    void *dst, size_t n) MUST_USE;

#endif
