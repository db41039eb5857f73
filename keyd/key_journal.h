/* SPDX-License-Identifier: ISC */
/*
 * An encrypted file of records: a header, then each record sealed under a key
 * of the file, with its number as associated data.  Replayed whole at start;
 * afterwards only appended to, durable when append returns; rewritten whole
 * now and then (new file, new key, fsync, rename, fsync of the directory).
 *
 * kill -9 at any instant leaves a file that opens: at most the record being
 * appended is torn, and that one was not acknowledged.  A damaged record with
 * a good one behind it is no torn write: then open says ERR_CORRUPT and
 * changes nothing, since cutting there would drop accounts.
 *
 * A plain file and not LMDB: everything is in memory anyway, is small, is
 * read once, and has to be encrypted as a whole, names included.
 */
#ifndef KEY_JOURNAL_H
#define KEY_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define KEY_JOURNAL_RECORD_MAX	(64u << 10)
#define KEY_JOURNAL_FILE_MAX	(2ull << 30)

struct key_journal;

/* An error ends the opening with it. */
typedef enum err key_journal_fn(void *arg, struct slice record);

/*
 * Open or make the file in the directory (both fds stay the caller's and must
 * stay open).  ERR_DENIED: the root key is not the one of this file;
 * ERR_CORRUPT, ERR_VERSION, ERR_IO.
 */
enum err	 key_journal_open(struct key_journal **, int dir_fd, const char *name,
		    const unsigned char key[32], key_journal_fn *, void *arg) MUST_USE;
void		 key_journal_free(struct key_journal **);
bool		 key_journal_is_new(const struct key_journal *);
uint64_t	 key_journal_torn_bytes(const struct key_journal *);	/* cut at opening */

/* ERR_FULL, ERR_IO: nothing changed.  A failed flush ends the process. */
enum err	 key_journal_append(struct key_journal *, struct slice record) MUST_USE;

/* Has it grown so much that rewriting it pays? */
bool		 key_journal_is_long(const struct key_journal *);
/* begin, put for each live record, end; on an error the old file stays. */
enum err	 key_journal_rewrite_begin(struct key_journal *) MUST_USE;
enum err	 key_journal_rewrite_put(struct key_journal *, struct slice record) MUST_USE;
enum err	 key_journal_rewrite_end(struct key_journal *) MUST_USE;

#endif
