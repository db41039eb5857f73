/* SPDX-License-Identifier: ISC */
/*
 * The text of a message whose length is known only when all of it is there
 * (RFC 4469): a sealed object says it first.  Kept in memory up to
 * IMAP_DRAFT_MEMORY, beyond that in a file of the store's, encrypted under a
 * key that is nowhere else (lib/seal/chunkfile.h).  Written once, then read once.
 */
#ifndef IMAP_DRAFT_H
#define IMAP_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_session.h"
#include "lib/seal/chunkfile.h"

#define IMAP_DRAFT_MEMORY	(256u << 10)
#define IMAP_DRAFT_PIECE	(64u << 10)	/* that is read at once */

struct imap_draft {
	struct imap_session	*s;
	struct buf		 memory;
	int			 fd;		/* -1: none */
	struct chunkfile_writer	*writer;
	struct chunkfile_reader	*reader;
	uint64_t		 bytes;		/* of the text */
	uint64_t		 read_bytes;
	enum err		 error;		/* of the file; sticky */
};

void	 imap_draft_init(struct imap_draft *, struct imap_session *);
void	 imap_draft_fini(struct imap_draft *);
/* Empty again; the file is closed. */
void	 imap_draft_reset(struct imap_draft *);
void	 imap_draft_put(struct imap_draft *, struct slice);
/* It is over what is kept in memory: give a file before more is put. */
bool	 imap_draft_needs_file(const struct imap_draft *);
void	 imap_draft_take_file(struct imap_draft *, int fd);
/* All was put.  ERR_FULL and others of the file. */
enum err imap_draft_end(struct imap_draft *) MUST_USE;
/* Appends the next piece; ERR_END behind the last. */
enum err imap_draft_read(struct imap_draft *, struct buf *out) MUST_USE;

#endif
