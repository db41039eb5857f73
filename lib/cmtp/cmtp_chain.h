/* SPDX-License-Identifier: ISC */
/*
 * A user's key records form a chain: who has seen one link can check the next.
 * cmtp_chain_judge says what a record means to who knows another (or none) of
 * that address; both must have been verified by cmtp_key_verify.  What follows
 * from it (hold, warn, seal) is the caller's matter; nobody seals to a record
 * that is not CMTP_CHAIN_NEW, _SAME, _NEXT or _REUSED.
 */
#ifndef CMTP_CHAIN_H
#define CMTP_CHAIN_H

#include <stdint.h>

#include "lib/cmtp/cmtp_key.h"

#define CMTP_CHAIN_SKEW_S	86400u	/* how far created may lie ahead */

enum cmtp_chain {
	CMTP_CHAIN_NEW,		/* nothing was known: trusted on first use */
	CMTP_CHAIN_SAME,
	CMTP_CHAIN_NEXT,	/* the next link, signed by the one before */
	CMTP_CHAIN_REUSED,	/* a new chain after the end or expiry of the known */
	CMTP_CHAIN_ENDED,	/* the known chain's last link, or that link again */
	CMTP_CHAIN_RESET,	/* the next link, but the owner could not sign it: a break */
	CMTP_CHAIN_GAP,		/* links between are missing: ask for them */
	CMTP_CHAIN_OLD,		/* a link from before the known one */
	CMTP_CHAIN_FORK,	/* another record where the chain has one: a break */
	CMTP_CHAIN_OTHER,	/* of another address */
	CMTP_CHAIN_EXPIRED,
	CMTP_CHAIN_EARLY	/* created ahead of now */
};

/* known may be NULL. */
enum cmtp_chain	 cmtp_chain_judge(const struct cmtp_key *known, const struct cmtp_key *record,
		    uint64_t now_s);
const char	*cmtp_chain_name(enum cmtp_chain);	/* for the log: "reset" */

#endif
