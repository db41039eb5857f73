/* SPDX-License-Identifier: ISC */
/*
 * One part of a BODYSTRUCTURE as it goes on the wire (imap_text.h), found by
 * its part number: what RFC 5259 and RFC 5524 call BODYPARTSTRUCTURE.  The text
 * may be a stored one: a damaged one has no such part.
 */
#ifndef IMAP_STRUCTURE_H
#define IMAP_STRUCTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* false: there is no such part.  No path: the whole. */
bool	 imap_structure_part(struct slice structure, const uint32_t *path, uint32_t path_count,
	    struct slice *part);
/*
 * A part that is told without its transfer encoding: an identity encoding, its
 * bytes, and of a text its lines.
 */
struct imap_decoded { bool has_nul; uint64_t bytes, lines; };
void	 imap_structure_put_decoded(struct buf *, struct slice part, const struct imap_decoded *);

#endif
