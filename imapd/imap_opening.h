/* SPDX-License-Identifier: ISC */
/*
 * Small messages of a walk, opened ahead in the process's threads while others
 * are told: opening and decompressing is most of the work of a FETCH of bodies.
 *
 * An opening is a batch, at most IMAP_OPENING_MAX messages and
 * IMAP_OPENING_BYTES of text (or one message).  It owns all that its thread
 * touches: the sealed bytes and the keys, which are wiped, and the text.  It
 * cannot be cancelled: whose walk ends, leaves it, and it frees itself when its
 * thread is done.  Otherwise done is called in the loop, and frees it.
 *
 * What does not open here is opened anew by who needs it, who then tells why.
 */
#ifndef IMAP_OPENING_H
#define IMAP_OPENING_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_session.h"
#include "lib/base/buf.h"
#include "lib/seal/seal.h"

#define IMAP_OPENING_MAX	16
#define IMAP_OPENING_BYTES	(256u << 10)
#define IMAP_OPENING_TEXT_MAX	(128u << 10)	/* of one message */

struct imap_opening;
typedef void imap_opening_fn(struct imap_opening *, void *arg);

struct imap_opening_item {
	uint64_t	 number;	/* the walk's, of the message */
	unsigned char	 key[SEAL_KEY_BYTES];
	unsigned char	 commitment[SEAL_COMMITMENT_BYTES];
	struct buf	 sealed;	/* the whole object */
	struct buf	 text;
	bool		 is_open;
};

struct imap_opening {
	struct imap_shared	*shared;
	struct seal_reader	*reader;
	imap_opening_fn		*done;
	void			*arg;		/* NULL: left */
	uint64_t		 bytes;		/* of text, as their sizes say */
	unsigned		 count;
	struct imap_opening_item items[IMAP_OPENING_MAX];
};

struct imap_opening *imap_opening_new(struct imap_shared *);
/* bytes: about so much text.  A message for itself always fits. */
bool		 imap_opening_fits(const struct imap_opening *, uint64_t bytes);
/* Takes sealed, which is empty then. */
void		 imap_opening_add(struct imap_opening *, uint64_t number, uint64_t bytes,
		    const unsigned char *key, struct slice commitment, struct buf *sealed);
/* On an error done was not called, and will not be. */
enum err	 imap_opening_start(struct imap_opening *, struct imap_session *,
		    imap_opening_fn *done, void *arg) MUST_USE;
void		 imap_opening_leave(struct imap_opening **);
void		 imap_opening_free(struct imap_opening **);

#endif
