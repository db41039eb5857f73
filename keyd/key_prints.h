/* SPDX-License-Identifier: ISC */
/*
 * Fingerprints of client certificates, each of one account: what the ring has
 * of them in memory.  A fingerprint is the SHA-256 of a certificate or of its
 * public key; an account has at most KEY_PRINTS_MAX.
 */
#ifndef KEY_PRINTS_H
#define KEY_PRINTS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

#define KEY_PRINT_BYTES		32
#define KEY_PRINTS_MAX		16
#define KEY_PRINT_NAME_MAX	64

struct key_print {
	struct map_node	 by_bytes;
	struct map_node	 by_account;
	struct list	 link;			/* in the order of coming */
	unsigned char	 bytes[KEY_PRINT_BYTES];
	uint64_t	 account;
	uint64_t	 created_s;
	size_t		 name_n;
	char		 name[KEY_PRINT_NAME_MAX];
};

struct key_prints {
	struct map	 by_bytes;
	struct map	 by_account;
	struct list	 all;
};

void		 key_prints_init(struct key_prints *);
void		 key_prints_fini(struct key_prints *);

/* NULL; borrowed until the next change. */
const struct key_print *key_prints_find(const struct key_prints *,
		    const unsigned char bytes[KEY_PRINT_BYTES]);
/* After NULL the first, NULL at the end. */
const struct key_print *key_prints_next(const struct key_prints *, const struct key_print *);
/* Those of an account, the oldest first; how many. */
unsigned	 key_prints_of(const struct key_prints *, uint64_t account,
		    const struct key_print *out[KEY_PRINTS_MAX]);

/* ERR_EXISTS: it is somebody's; ERR_LIMIT: the account has too many. */
enum err	 key_prints_may_add(const struct key_prints *, const struct key_print *) MUST_USE;
/* A copy of what may be added. */
void		 key_prints_add(struct key_prints *, const struct key_print *);
/* It must be there. */
void		 key_prints_drop(struct key_prints *, const unsigned char bytes[KEY_PRINT_BYTES]);
/* All of an account. */
void		 key_prints_drop_account(struct key_prints *, uint64_t account);

#endif
