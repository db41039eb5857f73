/* SPDX-License-Identifier: ISC */
/*
 * Reads byte ranges of one sealed message: store_read pieces, a few ahead,
 * opened by lib/seal's reader.  Only the chunks that hold the range are
 * fetched and opened; never more than IMAP_OBJECT_AHEAD pieces are in memory.
 * Level-triggered like imap_walk.  The reader is lent by the caller.
 */
#ifndef IMAP_OBJECT_H
#define IMAP_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_mime.h"

#define IMAP_OBJECT_AHEAD	4

struct imap_object_piece {
	struct buf	 mem;
	struct slice	 data;		/* of mem, or of first */
	uint32_t	 wanted;
	unsigned	 stale;		/* answers to come that nobody wants */
	bool		 ready, failed;
};

struct imap_object {
	struct imap_cmd		*c;
	struct seal_reader	*reader;
	uint32_t		 handle;	/* the store's */
	struct slice		 grant;		/* for store_read; mostly empty */
	uint64_t		 content;
	uint64_t		 bytes;		/* of the object */
	struct slice		 first;		/* from offset 0, borrowed */
	bool			 is_open;
	bool			 needs_table;
	uint64_t		 table_off;
	size_t			 table_bytes;
	struct buf		 table;
	struct seal_mime	 sealed;
	bool			 is_sealed;	/* served as it is, in the form of sealed */
	/* Stands before the object's text, or in its place; borrowed. */
	struct slice		 prefix;
	bool			 is_text;	/* the prefix and plain are all there is */
	struct slice		 plain;		/* is_text: what the object opened to; borrowed */
	size_t			 plain_at, plain_end;	/* of the range */
	size_t			 prefix_at, prefix_end;	/* of the range */
	uint64_t		 next, end;	/* of the range, still to ask for */
	struct imap_object_piece pieces[IMAP_OBJECT_AHEAD];
	unsigned		 head, tail;	/* pieces[head % AHEAD] is next */
};

/* One that is kept for all, or a new one. */
struct seal_reader *imap_object_take_reader(struct imap_shared *);
void		 imap_object_give_reader(struct imap_shared *, struct seal_reader **);

/* reader and handle are to be set before imap_object_open. */
void		 imap_object_init(struct imap_object *, struct imap_cmd *);
void		 imap_object_fini(struct imap_object *);
/*
 * Begin with an object; first is its beginning, at least SEAL_HEAD_BYTES.
 * ERR_AGAIN: the frame table is on its way: call imap_object_ready later.
 */
enum err	 imap_object_open(struct imap_object *, const struct ipc_content *,
		    const unsigned char *key, struct slice first) MUST_USE;
enum err	 imap_object_ready(struct imap_object *) MUST_USE;	/* OK or AGAIN */
/*
 * The same for one that is not opened here: what the others call plain bytes
 * are those of its form (seal_mime.h).  Needs no reader and asks for nothing.
 */
enum err	 imap_object_open_sealed(struct imap_object *, const struct ipc_content *,
		    const struct seal_mime_facts *) MUST_USE;
/*
 * After open: text that belongs before the object's, all of it plain bytes.
 * imap_object_open_text: there is no object, or none that opens.
 */
void		 imap_object_put_before(struct imap_object *, struct slice);
void		 imap_object_open_text(struct imap_object *, struct slice);
/* The same with an object that is open already; needs no reader and asks for nothing. */
void		 imap_object_open_plain(struct imap_object *, struct slice);
uint64_t	 imap_object_plain_bytes(const struct imap_object *);
/* The plain bytes [a, b) are wanted next. */
enum err	 imap_object_range(struct imap_object *, uint64_t a, uint64_t b) MUST_USE;
/*
 * Appends some of the range to out (at most a frame).  ERR_AGAIN: wait;
 * ERR_END: it is complete.
 */
enum err	 imap_object_read(struct imap_object *, struct buf *out) MUST_USE;

#endif
