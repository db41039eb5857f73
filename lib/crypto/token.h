/* SPDX-License-Identifier: ISC */
/*
 * The session token (layout: lib/ipc/key_proto.h): keyd makes it at login;
 * keyd, store and queue check it.  It is good only from the process instance
 * that it names, until it expires, and not once its account was revoked.
 *
 * A token_gate is what a checker keeps: the key and the revocations that
 * keyd sent (messages token_key and token_revoke).  Before the key came,
 * every check says ERR_AGAIN.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/ipc/key_proto.h"

struct token {
	enum token_scope	 scope;
	uint32_t		 instance;
	uint64_t		 account;
	uint64_t		 issued_s;	/* unix seconds */
	uint64_t		 expires_s;
	uint64_t		 random;
};

void		 token_make(unsigned char out[TOKEN_BYTES], const struct token *,
		    const unsigned char key[32]);
/* ERR_AUTH for any token that is not good; scopes is a mask of token_scope. */
enum err	 token_verify(struct token *, struct slice bytes,
		    const unsigned char key[32], uint32_t instance, unsigned scopes,
		    uint64_t now_s) MUST_USE;

struct token_gate {
	unsigned char	 key[32];
	bool		 has_key;
	struct map	 revoked;	/* account -> before_s */
};
void		 token_gate_init(struct token_gate *);
void		 token_gate_fini(struct token_gate *);
/* ERR_VIOLATION when it is not 32 bytes.  A new key voids all revocations. */
enum err	 token_gate_key(struct token_gate *, struct slice key) MUST_USE;
void		 token_gate_revoke(struct token_gate *, uint64_t account, uint64_t before_s);
/* The account was deleted and its revocation is of no more use. */
void		 token_gate_forget(struct token_gate *, uint64_t account);
/* Tokens of the account that are issued from this second on are good; 0: all. */
uint64_t	 token_gate_since(const struct token_gate *, uint64_t account);
/* instance: of the peer that shows the token.  ERR_AUTH, ERR_AGAIN. */
enum err	 token_gate_check(const struct token_gate *, struct token *,
		    struct slice bytes, uint32_t instance, unsigned scopes,
		    uint64_t now_s) MUST_USE;

#endif
