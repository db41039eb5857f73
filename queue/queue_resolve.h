/* SPDX-License-Identifier: ISC */
/*
 * Recipient to final recipients: the domain sections, and what keyd says of
 * accounts and aliases (facts), all in memory.  Pure: no I/O, no clock.
 *
 * Local parts are compared in canonical form (lower case).  An alias counts
 * before an account of the same name; one that names itself means the account.
 * The extension behind the recipient delimiter is tried with, then without.
 * A domain's table of aliases comes behind keyd's; its @domain entry only for
 * what is neither an account nor special.  A relay domain with a table of
 * recipients has those, and postmaster.  A table that cannot tell makes the
 * recipient a temporary failure.
 * postmaster, abuse and root of every domain of ours, and of the hostname, go
 * to the postmaster option unless something of that name exists (RFC 5321
 * s4.5.1, RFC 2142 s4).  Nesting is limited to QUEUE_ALIAS_DEPTH, recipients
 * to QUEUE_EXPANSION_MAX; every final address comes once.
 */
#ifndef QUEUE_RESOLVE_H
#define QUEUE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/mail/addr.h"
#include "queue/queue_lookup.h"

#define QUEUE_ALIAS_DEPTH	50
#define QUEUE_EXPANSION_MAX	5000
#define QUEUE_TEXT_MAX		255

struct queue_account {
	struct map_node	 by_id;
	struct map_node	 by_address;
	uint64_t	 id;
	uint32_t	 generation;	/* of the facts it came with */
	uint32_t	 key_generation;
	uint8_t		 sealing;
	bool		 enabled;
	unsigned char	 public_key[32];
	size_t		 address_n;
	char		 address[ADDR_TEXT_MAX + 1];
};

struct queue_resolver {
	struct map	 accounts;	/* by id */
	struct map	 addresses;	/* accounts by address */
	struct map	 aliases;
	struct map	 domains;
	struct queue_account *first;	/* lowest id; NULL: not known */
	queue_lookup_fn	*lookup;
	char		*delimiters;
	char		*postmaster;	/* empty: the first account */
	char		*hostname;
	uint32_t	 generation;	/* counts replays of every keyd there was */
	uint32_t	 replay;	/* keyd's own number of the last one */
	bool		 is_ready;	/* one replay of the facts was complete */
};

/* A domain section; names that are no domains are left out. */
struct queue_domain_conf {
	const char	*name;
	unsigned	 class;		/* enum conf_class */
	const char	*target;	/* of an alias domain */
	uint64_t	 size_limit;	/* of a message; 0: none */
	struct queue_map *aliases;	/* NULL: no table */
	struct queue_map *recipients;
};

/* What came of it.  Why not: for queue_refused and the log. */
struct queue_refusal {
	uint64_t	 size_limit;	/* the smallest of the domains on the way; 0: none */
	enum err	 error;
	const char	*dsn;
	char		 text[QUEUE_TEXT_MAX + 1];
};

void		 queue_resolve_init(struct queue_resolver *);
void		 queue_resolve_fini(struct queue_resolver *);

/* configuration */
void		 queue_resolve_set(struct queue_resolver *, const char *hostname,
		    const char *postmaster, const char *delimiters);
void		 queue_resolve_clear_domains(struct queue_resolver *);
void		 queue_resolve_add_domain(struct queue_resolver *,
		    const struct queue_domain_conf *);
/* How to look into the tables of the domains. */
void		 queue_resolve_set_lookup(struct queue_resolver *, queue_lookup_fn *);

/* facts; ERR_VIOLATION for what keyd cannot mean */
void		 queue_resolve_begin(struct queue_resolver *, uint32_t generation);
enum err	 queue_resolve_account(struct queue_resolver *,
		    const struct ipc_fact_account *) MUST_USE;
void		 queue_resolve_gone(struct queue_resolver *, uint64_t account);
enum err	 queue_resolve_alias(struct queue_resolver *,
		    const struct ipc_fact_alias *) MUST_USE;
void		 queue_resolve_end(struct queue_resolver *, uint32_t generation);

/* use */
/*
 * class: enum queue_class; forwarded: an alias of ours names another's
 * address.  An error ends the walk and is its result.
 */
typedef enum err queue_resolve_fn(void *arg, struct slice address, uint8_t class,
    const struct queue_account *, bool forwarded);
/*
 * Call fn for every final recipient; when it returns an error some may have
 * been reported.  may_relay: the sender may reach other domains.
 */
enum err	 queue_resolve_rcpt(struct queue_resolver *, struct slice rcpt,
		    bool may_relay, queue_resolve_fn *, void *arg,
		    struct queue_refusal *) MUST_USE;
/*
 * Of mail that is sealed to a mailbox's key, so that nobody else can take it:
 * the account of the address, of its domain's target when that is an alias, or
 * for "postmaster" alone the account that gets the mail of this name.
 */
enum err	 queue_resolve_sealed(struct queue_resolver *, struct slice rcpt,
		    queue_resolve_fn *, void *arg, struct queue_refusal *) MUST_USE;
/* The account of a final address, as it is now; NULL: none (any more). */
const struct queue_account *queue_resolve_find(const struct queue_resolver *,
		    struct slice address);
const struct queue_account *queue_resolve_find_id(const struct queue_resolver *, uint64_t);
/* A section domain names it (A- and U-labels alike), or the hostname. */
bool		 queue_resolve_is_ours(struct queue_resolver *, struct slice domain);
/*
 * The login may send as this address (empty: null sender).  ERR_DENIED, or
 * ERR_AGAIN: a table cannot tell now.
 */
enum err	 queue_resolve_owns(struct queue_resolver *, uint64_t account,
		    struct slice sender) MUST_USE;

void		 queue_resolve_refuse(struct queue_refusal *, enum err, const char *dsn,
		    struct slice address, const char *text);

#endif
