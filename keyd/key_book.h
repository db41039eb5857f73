/* SPDX-License-Identifier: ISC */
/*
 * A file of keyd's that holds bytes under names: all in memory, all in an
 * encrypted journal (key_journal.h).  A change is durable when its function
 * returns ERR_OK, and has not happened otherwise.
 *
 * The book has a place for so many names.  When it is full, the one that was
 * used the longest ago gives way, unless it is to be kept until a later time.
 */
#ifndef KEY_BOOK_H
#define KEY_BOOK_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"

#define KEY_BOOK_NAME_MAX	640
#define KEY_BOOK_BYTES_MAX	16000

struct key_book;

struct key_book_entry {
	struct map_node	 by_name;
	struct list	 link;		/* the longest unused first */
	uint64_t	 keep_until_s;
	struct slice	 name;		/* owned */
	struct slice	 bytes;		/* owned */
};

/*
 * make: the file in the directory, whose descriptor stays the caller's.  *why
 * says what an operator can do about an error.
 */
enum err	 key_book_open(struct key_book **, int dir_fd, const char *file,
		    const unsigned char key[32], const char **why) MUST_USE;
void		 key_book_free(struct key_book **);
uint64_t	 key_book_torn_bytes(const struct key_book *);	/* cut at opening */

/* look: borrowed until the next change; NULL */
const struct key_book_entry *key_book_find(const struct key_book *, struct slice name);
/* It was used now; forgotten at a restart. */
void		 key_book_touch(struct key_book *, struct slice name);
size_t		 key_book_count(const struct key_book *);
/* After NULL the first; NULL at the end. */
const struct key_book_entry *key_book_next(const struct key_book *,
		    const struct key_book_entry *);

/*
 * change: empty bytes remove the name, known or not.  ERR_LIMIT: too long;
 * ERR_FULL: max names are there and all are kept beyond now, or no disk.
 */
struct key_book_put {
	struct slice	 name;
	struct slice	 bytes;
	uint64_t	 keep_until_s;
	uint64_t	 now_s;
	size_t		 max;
};
enum err	 key_book_put(struct key_book *, const struct key_book_put *) MUST_USE;

#endif
