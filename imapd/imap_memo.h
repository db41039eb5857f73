/* SPDX-License-Identifier: ISC */
/*
 * What the summaries of messages said, kept for a client that asks for the
 * same again: ENVELOPE and BODYSTRUCTURE as they go on the wire, by content,
 * which never changes.  Opening them anew takes the store, keyd and a key for
 * each.
 *
 * It belongs to one session, which could open these messages, and to its
 * selected mailbox; it ends with that, and when the session idles: who waits
 * holds no text of mail.  IMAP_MEMO_BYTES_MAX each, IMAP_MEMO_SHARED_MAX for
 * all sessions of a process; what comes behind is not kept.  All is wiped.
 */
#ifndef IMAP_MEMO_H
#define IMAP_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

#define IMAP_MEMO_BYTES_MAX	(8u << 20)
#define IMAP_MEMO_SHARED_MAX	(32u << 20)

struct imap_memo;

struct imap_memo_text {		/* as in struct summary */
	struct slice	 envelope, structure, cuts;
};

/* shared: the bytes of all, counted here. */
struct imap_memo *imap_memo_new(size_t *shared);
void		 imap_memo_free(struct imap_memo **);
/* A copy is kept, if there is room and none yet. */
void		 imap_memo_add(struct imap_memo *, uint64_t content, const struct imap_memo_text *);
/* The message of that content has these numbers at the moment. */
void		 imap_memo_add_place(struct imap_memo *, uint32_t seq, uint32_t uid);
/* Is it worth a look for the message of this number?  New mail is not. */
bool		 imap_memo_may_have(const struct imap_memo *, bool is_uid, uint32_t number);
/* NULL: not kept.  Good until the memo is freed. */
const struct imap_memo_text *imap_memo_find(const struct imap_memo *, uint64_t content);

#endif
