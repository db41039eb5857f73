/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_chain.h"

#include <string.h>

#include "lib/base/must.h"

static bool
is_over(const struct cmtp_key *k, uint64_t now_s)
{
	return k->kind == CMTP_KEY_END || k->expires_s <= now_s;
}

static bool
same_hash(const unsigned char a[CMTP_KEY_HASH_BYTES], const struct cmtp_key *k)
{
	unsigned char b[CMTP_KEY_HASH_BYTES];

	cmtp_key_hash(b, k);
	return memcmp(a, b, sizeof(b)) == 0;
}

static bool
is_same(const struct cmtp_key *a, const struct cmtp_key *b)
{
	unsigned char hash[CMTP_KEY_HASH_BYTES];

	cmtp_key_hash(hash, a);
	return same_hash(hash, b);
}

/* The link right behind the known one. */
static enum cmtp_chain
judge_next(const struct cmtp_key *known, const struct cmtp_key *r)
{
	if (!same_hash(r->before, known) || known->kind == CMTP_KEY_END ||
	    r->generation < known->generation)
		return CMTP_CHAIN_FORK;
	if (cmtp_key_verify_previous(r, known->sign) != ERR_OK)
		return CMTP_CHAIN_RESET;
	return r->kind == CMTP_KEY_END ? CMTP_CHAIN_ENDED : CMTP_CHAIN_NEXT;
}

static enum cmtp_chain
judge_known(const struct cmtp_key *known, const struct cmtp_key *r, uint64_t now_s)
{
	if (!slice_eq(known->domain, r->domain) || !slice_eq(known->user, r->user))
		return CMTP_CHAIN_OTHER;
	if (is_same(known, r))
		return r->kind == CMTP_KEY_END ? CMTP_CHAIN_ENDED : CMTP_CHAIN_SAME;
	if (r->serial == 1 && is_over(known, now_s) && r->created_s >= known->created_s)
		return r->kind == CMTP_KEY_END ? CMTP_CHAIN_ENDED : CMTP_CHAIN_REUSED;
	if (r->serial == known->serial)
		return CMTP_CHAIN_FORK;
	if (r->serial < known->serial)
		return CMTP_CHAIN_OLD;
	return r->serial - known->serial == 1 ? judge_next(known, r) : CMTP_CHAIN_GAP;
}

enum cmtp_chain
cmtp_chain_judge(const struct cmtp_key *known, const struct cmtp_key *r, uint64_t now_s)
{
	enum cmtp_chain c;

	if (known != NULL)
		c = judge_known(known, r, now_s);
	else
		c = r->kind == CMTP_KEY_END ? CMTP_CHAIN_ENDED : CMTP_CHAIN_NEW;
	if (c != CMTP_CHAIN_NEW && c != CMTP_CHAIN_SAME && c != CMTP_CHAIN_NEXT &&
	    c != CMTP_CHAIN_REUSED)
		return c;
	if (r->expires_s <= now_s)
		return CMTP_CHAIN_EXPIRED;
	return r->created_s > now_s && r->created_s - now_s > CMTP_CHAIN_SKEW_S ?
	    CMTP_CHAIN_EARLY : c;
}

const char *
cmtp_chain_name(enum cmtp_chain c)
{
	static const char *const names[] = {
		[CMTP_CHAIN_NEW] = "new", [CMTP_CHAIN_SAME] = "same", [CMTP_CHAIN_NEXT] = "next",
		[CMTP_CHAIN_REUSED] = "reused", [CMTP_CHAIN_ENDED] = "ended",
		[CMTP_CHAIN_RESET] = "reset", [CMTP_CHAIN_GAP] = "gap", [CMTP_CHAIN_OLD] = "old",
		[CMTP_CHAIN_FORK] = "fork", [CMTP_CHAIN_OTHER] = "other",
		[CMTP_CHAIN_EXPIRED] = "expired", [CMTP_CHAIN_EARLY] = "early",
	};

	must((unsigned)c < lengthof(names));
	return names[c];
}
