/* SPDX-License-Identifier: ISC */
/*
 * What queue and store must know of accounts and aliases: replayed whole when
 * one is wired (in slices, behind which its buffer drains), told at once when
 * something changes.  All idempotent, so both may overlap.
 */
#ifndef KEY_FACTS_H
#define KEY_FACTS_H

#include "keyd/key_state.h"

struct key_facts *key_facts_new(struct keyd *);
void		 key_facts_free(struct key_facts **);	/* when all peers have left */
void		 key_facts_joined(struct keyd *, struct ipc_peer *);
void		 key_facts_left(struct keyd *, struct ipc_peer *);
void		 key_facts_replay(struct keyd *);	/* to all: the domains changed */

void		 key_facts_account(struct keyd *, const struct key_account *);
void		 key_facts_alias(struct keyd *, struct slice address, struct slice targets);
/* Who is told, by index; NULL: no more. */
struct ipc_peer	*key_facts_listener(const struct keyd *, unsigned idx);
/* What the account may use: its own, or its domain's; 0: no limit. */
uint64_t	 key_facts_quota(const struct keyd *, const struct key_account *);
/* Before it is removed from the ring: a replay may be at it. */
void		 key_facts_account_going(struct keyd *, const struct key_account *);
void		 key_facts_alias_going(struct keyd *, const struct key_alias *);
/* And after. */
void		 key_facts_account_gone(struct keyd *, uint64_t account);

#endif
