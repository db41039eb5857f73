/* SPDX-License-Identifier: ISC */
/*
 * Whose turn it is among the owners of dropped mail: in a round each owner is
 * served MASTER_DROP_OWNER_FILES files and MASTER_DROP_OWNER_BYTES bytes at
 * most (a single file may be larger), so that who leaves many delays nobody.
 * Owners beyond MASTER_DROP_OWNERS share the turn of one.  What is left calls
 * for another round at once, but for him whose mail had to wait.  Pure.
 */
#ifndef MASTER_DROP_SHARE_H
#define MASTER_DROP_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MASTER_DROP_OWNERS	256u
#define MASTER_DROP_OWNER_FILES	100u
#define MASTER_DROP_OWNER_BYTES	(64ull << 20)

struct master_drop_owner {
	uid_t		 uid;
	uint32_t	 files;
	uint64_t	 bytes;
	bool		 has_deferred;
	bool		 is_over;
};

struct master_drop_share {
	struct master_drop_owner owners[MASTER_DROP_OWNERS];
	struct master_drop_owner others;
	size_t		 count;
	bool		 has_left;	/* more than a turn, and it goes well */
};

void	 master_drop_share_begin(struct master_drop_share *);	/* a round */
/* May this file be handed over now?  Then it counts. */
bool	 master_drop_share_take(struct master_drop_share *, uid_t, uint64_t bytes);
/* It has to wait; is_over: and so has all of his until the next round. */
void	 master_drop_share_defer(struct master_drop_share *, uid_t, bool is_over);

#endif
