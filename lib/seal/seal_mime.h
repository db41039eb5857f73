/* SPDX-License-Identifier: ISC */
/*
 * A sealed message as a mail client gets it that must open it itself (sealing
 * = client): a multipart/encrypted (RFC 1847 s2.2) whose first part says which
 * keys it takes and whose second part is the sealed object, in base64 (RFC
 * 2045 s6.8).  The form is described in godwit-sealed(7).  Its header tells
 * nothing that the index does not: who wrote to whom, and about what, is
 * sealed.
 *
 * Pure: the head is made from what the index holds, the tail is the same for
 * all, and between them any range can be made from the bytes of the object
 * that lie in it.  The same message always has the same bytes.
 */
#ifndef SEAL_MIME_H
#define SEAL_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define SEAL_MIME_HEAD_MAX	2048u	/* without the trace */
#define SEAL_MIME_LINE_BYTES	57u	/* of the object, in a line of 76 characters */
#define SEAL_MIME_LINE_CHARS	78u	/* with its end */

/* What the index holds of a message; borrowed. */
struct seal_mime_facts {
	uint64_t	 account;
	uint64_t	 content;
	uint32_t	 generation;
	struct slice	 commitment;
	struct slice	 content_key;	/* either form of epoch_unwrap_content */
	struct slice	 arrival;	/* the summary: told when it is one (seal_arrival.h) */
	uint64_t	 epoch;
	uint32_t	 epoch_generation;	/* of the pair over its key */
	bool		 epoch_is_sealed;	/* form 1, else form 2 (epoch.h) */
	struct slice	 epoch_key;
	struct slice	 account_key;	/* sealed; empty: the device's own key is it */
	uint32_t	 account_key_to;	/* generation that it is sealed to */
	uint64_t	 internal_s;
};

/* One message: the head once, then one range after the other. */
struct seal_mime {
	struct buf	 head;
	size_t		 header_bytes;	/* with the empty line */
	uint64_t	 object_bytes;
	uint64_t	 at, end;	/* of the range, still to be made */
	uint64_t	 line;		/* that the next byte put is of */
	unsigned	 held;
	unsigned char	 bytes[SEAL_MIME_LINE_BYTES];
};

void		 seal_mime_init(struct seal_mime *);
void		 seal_mime_fini(struct seal_mime *);
/* ERR_LIMIT: a fact is longer than any of its kind. */
enum err	 seal_mime_begin(struct seal_mime *, const struct seal_mime_facts *,
		    uint64_t object_bytes) MUST_USE;
uint64_t	 seal_mime_bytes(const struct seal_mime *);
/* The most that messages of so many plain bytes can take, all together. */
uint64_t	 seal_mime_most(uint64_t plain_bytes, uint64_t count);
/* Stands for the object where only the form counts: text of the same length, in
 * pieces: up to max bytes more from off, which is moved; false: that was all. */
bool		 seal_mime_blank(const struct seal_mime *, uint64_t *off, size_t max,
		    struct buf *out);

/* Bytes [a, b) next, which need these bytes of the object. */
void		 seal_mime_range(struct seal_mime *, uint64_t a, uint64_t b,
		    uint64_t *off, uint64_t *n);
/* ERR_END: the range is complete; ERR_AGAIN: give it object bytes. */
enum err	 seal_mime_read(struct seal_mime *, struct buf *out) MUST_USE;
/* The next object bytes: all of them are taken. */
void		 seal_mime_put(struct seal_mime *, struct slice, struct buf *out);

#endif
