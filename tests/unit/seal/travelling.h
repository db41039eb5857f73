/* SPDX-License-Identifier: ISC */
/* A sealed object as CMTP 2 brings it, and the message that deliver gets. */
#ifndef TRAVELLING_H
#define TRAVELLING_H

#include "lib/seal/seal.h"

/* For this many keys, the last of which is public_key. */
void	 travelling_put(struct buf *, const unsigned char public_key[32], uint32_t generation,
	    unsigned entries, struct slice text);

#define TRAVELLING_TRACE "Received: from a.example by b.example with CMTP\r\n" \
	"Authentication-Results: b.example; cmtp=pass (CMTP 2) header.d=a.example\r\n"
/* Trace, empty line, object. */
void	 travelling_message(struct buf *, const unsigned char public_key[32], uint32_t generation,
	    struct slice text);

#endif
