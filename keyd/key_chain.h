/* SPDX-License-Identifier: ISC */
/*
 * A user's chain of key records (lib/cmtp/cmtp_key.h) as keys/cmtp holds it:
 * the newest CMTP2_RECORDS_MAX links and, made beforehand, the one that ends
 * the chain, since the owner's secret is not at hand when an account is
 * removed.  The signatures of the server are made when a record is given out
 * and stand as zeros here.  Pure.
 *
 * Where the owner's device alone has the account's secret, the server signs for
 * him by a key of its own making, whose seed stands with the chain.
 *
 * The bytes: u8 2, u8 bits, with 1 the end record, with 2 the seed, records, the
 * oldest first.  Those of format 1 have no seed.
 */
#ifndef KEY_CHAIN_H
#define KEY_CHAIN_H

#include "lib/cmtp/cmtp_key.h"
#include "lib/crypto/cry_ed.h"

#define KEY_CHAIN_RECORDS_MAX	16

struct key_chain {
	bool		 has_end;
	struct cmtp_key	 end;
	bool		 has_seed;
	unsigned char	 seed[CRY_ED_SEED_BYTES];	/* of the newest record's signing pair */
	unsigned	 n;
	struct cmtp_key	 records[KEY_CHAIN_RECORDS_MAX];
};

/* Names are borrowed from the bytes.  Empty: no chain yet.  ERR_CORRUPT. */
enum err	 key_chain_get(struct key_chain *, struct slice bytes) MUST_USE;
/* ERR_SYNTAX: it could not be read back. */
enum err	 key_chain_put(struct buf *, const struct key_chain *) MUST_USE;

/* NULL: there is none. */
const struct cmtp_key *key_chain_newest(const struct key_chain *);
bool		 key_chain_is_live(const struct key_chain *);

/*
 * Serial, hash and the owner's signatures of a record behind another, or with
 * NULL of a chain's first.  previous is the secret of the one before, or NULL.
 */
void		 key_chain_link(struct cmtp_key *, const struct cmtp_key *before,
		    const unsigned char secret[CRY_ED_SECRET_BYTES], const unsigned char *previous);
/*
 * The next record, with the one that would end the chain behind it; behind an
 * end a new chain begins.
 */
void		 key_chain_extend(struct key_chain *, struct cmtp_key *,
		    const unsigned char secret[CRY_ED_SECRET_BYTES], const unsigned char *previous);
/* false: it has ended already, or has no link. */
bool		 key_chain_end(struct key_chain *);

#endif
