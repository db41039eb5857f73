/* SPDX-License-Identifier: ISC */
/*
 * A part of a message without its content-transfer-encoding (RFC 3516), cut
 * to the bytes that are wanted.  The part comes in pieces; memory is one
 * decoded piece.  Pure.  A literal's length stands before it: who sends one
 * makes two passes over the part, the first without out.
 */
#ifndef IMAP_BINARY_H
#define IMAP_BINARY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/mime_code.h"

struct imap_binary {
	struct mime_decoder	 decoder;
	struct buf		 decoded;	/* of the last piece */
	uint64_t		 skip, left;	/* decoded bytes not wanted, and wanted */
	uint64_t		 bytes;		/* that were wanted and came */
	uint64_t		 lines;		/* that ended among them */
	bool			 in_line;	/* and then one began */
	bool			 has_nul;	/* among them */
};

#define IMAP_BINARY_PIECE_MAX	(256u << 10)	/* of what is put at once */

void	 imap_binary_init(struct imap_binary *);
void	 imap_binary_fini(struct imap_binary *);
/* A pass begins: of the decoded bytes [from, from + count) are wanted. */
void	 imap_binary_begin(struct imap_binary *, enum mime_code, uint64_t from, uint64_t count);
/* The part as it stands in the message; what is wanted goes to out, or NULL. */
void	 imap_binary_put(struct imap_binary *, struct slice, struct buf *out);
void	 imap_binary_end(struct imap_binary *, struct buf *out);

#endif
