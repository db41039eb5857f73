/* SPDX-License-Identifier: ISC */
/*
 * Tokens at their source: the key that makes them, the sessions that hold
 * them, and their end.
 *
 * The key outlives a crash of keyd, so that sessions do.  Whether it outlives
 * a start of the whole suite matters not: instance numbers begin at a random
 * one then, so old tokens name a process that is no more.
 */
#ifndef KEY_TOKEN_H
#define KEY_TOKEN_H

#include "keyd/key_state.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/crypto/token.h"

#define KEY_SESSIONS_MAX	400000

struct key_session {
	struct map_node	 node;
	struct list	 link;
	struct token	 token;
	enum ipc_role	 role;
	uint64_t	 opened;	/* content keys given out */
	uint64_t	 owner;		/* account whose shared mail it opened last; 0: none */
	bool		 opened_own;
	uint64_t	 allowance;	/* of user_open_rate, in thousandths */
	uint64_t	 allowance_ms;	/* as of this moment */
};

struct key_tokens *key_tokens_new(struct keyd *);
void		 key_tokens_free(struct key_tokens **, struct keyd *);
struct slice	 key_tokens_key(const struct key_tokens *);
size_t		 key_tokens_sessions(const struct key_tokens *);	/* that read mail */

/* What a login asks for.  session_max bounds the account's sessions of mail
 * scope, over all processes; 0: only user_session_limit does. */
struct key_grant {
	enum token_scope	 scope;
	uint32_t		 session_max;
};
/* ERR_LIMIT: the account has too many sessions. */
enum err	 key_token_issue(struct keyd *, struct key_account *, const struct key_grant *,
		    enum ipc_role, uint32_t instance, unsigned char out[TOKEN_BYTES]) MUST_USE;
/* The session and account behind a token that is good from this peer; ERR_AUTH. */
enum err	 key_token_check(struct keyd *, struct slice token, unsigned scopes,
		    enum ipc_role, uint32_t instance, struct key_session **,
		    struct key_account **) MUST_USE;
/* Drop the sessions of an account (0: of all) or an instance (0: of all). */
void		 key_token_drop(struct keyd *, uint64_t account, uint32_t instance);
/*
 * The account's since_s that ends all tokens of now.  It may lie ahead of the
 * clock, and so may the tokens issued since: two ends can come within a second.
 */
uint64_t	 key_token_end_s(const struct keyd *, const struct key_account *);
/* Say that tokens of the account issued before before_s are void. */
void		 key_token_revoke(struct keyd *, uint64_t account, uint64_t before_s);

/* May the session open count more keys now? */
bool		 key_session_allows(struct key_session *, const struct opt_rate *,
		    uint64_t count, uint64_t now_ms);

void		 key_token_on_logout(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

#endif
