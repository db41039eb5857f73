/* SPDX-License-Identifier: ISC */
/*
 * Argon2id (and SCRAM's PBKDF2) in threads of its own, so that a crowd at the door delays no
 * signature: a bounded queue in order of arrival.  done runs in the loop,
 * exactly once per job; result is ERR_BUSY for one that waited past its
 * deadline or found no memory.
 */
#ifndef KEY_HASH_H
#define KEY_HASH_H

#include <stdint.h>

#include "keyd/key_ring.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/io/loop.h"

#define KEY_PASSWORD_MAX	1024

struct key_hash_job {
	struct list	 link;
	void		(*done)(struct key_hash_job *);
	uint64_t	 deadline_ms;
	uint32_t	 passes;
	uint32_t	 memory_kib;
	unsigned char	 salt[16];
	size_t		 password_n;
	char		 password[KEY_PASSWORD_MAX];	/* wiped before done */
	unsigned char	 out[32];			/* the owner wipes it */
	struct key_scram scram;		/* rounds and salt set: made too */
	unsigned char	 client_key[32];		/* with scram; the owner wipes it */
	enum err	 result;
};

struct key_hash;
/* Threads start here: before seccomp. */
struct key_hash	*key_hash_new(struct loop *, unsigned threads);
void		 key_hash_free(struct key_hash **);	/* drops what waits, without done */
void		 key_hash_submit(struct key_hash *, struct key_hash_job *);
unsigned	 key_hash_waiting(const struct key_hash *);

#endif
