/* SPDX-License-Identifier: ISC */
/*
 * Argon2id (and SCRAM's PBKDF2) in threads of its own, so that a crowd at the door delays no
 * signature: a bounded queue in order of arrival.  done runs in the loop,
 * exactly once per job; result is ERR_BUSY for one that waited past its
 * deadline or found no memory.
 *
 * What a person typed is prepared by SASLprep, as SCRAM's clients do (RFC 5802
 * s5.1), so that one password has one form whatever keyboard it came from.
 * Verifiers of before were made of the bytes as they came: when what is checked
 * does not fit, those are tried too, and what else is made is made of them.
 */
#ifndef KEY_HASH_H
#define KEY_HASH_H

#include <stdbool.h>
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
	bool		 is_password;			/* of a person, not bytes of ours */
	bool		 is_checked;			/* against this verifier */
	unsigned char	 verifier[32];
	unsigned char	 out[32];			/* the owner wipes it */
	struct key_scram scram;		/* rounds and salt set: made too */
	unsigned char	 client_key[32];		/* with scram; the owner wipes it */
	enum err	 result;
};

/* What is kept of out. */
void		 key_hash_verifier(unsigned char verifier[32], const unsigned char out[32]);

struct key_hash;
/* Threads start here: before seccomp. */
struct key_hash	*key_hash_new(struct loop *, unsigned threads);
void		 key_hash_free(struct key_hash **);	/* drops what waits, without done */
void		 key_hash_submit(struct key_hash *, struct key_hash_job *);
unsigned	 key_hash_waiting(const struct key_hash *);

#endif
